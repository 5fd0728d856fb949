"""What of a translation stands beside each line, and how every format writes it."""

import csv
import io
import json
import zipfile
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.library import transcript
from whisper_appliance.transcript.beside import lines_beside
from whisper_appliance.transcript.formats import FORMATS, export
from whisper_appliance.transcript.formats.format import ExportOptions
from whisper_appliance.transcript.imports.json import read
from whisper_appliance.transcript.model import Segment, Transcript


def said(*spans: tuple[float, float, str], channel: int | None = None) -> tuple[Segment, ...]:
    return tuple(Segment(start, end, text, channel=channel) for start, end, text in spans)


ORIGINAL = said((0, 2, " Guten Morgen."), (2, 4, " Wie geht es Ihnen?"), (9, 12, " Danke <gut> & Ende."))
ENGLISH = said((0, 1.8, " Good morning."), (1.9, 4, " How are you?"), (9, 12, " Thanks, <good> & *end*."))
GERMAN = replace(transcript(), segments=ORIGINAL, language="de", duration=12.0)
OPTIONS = ExportOptions("Talk", translation=replace(GERMAN, segments=ENGLISH, task="translate"))


def written(name: str, **others: object) -> str:
    return export(GERMAN, name, replace(OPTIONS, **others)).decode()  # type: ignore[arg-type] # any of its fields


def test_a_translated_line_stands_beside_the_line_whose_time_it_shares() -> None:
    assert lines_beside(ORIGINAL, ENGLISH) == ("Good morning.", "How are you?", "Thanks, <good> & *end*.")


@pytest.mark.parametrize(
    ("span", "place"), [((0, 3.5), 0), ((1, 4), 1), ((5, 6), 1), ((4, 20), 2), ((50, 60), 2), ((2, 2), 1)]
)
def test_a_translated_line_of_several_stands_beside_the_one_it_shares_most(
    span: tuple[float, float], place: int
) -> None:
    lines = lines_beside(ORIGINAL, said((*span, "x")))
    assert [at for at, line in enumerate(lines) if line] == [place]


def test_what_is_beside_one_line_is_in_the_order_of_its_times() -> None:
    assert lines_beside(ORIGINAL[2:], said((11, 12, "third"), (9, 10, "first"), (10, 11, " "))) == (
        "first third",
    )


def test_the_channels_of_a_call_keep_their_own_translation() -> None:
    call = (*said((0, 4, "Ja"), channel=1), *said((0.5, 3.5, "Nein"), channel=2))
    assert lines_beside(call, said((0.5, 3.5, "No"), channel=2)) == ("", "No")
    assert lines_beside(call, said((0.5, 3.5, "Yes"), channel=1)) == ("Yes", "")


times = st.floats(0, 100, allow_nan=False)
spans = st.lists(st.tuples(times, times).map(sorted), max_size=12)


@given(spans, spans)
def test_no_word_of_a_translation_is_lost(original: list[list[float]], translated: list[list[float]]) -> None:
    lines = tuple(Segment(start, end, "x") for start, end in sorted(original))
    english = [Segment(start, end, f"w{at}") for at, (start, end) in enumerate(translated)]
    beside = lines_beside(lines, english)
    assert len(beside) == len(lines)
    assert sorted(" ".join(beside).split()) == (sorted(each.text for each in english) if lines else [])


def test_text_has_the_translation_below_each_paragraph_or_line() -> None:
    assert written("txt") == (
        "Guten Morgen. Wie geht es Ihnen?\nGood morning. How are you?\n\n"
        "Danke <gut> & Ende.\nThanks, <good> & *end*.\n\n"
    )
    assert written("txt", paragraphs=False).startswith("Guten Morgen.\nGood morning.\n\nWie geht")


def test_subtitles_have_the_translation_as_further_lines() -> None:
    first = "00:00:00,000 --> 00:00:02,000\nGuten Morgen.\nGood morning.\n"
    assert first in written("srt")
    vtt = written("vtt")
    assert "Guten Morgen.\n<lang en>Good morning.</lang>\n" in vtt
    assert "<lang en>Thanks, &lt;good&gt; &amp; *end*.</lang>" in vtt
    assert r"Guten Morgen.\NGood morning." in written("ass")


def test_a_long_caption_takes_its_part_of_the_translation_along() -> None:
    long = said((0, 10, " " + "Wort " * 40))
    english = said((0, 10, " " + " ".join(f"word{n}" for n in range(30))))
    german = replace(GERMAN, segments=long)
    options = replace(OPTIONS, translation=replace(GERMAN, segments=english))
    blocks = export(german, "srt", options).decode().strip().split("\n\n")
    assert len(blocks) > 1
    words = [word for block in blocks for word in block.split() if word.startswith("word")]
    assert words == [f"word{n}" for n in range(30)]
    assert all("word" in block for block in blocks)
    assert max(len(line) for block in blocks for line in block.splitlines()) <= 42


def test_documents_have_both_texts() -> None:
    html = written("html")
    assert '<div class="pair">' in html
    assert '<p lang="en" dir="auto">Thanks, &lt;good&gt; &amp; *end*.</p>' in html
    assert "*Good morning. How are you?*" in written("md")
    docx = zipfile.ZipFile(io.BytesIO(export(GERMAN, "docx", OPTIONS))).read("word/document.xml").decode()
    assert "Good morning. How are you?" in docx
    assert export(GERMAN, "pdf", OPTIONS).startswith(b"%PDF")


def test_tables_and_json_have_it_by_phrase() -> None:
    rows = list(csv.DictReader(io.StringIO(written("csv").removeprefix("\ufeff"))))
    assert [row["translation"] for row in rows] == list(lines_beside(ORIGINAL, ENGLISH))
    segments = json.loads(written("json"))["segments"]
    assert [each["translation"] for each in segments] == list(lines_beside(ORIGINAL, ENGLISH))
    assert read(written("json").encode()).transcript.text == GERMAN.text


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("docx", "pdf")])
def test_without_a_translation_nothing_changes(name: str) -> None:
    plain = export(GERMAN, name, replace(OPTIONS, translation=None))
    assert plain == export(GERMAN, name, ExportOptions("Talk"))
    assert b"morning" not in plain


def test_an_empty_transcript_has_nothing_beside_it() -> None:
    empty: Transcript = replace(GERMAN, segments=())
    assert lines_beside((), ENGLISH) == ()
    for name in FORMATS:
        assert b"morning" not in export(empty, name, OPTIONS)
