"""A second hypothesis replaces words only where it is surer."""

from itertools import pairwise

from whisper_appliance.live.refinement import surer_words
from whisper_appliance.transcript.model import Word


def said(text: str, probability: float = 0.8) -> list[Word]:
    return [Word(float(n), n + 1.0, f" {word}", probability) for n, word in enumerate(text.split())]


def text_of(words: tuple[Word, ...]) -> str:
    return "".join(word.word for word in words).strip()


def test_a_less_sure_hypothesis_changes_no_word() -> None:
    first = said("so I probably sound quite different")
    assert text_of(surer_words(first, said("so I apply some quite different", 0.4))) == (
        "so I probably sound quite different"
    )


def test_a_surer_hypothesis_replaces_words() -> None:
    words = surer_words(said("the worst of imes", 0.4), said("the worst of times", 0.9))
    assert text_of(words) == "the worst of times"


def test_punctuation_and_capitals_are_those_of_the_second() -> None:
    assert text_of(surer_words(said("hello there", 0.9), said("Hello there.", 0.5))) == "Hello there."


def test_words_of_both_hypotheses_are_in_order() -> None:
    second = [Word(0.5, 1.5, " a", 0.9), Word(1.5, 1.9, " x", 0.1), Word(1.9, 2.2, " c", 0.9)]
    words = surer_words(said("a b c"), second)
    assert text_of(words) == "a b c"
    assert all(one.end <= other.start for one, other in pairwise(words))
