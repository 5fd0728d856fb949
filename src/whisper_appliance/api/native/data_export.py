"""All transcripts of a user as one ZIP archive, written while it is sent: nothing of it is held whole."""

import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime

from flask import Response

from whisper_appliance.accounts.identity import User
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.errors import NotFound
from whisper_appliance.library.transcript_rows import StoredTranscript, TranscriptSummary
from whisper_appliance.transcript.subtitles import render, to_dict
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.content_disposition import attachment, file_safe
from whisper_appliance.web.context import appliance

PAGE = 100
ABOUT = "Your transcripts, each as text (.txt) and with all that is known of it (.json).\n"


class _Pipe:
    """A file that is written to, and read from as it grows."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def takeout(user: User) -> Response:
    """The archive of this user."""
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
        for stored in _all(appliance, user.id):
            _add(archive, stored)
            yield pipe.taken()
    yield pipe.taken()


def _all(appliance: Appliance, owner: str) -> Iterator[StoredTranscript]:
    """Every transcript out of the trash; one that goes away meanwhile is left out."""
    cursor: str | None = None
    while True:
        page = appliance.transcripts.page(owner, limit=PAGE, cursor=cursor)
        for entry in page.summaries:
            try:
                yield appliance.transcripts.get(entry.id, owner)
            except NotFound:
                continue
        cursor = page.next_cursor
        if cursor is None:
            return


def _add(archive: zipfile.ZipFile, stored: StoredTranscript) -> None:
    name = _name(stored.summary)
    known = {"id": stored.summary.id, "title": stored.summary.title, "created": stored.summary.created}
    archive.writestr(f"{name}.json", json.dumps({**known, **to_dict(stored.transcript)}, ensure_ascii=False))
    archive.writestr(f"{name}.txt", render(stored.transcript, "txt"))


def _name(entry: TranscriptSummary) -> str:
    """Ids make names unlike each other; a title is only there to be found by."""
    return f"{entry.created[:10]} {file_safe(entry.title)[:80]} {entry.id[:8]}"
