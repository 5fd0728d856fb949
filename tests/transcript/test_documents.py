"""Export to documents, tables and editing lists: words, names, times, and markup that stays text."""

import csv
import io
import re
import xml.etree.ElementTree as ET
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pysubs2
import pytest
from docx import Document
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.transcript.fonts import choose_fonts
from whisper_appliance.transcript.formats import FORMATS, export
from whisper_appliance.transcript.formats.format import ExportOptions
from whisper_appliance.transcript.formats.pdf import write_pdf_with_fonts
from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Note, Segment, Transcript

MARKUP = "<script>alert(1)</script> & {b} \\N *a* _b_ [c](d) `e` | =1+1 --> # h"
TITLED = ExportOptions(title=MARKUP, created="2026-01-02T03:04:05.000Z")
LINE = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), min_size=1, max_size=60).map(clean)


def transcript(*segments: Segment) -> Transcript:
    return Transcript(segments, "en", 0.9, 3600.0, "transcribe", "base", 1.5)


INTERVIEW = transcript(
    Segment(0, 2, " Where were you?", speaker="Ada"),
    Segment(2, 4, " At home.", speaker="Bob"),
    Segment(4, 6, " All day.", speaker="Bob"),
    Segment(3599, 3600, f" {MARKUP}", speaker=MARKUP),
)


