"""Cuts lines into pieces that a small model translates well: sentences, and long ones at spaces."""

from collections.abc import Iterator

from whisper_appliance.transcript.sentences import sentences

MAX_PIECE_CHARS = 300
"""Small models repeat themselves in longer ones, and the time for one grows with the square of its length."""


def pieces(line: str, language: str) -> list[str]:
    """The sentences of a line, each of at most `MAX_PIECE_CHARS`; none for an empty line."""
    return [piece for sentence in sentences(line, language) for piece in _short(" ".join(sentence.split()))]


def _short(sentence: str) -> Iterator[str]:
    while len(sentence) > MAX_PIECE_CHARS:
        space = sentence.rfind(" ", 1, MAX_PIECE_CHARS + 1)
        end = space if space > 0 else MAX_PIECE_CHARS
        yield sentence[:end].rstrip()
        sentence = sentence[end:].lstrip()
    if sentence:
        yield sentence
