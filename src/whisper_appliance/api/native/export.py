"""Export of transcripts: the options of all formats, the response with a file, and archives of several."""

import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from flask import Response
from pydantic import Field

from whisper_appliance.core.errors import InvalidRequest, NotFound
from whisper_appliance.core.schema import Schema
from whisper_appliance.library.transcript_rows import StoredTranscript, TranscriptSummary
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.transcript.chapters import Chapter
from whisper_appliance.transcript.formats import FORMATS, export
from whisper_appliance.transcript.formats.format import ExportOptions
from whisper_appliance.transcript.model import Note, Transcript
from whisper_appliance.transcript.paragraph_template import checked_template
from whisper_appliance.web.content_disposition import attachment, file_safe

PAGE = 100
MOST_IDS = 1000
CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Annotations:
    """What belongs to a transcript: notes, chapters by hand and its translation, None if there are none."""

    notes: tuple[Note, ...] = ()
    chapters: tuple[Chapter, ...] | None = None
    translation: Transcript | None = None


NOTHING = Annotations()
ANNOTATED = frozenset({"docx", "pdf", "md", "html"})
"""Formats that show annotations; JSON has them from elsewhere."""
FindAnnotations = Callable[[str], Annotations]
FindRecording = Callable[[TranscriptSummary], tuple[Path, str] | None]

TextFormatName = Literal["json", "txt", "srt", "vtt", "tsv"]
FormatName = Literal["json", "txt", "srt", "vtt", "tsv", "csv", "ass", "md", "html", "docx", "pdf", "edl"]
FrameRate = Literal["23.976", "24", "25", "29.97", "30", "50", "59.94", "60"]


class ExportFields(Schema):
    """How to write transcripts as files; a format leaves out what it has no use for."""

    max_line_chars: int = Field(
        42, ge=1, le=200, description="srt, vtt, ass: longest line; wide characters count two."
    )
    max_lines: int = Field(2, ge=1, le=10, description="srt, vtt, ass: most lines in one caption.")
    times: bool | None = Field(
        None,
        description="txt, md, html, docx, pdf: with the time of each paragraph; txt has none by default.",
    )
    template: str = Field(
        "",
        max_length=500,
        description="txt, md, html, docx, pdf: how a paragraph is written, with {start}, {end}, {speaker}, "
        "{text} and {translation}; {start_full} is 00:01:02.500. Then `times` does not count.",
    )
    speakers: bool = Field(True, description="Name the speakers where they are known.")
    paragraphs: bool = Field(
        True, description="txt, md, html, docx, pdf, edl: join phrases to paragraphs; false: a line each."
    )
    frame_rate: FrameRate = Field("25", description="edl: frames a second of the video.")
    chapters: bool = Field(
        True, description="docx, pdf, md, html: with chapters by hand as headings; json: with them."
    )
    notes: bool = Field(True, description="docx (as comments), md, html, json: with notes.")

    translation: Literal["no", "beside"] = Field(
        "no",
        description="All but tsv and edl: `beside` writes the translation, where there is one, "
        "below or beside each paragraph, caption or phrase.",
    )

    def options(self, summary: TranscriptSummary, annotations: Annotations = NOTHING) -> ExportOptions:
        """The options for one transcript, and what was written about it."""
        return ExportOptions(
            title=summary.title,
            created=summary.created,
            max_line_chars=self.max_line_chars,
            max_lines=self.max_lines,
            times=self.times,
            template=self.template,
            speakers=self.speakers,
            paragraphs=self.paragraphs,
            frame_rate=float(self.frame_rate),
            notes=annotations.notes if self.notes else (),
            chapters=annotations.chapters if self.chapters else None,
            translation=annotations.translation if self.translation == "beside" else None,
        )


class ExportQuery(ExportFields):
    """How to write one transcript."""

    format: FormatName = Field("json", description="Form of the answer.")
    download: bool = Field(False, description="Answer as a file to save; html is always one.")


class ArchiveBody(ExportFields):
    """Which transcripts to put into an archive, and how."""

    ids: list[str] | None = Field(
        None, max_length=MOST_IDS, description="Ids of transcripts; all of your own if there are none."
    )
    formats: list[FormatName] = Field(["txt", "json"], min_length=1, description="A file of each.")


