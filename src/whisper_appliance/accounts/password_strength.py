"""Which passwords are tried first by whoever guesses: common words, rows of keys, the owner's name."""

import re
import unicodedata
from functools import cache
from importlib.resources import files

FEWEST_DIFFERENT = 5
"""Different characters; `aaaaaaaaaaab` has two."""
SPARE_CHARS = 5
"""What nobody would guess, and is needed beside words that everybody does."""
LEET = str.maketrans("@4831!|05$7+", "aaebiiiosstt")
ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiopü",
    "yxcvbnm",
    "azertyuiop",
)
COLUMNS = ("1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "1q2w3e4r5t6y7u8i9o0p")
DIGITS = ("01234567890", "13579", "24680")
RUN = 3
UNUSUAL_WORDS = 4
"""So many different common words in a row are a good pass phrase again."""


def is_weak(password: str, name: str = "") -> bool:
    """Whether little is left of the password without what is common, in a row, or known of its owner."""
    folded = unicodedata.normalize("NFKD", password).casefold()
    if len(set(folded)) < FEWEST_DIFFERENT or _repeats(folded):
        return True
    own = {part for part in re.split(r"\W+", name.casefold()) if len(part) >= RUN}
    forms = (folded, folded.translate(LEET), folded[::-1])
    return any(_spare(form, own) < SPARE_CHARS for form in forms)


def _spare(form: str, own: set[str]) -> int:
    """How many characters belong to no common word, no row of keys, no year."""
    form = re.sub(r"[\W_]+", "", form)
    for word in sorted(own, key=len, reverse=True):
        form = form.replace(word, " ")
    if len({word for word in _common().findall(form) if len(word) > RUN}) >= UNUSUAL_WORDS:
        return SPARE_CHARS
    form = _common().sub(" ", form)
    form = re.sub(r"(19|20)\d\d", " ", form)
    form = _without_rows(form)
    return len(set(form) - {" "})


def _repeats(text: str) -> bool:
    """`abcdabcdabcd`: a beginning said again and again."""
    return re.fullmatch(r"(.{1,6}?)\1+.{0,2}", text) is not None


def _without_rows(text: str) -> str:
    """The text without pieces that are neighbours on a keyboard, in the alphabet, among the numbers."""
    kept, at = [], 0
    while at < len(text):
        length = _run_length(text, at)
        if length < RUN:
            kept.append(text[at])
            length = 1
        at += length
    return "".join(kept)


def _run_length(text: str, at: int) -> int:
    longest = 1
    while longest < len(text) - at and _in_a_row(text[at : at + longest + 1]):
        longest += 1
    return longest


def _in_a_row(piece: str) -> bool:
    return len(set(piece)) == 1 or any(piece in row or piece in row[::-1] for row in _rows())


@cache
def _rows() -> tuple[str, ...]:
    return (*ROWS, *COLUMNS, *DIGITS)


@cache
def _common() -> re.Pattern[str]:
    text = (files(__package__) / "common_words.txt").read_text("utf-8")
    words = {word for line in text.splitlines() if not line.startswith("#") for word in line.split()}
    return re.compile("|".join(sorted(map(re.escape, words), key=len, reverse=True)))
