"""Fonts of this machine that have the characters of a text, for documents that embed them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDERS = tuple(map(Path, ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")))
SUFFIXES = (".ttf", ".otf", ".ttc")
PREFERRED = (
    "notosans-regular", "dejavusans", "liberationsans-regular", "notosansarabic-regular",
    "notonaskharabic-regular", "notosanshebrew-regular", "notosansdevanagari-regular",
    "notosansthai-regular", "notosanscjk-regular", "droidsansfallbackfull", "wqy-microhei", "unifont",
)  # fmt: skip
"""File names without extension, in the order in which they are tried; others of the machine follow."""
STYLES = (
    "bold",
    "italic",
    "oblique",
    "mono",
    "light",
    "thin",
    "black",
    "condensed",
    "medium",
    "serif",
    "math",
)
MOST_OTHERS = 60
"""Fonts outside the preferred ones that are opened, because each takes some milliseconds."""


@dataclass(frozen=True, slots=True)
class ChosenFonts:
    """Font files whose characters together cover a text, and the characters that none of them has."""

    files: tuple[Path, ...]
    bold: Path | None
    missing: frozenset[str]


def choose_fonts(text: Iterable[str], folders: Sequence[Path] = FOLDERS) -> ChosenFonts:
    """The fewest fonts, tried in order of preference, that have the characters of the text."""
    needed = {character for character in text if character.isprintable() and not character.isspace()}
    files: list[Path] = []
    found = _font_files(folders)
    for file in _in_order(found):
        if not needed:
            break
        covered = needed & _characters(file)
        if covered:
            files.append(file)
            needed -= covered
    bold = _bold(files[0], found) if files else None
    return ChosenFonts(tuple(files), bold, frozenset(needed))


def _font_files(folders: Sequence[Path]) -> list[Path]:
    existing = (folder.expanduser() for folder in folders)
    return sorted(
        file
        for folder in existing
        if folder.is_dir()
        for file in folder.rglob("*")
        if file.suffix.lower() in SUFFIXES
    )


def _in_order(files: list[Path]) -> Iterator[Path]:
    by_name = {file.stem.lower(): file for file in files}
    preferred = [by_name[name] for name in PREFERRED if name in by_name]
    yield from preferred
    others = (
        file
        for file in files
        if file not in preferred and not any(style in file.stem.lower() for style in STYLES)
    )
    yield from list(others)[:MOST_OTHERS]


def _bold(file: Path, files: list[Path]) -> Path | None:
    stem = file.stem.lower().removesuffix("-regular")
    return next((each for each in files if each.stem.lower() == f"{stem}-bold"), None)


def _characters(file: Path) -> set[str]:
    """The characters of a font; none for a file that is damaged or has outlines that cannot be embedded."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with TTFont(file, lazy=True, fontNumber=0) as font:
            return {chr(code) for code in font.getBestCmap() or ()}
    except (TTLibError, OSError, ValueError, KeyError):
        return set()