def text_formats() -> dict[str, object]:
    """The OpenAPI content of a transcript as a file, by media type."""
    return {
        each.media_type: {"schema": {"type": "string", **({} if each.is_text else {"format": "binary"})}}
        for each in FORMATS.values()
        if each.name != "json"
    }


def file_response(
    stored: StoredTranscript, query: ExportQuery, annotations: Annotations = NOTHING
) -> Response:
    """The response with a transcript in one of the formats other than the JSON of the API."""
    chosen = FORMATS[query.format]
    written = export(stored.transcript, query.format, query.options(stored.summary, annotations))
    response = Response(written, mimetype=chosen.media_type)
    if query.download or query.format == "html":
        response.headers["Content-Disposition"] = attachment(stored.summary.title + chosen.extension)
    return response


def archive_response(
    transcripts: Iterable[StoredTranscript],
    formats: Iterable[FormatName],
    fields: ExportFields,
    name: str,
    find_recording: FindRecording = lambda _summary: None,
    find_annotations: FindAnnotations = lambda _id: NOTHING,
) -> Response:
    """The response with a ZIP archive, streamed, so that it is never whole in memory.

    `find_recording` returns the kept recording of a transcript that goes into it, with its extension;
    `find_annotations` the chapters and notes of the transcript with an id. Raises `InvalidRequest` for a
    template that a format cannot fill, before the first byte is sent.
    """
    chosen = tuple(dict.fromkeys(formats))
    if any(FORMATS[name].has_template for name in chosen):
        checked_template(fields.template)
    content = _archive(transcripts, chosen, fields, find_recording, find_annotations)
    response = Response(content, mimetype="application/zip")
    response.headers["Content-Disposition"] = attachment(name)
    response.headers["X-Accel-Buffering"] = "no"
    return response


def own_transcripts(repository: TranscriptRepository, owner: str) -> Iterator[StoredTranscript]:
    """All transcripts of an owner outside the trash; skips one that is deleted meanwhile."""
    cursor: str | None = None
    while True:
        page = repository.page(owner, limit=PAGE, cursor=cursor)
        for summary in page.summaries:
            try:
                yield repository.get(summary.id, owner)
            except NotFound:
                continue
        cursor = page.next_cursor
        if cursor is None:
            return


class _Pipe:
    """A write-only file whose content is read while it grows."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def read_written(self) -> bytes:
        written = b"".join(self._parts)
        self._parts.clear()
        return written


def _archive(
    transcripts: Iterable[StoredTranscript],
    formats: tuple[FormatName, ...],
    fields: ExportFields,
    find_recording: FindRecording,
    find_annotations: FindAnnotations,
) -> Iterator[bytes]:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload] # only written to
        for stored in transcripts:
            options = fields.options(stored.summary, find_annotations(stored.summary.id))
            for format_name in formats:
                name = _name(stored.summary) + FORMATS[format_name].extension
                try:
                    archive.writestr(name, export(stored.transcript, format_name, options))
                except InvalidRequest as error:
                    archive.writestr(f"{name} is missing.txt", f"{error.message}\n")
            yield pipe.read_written()
            if found := find_recording(stored.summary):
                for _ in _added_recording(archive, stored.summary, *found):
                    yield pipe.read_written()
    yield pipe.read_written()


def _added_recording(
    archive: zipfile.ZipFile, summary: TranscriptSummary, path: Path, extension: str
) -> Iterator[None]:
    """Adds the kept recording of a transcript, as it is, part by part."""
    entry = zipfile.ZipInfo(_name(summary) + extension, datetime.now(UTC).timetuple()[:6])
    with path.open("rb") as file, archive.open(entry, "w", force_zip64=True) as target:
        while chunk := file.read(CHUNK_BYTES):
            target.write(chunk)
            yield


def _name(summary: TranscriptSummary) -> str:
    """The name without extension: the title for people, and part of the id to be unique."""
    return f"{summary.created[:10]} {file_safe(summary.title)[:80]} {summary.id[:8]}"
