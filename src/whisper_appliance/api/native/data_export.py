"""Data export: all transcripts of a user as one ZIP archive, streamed, so it is never whole in memory."""

import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime

from flask import Response

from whisper_appliance.accounts.identity import User
from whisper_appliance.api.native.recordings import extension_of
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.errors import NotFound
from whisper_appliance.library.transcript_rows import StoredTranscript, TranscriptSummary
from whisper_appliance.transcript.codec import to_dict
from whisper_appliance.transcript.formats import render
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.content_disposition import attachment, file_safe
from whisper_appliance.web.context import appliance

PAGE = 100
ABOUT = (
    "Your transcripts, each as text (.txt) and with all data (.json), and the recordings that are kept, each "
    "with the name of its transcript.\n"
)
CHUNK_BYTES = 2**20


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


def data_export_response(user: User) -> Response:
    """The response with the archive of this user."""
    record("data.export", user.id)
    response = Response(_archive(appliance(), user), mimetype="application/zip")
    day = datetime.now(UTC).date().isoformat()
    response.headers["Content-Disposition"] = attachment(f"transcripts of {user.name} {day}.zip")
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _archive(appliance: Appliance, user: User) -> Iterator[bytes]:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload] # only written to
        archive.writestr("about.txt", ABOUT)
        for stored in _stored_transcripts(appliance, user.id):
            _add(archive, stored)
            yield pipe.read_written()
            for _ in _added_recording(archive, appliance, stored.summary):
                yield pipe.read_written()
    yield pipe.read_written()


def _stored_transcripts(appliance: Appliance, owner: str) -> Iterator[StoredTranscript]:
    """All transcripts outside the trash; skips one that is deleted meanwhile."""
    cursor: str | None = None
    while True:
        page = appliance.transcripts.page(owner, limit=PAGE, cursor=cursor)
        for summary in page.summaries:
            try:
                yield appliance.transcripts.get(summary.id, owner)
            except NotFound:
                continue
        cursor = page.next_cursor
        if cursor is None:
            return


def _add(archive: zipfile.ZipFile, stored: StoredTranscript) -> None:
    name = _name(stored.summary)
    head = {"id": stored.summary.id, "title": stored.summary.title, "created": stored.summary.created}
    archive.writestr(f"{name}.json", json.dumps({**head, **to_dict(stored.transcript)}, ensure_ascii=False))
    archive.writestr(f"{name}.txt", render(stored.transcript, "txt"))


def _added_recording(
    archive: zipfile.ZipFile, appliance: Appliance, summary: TranscriptSummary
) -> Iterator[None]:
    """Adds the kept recording of a transcript, as it is, part by part."""
    kept = appliance.recordings.find(summary.id)
    path = appliance.recordings.file(summary.id)
    if kept is None or not path.is_file():
        return
    entry = zipfile.ZipInfo(_name(summary) + extension_of(kept.media_type), datetime.now(UTC).timetuple()[:6])
    with path.open("rb") as file, archive.open(entry, "w", force_zip64=True) as target:
        while chunk := file.read(CHUNK_BYTES):
            target.write(chunk)
            yield


def _name(summary: TranscriptSummary) -> str:
    """The name without extension: the title for people, and part of the id to be unique."""
    return f"{summary.created[:10]} {file_safe(summary.title)[:80]} {summary.id[:8]}"
