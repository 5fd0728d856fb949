"""Repetition loops: a phrase that Whisper repeats without end when it has lost the audio."""

import re
import zlib

MAX_LOOP_WORDS = 30
MAX_SPOKEN_CHARACTERS = 100
MIN_PHRASE_CHARACTERS = 10
MIN_PASSAGE_CHARACTERS = 24
# Thai, Lao, Burmese, Khmer, kana and Chinese characters: scripts that write no spaces between words.
_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
UNSPACED = re.compile(f"[{_UNSPACED}]")
# A word with the space before it; in those scripts, a character.
_PIECES = re.compile(rf"\s*(?:[{_UNSPACED}]|[^\s{_UNSPACED}]+)")


def compression_ratio(text: str) -> float:
    """How much zlib saves; above 2.4 the text repeats itself (openai/whisper, `utils.compression_ratio`)."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


MAX_LETTERS_PER_SECOND = 22.0  # very fast speech
LETTERS_PER_CHARACTER = 2.5  # of scripts whose characters are syllables or words
LETTERS_PER_DIGIT = 3.5  # because numbers are said as words


def is_plausible_speech(text: str, seconds: float) -> bool:
    """Whether a text can be said in that time."""
    return spoken_letters(text) <= MAX_LETTERS_PER_SECOND * seconds


def spoken_letters(text: str) -> float:
    """Letters and digits; digits, and characters of Chinese, Japanese and Korean, count as several."""
    digits = sum(map(str.isdigit, text))
    others = (c for c in text if c.isalpha())
    return LETTERS_PER_DIGIT * digits + sum(LETTERS_PER_CHARACTER if c >= "\u3000" else 1.0 for c in others)


def _needed(words: int) -> int:
    """How often a phrase of so many words must be repeated to be a loop and not natural speech."""
    return 8 if words == 1 else 5 if words <= 3 else 3


def remove_repetition_loops(text: str, seconds: float = 0.0) -> tuple[str, str]:
    """The text with each loop reduced to its first round, and the removed text (empty without a loop).

    A text of `seconds` that can be said in that time is no loop, unless it is far too long for one breath.
    """
    if len(text) < MAX_SPOKEN_CHARACTERS and is_plausible_speech(text, seconds):
        return text, ""
    pieces = _PIECES.findall(text)
    plain = [re.sub(r"\W+", "", piece).casefold() for piece in pieces]
    kept: list[str] = []
    cut: list[str] = []
    at = 0
    while at < len(pieces):
        size, rounds = _loop_at(plain, at)
        kept += pieces[at : at + size]
        cut += pieces[at + size : at + size * rounds]
        at += size * rounds
    return "".join(kept), "".join(cut)


def repeats_itself(text: str) -> bool:
    """Whether the text has a phrase of at least `MIN_PHRASE_CHARACTERS` twice in a row."""
    plain = [piece for each in _PIECES.findall(text) if (piece := re.sub(r"\W+", "", each).casefold())]
    return any(
        plain[at : at + size] == plain[at + size : at + 2 * size]
        and len("".join(plain[at : at + size])) >= MIN_PHRASE_CHARACTERS
        for size in range(1, min(MAX_LOOP_WORDS, len(plain) // 2) + 1)
        for at in range(len(plain) - 2 * size + 1)
    )


def repeats(text: str, given: str) -> bool:
    """Whether the text has a passage of `MIN_PASSAGE_CHARACTERS` that stands in the given one, too."""
    plain, known = _plain(text), _plain(given)
    last = len(plain) - MIN_PASSAGE_CHARACTERS
    return any(plain[at : at + MIN_PASSAGE_CHARACTERS] in known for at in range(last + 1))


def are_alike(text: str, other: str) -> bool:
    """Whether most of a text is in another one, by three characters each; an empty one is not."""
    pieces, others = _trigrams(text), _trigrams(other)
    return 2 * len(pieces & others) > len(pieces)


def _trigrams(text: str) -> set[str]:
    plain = _plain(text)
    return {plain[at : at + 3] for at in range(len(plain) - 2)}


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


def _loop_at(plain: list[str], at: int) -> tuple[int, int]:
    """(words, rounds) of the shortest loop that begins here, (1, 1) without one."""
    for size in range(1, min(MAX_LOOP_WORDS, (len(plain) - at) // 3) + 1):
        phrase = plain[at : at + size]
        rounds = 1
        while plain[at + size * rounds : at + size * (rounds + 1)] == phrase:
            rounds += 1
        if rounds >= _needed(size) and any(phrase):
            return size, rounds
    return 1, 1