class Words(HTMLParser):
    """The text of a page, and the names of its elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.elements = "", set[str]()
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.elements.add(tag)


def written(name: str, options: ExportOptions = TITLED) -> str:
    return export(INTERVIEW, name, options).decode()


def test_text_names_each_speaker_once_in_a_row() -> None:
    assert written("txt").splitlines()[:2] == ["Ada: Where were you?", "Bob: At home. All day."]


@pytest.mark.parametrize("name", [name for name, each in FORMATS.items() if each.is_text])
def test_speakers_are_in_every_text_format_unless_left_out(name: str) -> None:
    assert "Bob" in written(name)
    assert "Bob" not in written(name, ExportOptions(speakers=False))


def test_exports_show_times_and_paragraphs_by_option() -> None:
    shown = written("txt", ExportOptions(times=True, paragraphs=False)).splitlines()
    assert shown[1:3] == ["[0:02] Bob: At home.", "[0:04] All day."]
    assert "`0:02`" not in written("md", ExportOptions(times=False))


def words_of(name: str, options: ExportOptions) -> str:
    """The words of a document as people see them, with its line breaks."""
    made = export(INTERVIEW, name, options)
    if name == "docx":
        return "\n".join(each.text for each in Document(io.BytesIO(made)).paragraphs)
    page = made.decode() if name == "html" else MarkdownIt().render(made.decode())
    return made.decode() if name == "txt" else Words(re.sub("<br ?/?>\n?", "\n", page)).text


@pytest.mark.parametrize("name", ["txt", "md", "html", "docx"])
def test_a_template_says_how_documents_write_a_paragraph(name: str) -> None:
    template = "{speaker} ({start}-{end}, {who}):\n* {text}"
    shown = words_of(name, ExportOptions(template=template, paragraphs=False, times=False))
    assert "Bob (0:02-0:04, {who}):\n* At home." in shown
    assert f"(59:59-1:00:00, {{who}}):\n* {MARKUP}" in shown
    full = words_of(name, ExportOptions(template="{start_full} {text}", paragraphs=False))
    assert "00:00:02.000 At home." in full


def test_a_template_without_a_place_for_the_words_is_refused() -> None:
    for name in ("txt", "docx"):
        with pytest.raises(InvalidRequest, match=r"needs \{text\}"):
            written(name, ExportOptions(template="{start}"))
    assert written("txt", ExportOptions(template=" \n")) == written("txt")


@pytest.mark.parametrize("name", [name for name, each in FORMATS.items() if not each.has_template])
def test_a_format_without_paragraphs_leaves_out_the_template(name: str) -> None:
    assert written(name, ExportOptions(template="{start}")) == written(name, ExportOptions())


def test_each_place_stands_once_in_a_template() -> None:
    with pytest.raises(InvalidRequest, match=r"has \{text\} more than once"):
        written("txt", ExportOptions(template="{start} {text} {text}"))


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("[{start}] {speaker}: {text}", "[0:01] Well."),
        ("{text} ({speaker})", "Well."),
        ("({speaker}) {text}", "Well."),
        ("{speaker}:\n{text}", "Well."),
        ("{text}\n{translation}", "Well."),
        ("{text}\n", "Well.\n"),
        ("{speaker}{translation}{text}", "Well."),
    ],
)
def test_what_belongs_to_an_unknown_name_is_left_out(template: str, shown: str) -> None:
    made = export(transcript(Segment(1, 2, " Well.")), "txt", ExportOptions(template=template))
    assert made.decode() == f"{shown}\n"


def test_markup_stays_text_on_a_web_page() -> None:
    page = Words(written("html"))
    assert "script" not in page.elements
    assert page.text.count(MARKUP) == 4  # in the title, the heading, as speaker and as words


@settings(max_examples=60)
@given(LINE)
@example("\ufffd")
@example("a \ufffdb")
def test_markdown_shows_any_words_as_they_are(line: str) -> None:
    shown = export(transcript(Segment(0, 2, line)), "md", ExportOptions(times=False)).decode()
    page = Words(MarkdownIt().render(shown))
    whole = line.replace("\ufffd", "")  # a character that was cut in two is never shown
    assert " ".join(page.text.split()) == " ".join(whole.split())
    assert page.elements <= {"p"}


def test_a_table_holds_no_formula() -> None:
    cells = list(csv.reader(io.StringIO(written("csv").removeprefix("\ufeff"))))
    assert cells[0] == ["start", "end", "speaker", "text"]
    assert cells[4] == ["3599.000", "3600.000", MARKUP, MARKUP]
    risky = export(transcript(Segment(0, 1, " =HYPERLINK(1)")), "csv").decode()
    assert ",'=HYPERLINK(1)" in risky


@settings(max_examples=60)
@given(LINE, LINE)
def test_ass_events_are_read_as_they_were_written(line: str, name: str) -> None:
    ass = export(transcript(Segment(0, 2, line, speaker=name)), "ass").decode()
    events = pysubs2.SSAFile.from_string(ass, format_="ass").events
    if not line:
        assert not events
        return
    joined = "".join(re.sub(r"\\N", " ", event.text) for event in events)
    plain = joined.replace("\\\u2060", "\\").replace(r"\{", "{").replace(r"\}", "}")
    assert "".join(plain.split()) == "".join(line.split())


def test_a_word_document_has_title_times_speakers_and_direction() -> None:
    right = transcript(Segment(0, 2, " שלום עולם", speaker="דנה"), Segment(2, 4, " Hello \x0bthere \ufffe"))
    document = Document(io.BytesIO(export(right, "docx", TITLED)))
    title, facts, hebrew, english = document.paragraphs
    assert title.text == MARKUP
    assert facts.text == "2026-01-02 · 1:00:00"
    assert hebrew.text == "0:00  דנה: שלום עולם"
    assert english.text == "0:02  Hello there "
    assert all(run.font.rtl for run in hebrew.runs)
    with zipfile.ZipFile(io.BytesIO(export(right, "docx", TITLED))) as archive:
        ET.fromstring(archive.read("word/document.xml"))  # our own document


def test_an_editing_list_has_a_cut_for_each_paragraph() -> None:
    lines = written("edl", ExportOptions(title="Interview", frame_rate=25)).split("\r\n")
    assert lines[0] == "TITLE: Interview"
    events = [line for line in lines if re.match(r"\d{3} ", line)]
    assert events[1].split()[4:] == ["00:00:02:00", "00:00:06:00", "00:00:02:00", "00:00:06:00"]
    assert "* COMMENT: Bob: At home. All day." in lines


def test_frames_of_a_second_are_counted_by_the_frame_rate() -> None:
    late = transcript(Segment(3599, 3600, " Late."))
    drop = export(late, "edl", ExportOptions(frame_rate=29.97)).decode()
    assert " 00:59:55:12 " in drop  # 3599 s x 29.97 = 107862 frames


def test_a_pdf_holds_its_words_and_embeds_fonts() -> None:
    pytest.importorskip("fpdf")
    fonts = choose_fonts("Hello")
    if not fonts.files:
        pytest.skip("this machine has no fonts")
    pdf = export(transcript(Segment(0, 2, " Hello there.")), "pdf", ExportOptions(title="Talk"))
    assert pdf.startswith(b"%PDF-")
    assert b"/FontFile2" in pdf or b"/FontFile3" in pdf


def test_a_script_without_a_font_is_refused_by_name(tmp_path: Path) -> None:
    japanese = transcript(Segment(0, 2, "今日はいい天気"))
    with pytest.raises(InvalidRequest, match="Hiragana") as refused:
        write_pdf_with_fonts(japanese, ExportOptions(), [tmp_path])
    assert refused.value.field == "format"


def test_a_damaged_font_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "NotoSans-Regular.ttf").write_bytes(b"no font")
    assert choose_fonts("a", [tmp_path]).missing == {"a"}


NOTES = (
    Note(0.0, "Before"),
    Note(5.0, f"{MARKUP}\nsecond line", MARKUP, "2026-01-02T03:04:05.000Z"),
    Note(3600.0, "End", "Ada"),
)


def with_notes(name: str, notes: tuple[Note, ...] = NOTES, **said: Transcript) -> bytes:
    return export(said.get("said", INTERVIEW), name, ExportOptions(notes=notes))


def test_notes_are_comments_of_word_on_their_paragraphs() -> None:
    document = Document(io.BytesIO(with_notes("docx")))
    comments = list(document.comments)
    assert [comment.author for comment in comments] == ["", MARKUP, "Ada"]
    assert comments[1].text == f"0:05  {MARKUP}\nsecond line"
    assert comments[1].timestamp is not None
    assert comments[1].timestamp.year == 2026
    paragraphs = [each._p.xml for each in document.paragraphs]
    (place,) = [at for at, xml in enumerate(paragraphs) if 'commentReference w:id="1"' in xml]
    assert "At home." in document.paragraphs[place].text


def test_notes_in_markdown_and_html_are_text() -> None:
    shown = MarkdownIt().render(with_notes("md").decode())
    assert shown.count("<blockquote>") == 3
    assert "<script>" not in shown
    assert "<em>" not in shown
    page = Words(with_notes("html").decode())
    assert "script" not in page.elements
    assert page.text.count("alert(1)") == 4  # name and words of the last line, author and text of the note
    assert "second line" in page.text


def test_notes_of_a_recording_without_words_are_exported() -> None:
    for name in ("md", "html", "docx", "json"):
        written_file = with_notes(name, said=transcript())
        if name == "docx":
            assert len(list(Document(io.BytesIO(written_file)).comments)) == 3
        else:
            assert b"Before" in written_file
