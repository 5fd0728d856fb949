"""Import of transcripts that other programs wrote: JSON, and subtitles."""

from pathlib import PurePath

from whisper_appliance.core.errors import InvalidRequest, TooLarge
from whisper_appliance.transcript.imports import json, subtitles
from whisper_appliance.transcript.imports.imported import ImportedTranscript
from whisper_appliance.transcript.times import with_valid_times

EXTENSIONS = (".json", ".srt", ".vtt")
MAX_BYTES = 64 * 1024 * 1024
"""The largest file; a day of speech with the times of its words is about half of it."""


def read_transcript(data: bytes, filename: str) -> ImportedTranscript:
    """The transcript in a file: ours, Whisper's or WhisperX's JSON, SRT, or WebVTT.

    Raises `InvalidRequest` for a file that holds none, `TooLarge` above `MAX_BYTES`.
    """
    if len(data) > MAX_BYTES:
        raise TooLarge(
            "This file is larger than {limit} MiB, too large for a transcript.", limit=MAX_BYTES >> 20
        )
    extension = PurePath(filename).suffix.lower()
    if extension not in EXTENSIONS:
        raise InvalidRequest(
            "Files named {extension} cannot be imported. Take one of: {known}.",
            extension=extension or filename[:40],
            known=", ".join(EXTENSIONS),
            field="file",
        )
    imported = json.read(data) if extension == ".json" else subtitles.read(data)
    return imported.with_transcript(with_valid_times(imported.transcript))
