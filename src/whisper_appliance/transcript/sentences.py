"""Sentence boundaries by sentencex, the rules of Wikimedia for some 300 languages."""

from sentencex import segment as split_sentences

CONTEXT_CHARS = 200
"""So much text on each side decides whether a sentence ends between them."""


def ends_between(before: str, after: str, language: str) -> bool:
    """Whether a sentence ends after the text `before`; no abbreviation and no initial ends one.

    `after` goes on where `before` stops, with its leading space. `language` is a code; an unknown one is
    taken as English.
    """
    before, after = before.rstrip()[-CONTEXT_CHARS:], after[:CONTEXT_CHARS]
    end = 0
    for sentence in split_sentences(language, before + after):
        end += len(sentence)
        if end >= len(before):
            return len(sentence.rstrip()) - len(sentence) + end == len(before)
    return False


def sentences(text: str, language: str) -> list[str]:
    """The sentences of a text, in order. An unknown language is taken as English."""
    return list(split_sentences(language, text))
