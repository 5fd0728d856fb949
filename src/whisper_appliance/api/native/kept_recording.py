"""The kept recording of a transcript (KEEP_AUDIO), as the recording of a request that sends no file."""

import hashlib
import os
from pathlib import Path

from whisper_appliance.api.native.transcribe_form import TranscribeForm
from whisper_appliance.core.atomic_files import link_or_copy
from whisper_appliance.core.errors import InvalidRequest, NotAllowed, NotFound
from whisper_appliance.library.transcript_rows import TranscriptSummary
from whisper_appliance.web.auth import resources
from whisper_appliance.web.auth.authentication import current_actor
from whisper_appliance.web.context import appliance
from whisper_appliance.web.multipart_form import Upload


def use_kept_recording(upload: Upload, form: TranscribeForm) -> None:
    """Provides the recording of the transcript that the form names, if no file was sent.

    Raises `InvalidRequest` unless the form has one of the two, `NotFound` if the recording was not kept.
    """
    if form.transcript_id is None:
        if not upload.name:
            raise InvalidRequest(
                "No file was sent. Put the audio in a field named {field_name!r}.",
                field_name="file",
                field="file",
            )
        return
    if upload.name:
        raise InvalidRequest("Send either a file or a transcript_id.", field="transcript_id")
    entry = resources.authorized_transcript(form.transcript_id, "read")
    owner = current_actor().owner
    if entry.owner not in ("", owner):
        raise NotAllowed("Only the owner of a transcript may transcribe its recording again.")
    recording = appliance().transcripts.audio(entry.id, entry.owner)
    if recording is None:
        raise NotFound("The recording of transcript {id} was not kept (KEEP_AUDIO).", id=entry.id)
    upload.name, upload.title = _file_name(entry), entry.title
    if form.is_span:
        _cut(recording, upload, form)
    upload.size_bytes = (upload.path if form.is_span else recording).stat().st_size
    appliance().submit_recording.admit(owner, upload.size_bytes)
    if not form.is_span:
        link_or_copy(recording, upload.path)
        os.utime(upload.path)  # the age of an upload decides when an orphan is removed
    with upload.path.open("rb") as file:
        upload.sha256 = hashlib.file_digest(file, "sha256").hexdigest()


def _cut(recording: Path, upload: Upload, form: TranscribeForm) -> None:
    """Makes the span that the form names the recording of the request, with its times in the title."""
    start = form.start or 0.0
    seconds = appliance().excerpts.cut(
        recording, upload.path, upload.name, track=form.track, start=start, end=form.end
    )
    form.track = None  # the excerpt has one track
    upload.title = f"{upload.title} ({_clock(start)}-{_clock(start + seconds)})"
    upload.name = f"{upload.title}.wav"


def _file_name(entry: TranscriptSummary) -> str:
    """The name of the upload, whose extension is the format of samples without a header."""
    try:
        return appliance().queue.get(entry.id).filename or entry.title
    except NotFound:
        return entry.title


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"
