"""Stored English texts in another language: the errors of jobs, the notices of transcripts.

What is stored is the finished text. Its message is found again among those of the catalogue, whose
placeholders give its values back.
"""

import re
from functools import cache
from pathlib import Path

LOCALES = Path(__file__).parent.parent / "locales"
LANGUAGES = frozenset(path.name for path in LOCALES.iterdir() if path.is_dir())
"""Those with a catalogue: all but English."""
PLACEHOLDER = re.compile(r"\{(\w+)[^{}]*\}")
SIZE = re.compile(r"(\d+)\.(\d+ [KMGT]i?B)")
"""As `format_bytes` writes it."""
FEWEST_LETTERS = 12
"""So much of a message must be text of its own; another one would fit almost any text."""


def translate_stored(text: str, locale: str) -> str:
    """The text in the language, as far as the catalogue has its message; so are values, and sizes."""
    if size := SIZE.fullmatch(text):
        from babel.numbers import get_decimal_symbol  # slow, as below

        return get_decimal_symbol(locale).join(size.groups())
    exact = _messages(locale).get(text)
    if exact:
        return exact
    for pattern, translation in _patterns(locale):
        if found := pattern.fullmatch(text):
            values = {
                name: translate_stored(value, locale) if " " in value else value
                for name, value in found.groupdict().items()
            }
            return translation.format(**values)
    return text


@cache
def _messages(locale: str) -> dict[str, str]:
    """The translations of the messages without a plural, by their English text."""
    from babel.messages.mofile import read_mo  # slow, and not needed where people read English

    with (LOCALES / locale / "LC_MESSAGES/messages.mo").open("rb") as file:
        messages = read_mo(file)
    return {
        each.id: each.string
        for each in messages
        if isinstance(each.id, str) and isinstance(each.string, str) and each.id and each.string
    }


@cache
def _patterns(locale: str) -> list[tuple[re.Pattern[str], str]]:
    """What matches each message with placeholders, and its translation; the one with most text first.

    Of two with the same text, the one with more placeholders: the other one would match it as well.
    """
    found = []
    for message, translation in _messages(locale).items():
        letters = sum(map(str.isalpha, PLACEHOLDER.sub("", message)))
        if PLACEHOLDER.search(message) and letters >= FEWEST_LETTERS:
            found.append(
                (letters, re.compile(_pattern(message), re.DOTALL), PLACEHOLDER.sub(r"{\1}", translation))
            )
    found.sort(key=lambda each: (-each[0], -each[1].groups))
    return [(pattern, translation) for _, pattern, translation in found]


def _pattern(message: str) -> str:
    """The regular expression of a message: a group for each placeholder."""
    known: set[str] = set()
    pattern = ""
    for at, part in enumerate(PLACEHOLDER.split(message)):
        if at % 2 == 0:
            pattern += re.escape(part)
        else:
            pattern += f"(?P={part})" if part in known else f"(?P<{part}>.+?)"
            known.add(part)
    return pattern
