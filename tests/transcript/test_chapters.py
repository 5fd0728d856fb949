"""Chapters begin after long pauses or by hand, are named by first words, and are headings of documents."""

import io
import json

import pytest
from docx import Document

from whisper_appliance.transcript.chapters import Chapter, automatic_chapters, chapter_title
from whisper_appliance.transcript.formats import export
from whisper_appliance.transcript.formats.format import ExportOptions
from whisper_appliance.transcript.model import Segment, Transcript
from whisper_appliance.transcript.paragraphs import paragraphs


def lecture(count: int, *after: int) -> Transcript:
    """Sentences of five seconds, with a pause of five more before those places."""
    segments, start = [], 0.0
    for place in range(count):
        start += 5.0 * (place in after)
        segments.append(Segment(start, start + 5, f" Sentence number {place} of this lecture."))
        start += 5.0
    return Transcript(tuple(segments), "en", 0.9, start, "transcribe", "base", 1.0)


def test_chapters_begin_after_long_pauses_that_are_far_apart_in_a_long_recording_only() -> None:
    starts = [each.start for each in automatic_chapters(lecture(200, 60, 62, 120))]
    assert starts == [0.0, 305.0, 615.0]
    assert automatic_chapters(lecture(200)) == ()
    assert automatic_chapters(lecture(100, 50)) == ()
    assert automatic_chapters(lecture(0)) == ()


@pytest.mark.parametrize(
    ("chapter", "title"),
    [
        (Chapter(5.0), "Sentence number 1 of this lecture. Sentence number 2 of this…"),
        (Chapter(4.97), "Sentence number 1 of this lecture. Sentence number 2 of this…"),
        (Chapter(5.0, "Costs"), "Costs"),
        (Chapter(12.0), "Sentence number 2 of this lecture."),
        (Chapter(99.0), "Sentence number 2 of this lecture."),
    ],
)
def test_a_chapter_without_a_title_is_named_by_its_first_words(chapter: Chapter, title: str) -> None:
    assert chapter_title(lecture(3).segments, chapter) == title


CHAPTERS = (Chapter(0.0, "Begin *<b>"), Chapter(10.0), Chapter(11.0, "Same place"))


def test_a_chapter_begins_a_new_paragraph() -> None:
    shown = paragraphs(lecture(4), chapters=CHAPTERS)
    assert [(each.start, each.chapters) for each in shown] == [
        (0.0, ("Begin *<b>",)),
        (10.0, ("Sentence number 2 of this lecture. Sentence number 3 of this…", "Same place")),
    ]
    assert [each.chapters for each in paragraphs(lecture(4))] == [()]
    assert paragraphs(lecture(0), chapters=CHAPTERS) == []


def test_chapters_are_headings_of_documents_and_in_json() -> None:
    options = ExportOptions(title="Talk", chapters=CHAPTERS)
    document = Document(io.BytesIO(export(lecture(4), "docx", options)))
    headings = [each.text for each in document.paragraphs if each.style and each.style.name == "Heading 2"]
    assert headings[0::2] == ["Begin *<b>", "Same place"]
    assert "\n## Begin \\*\\<b\\>\n" in export(lecture(4), "md", options).decode()
    assert '<h2 dir="auto">Begin *&lt;b&gt;</h2>' in export(lecture(4), "html", options).decode()
    assert export(lecture(4), "pdf", options).startswith(b"%PDF")
    written = json.loads(export(lecture(4), "json", options))
    assert written["chapters"][2] == {"start": 11.0, "title": "Same place"}
    assert "chapters" not in json.loads(export(lecture(4), "json"))
