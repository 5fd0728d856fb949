"""Transcripts for tests, and a repository of them on both databases."""

from pathlib import Path

import pytest

from tests.support.clock import Clock
from whisper_appliance.library.recordings import Recordings
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage.database import Database
from whisper_appliance.transcript.model import Dropped, Notice, Provenance, Segment, Transcript, Word


def transcript(text: str = " Ever tried. Ever failed.") -> Transcript:
    """A transcript with something in every field."""
    words = (Word(0.0, 0.4, " Ever", 0.98), Word(0.4, 0.9, " tried.", 0.91))
    return Transcript(
        segments=(Segment(0.0, 2.5, text, -0.2, float("-inf"), 1.1, 0.0, (50364, 1), words),),
        language="en",
        language_probability=0.97,
        duration=2.5,
        task="transcribe",
        model="base",
        processing_seconds=0.4,
        warnings=(Notice("damaged", "The file is damaged after 0:02."),),
        dropped=(Dropped(2.0, 2.5, "Thanks for watching!", "boilerplate over silence"),),
        provenance=Provenance("e", "1", "base", "ab", "int8", {"beam_size": 5}, "cd", "2", 0.16),
    )


def keep_recording(
    recordings: Recordings,
    id: str,
    content: bytes = b"RIFF",
    *,
    media_type: str = "audio/wav",
    owner: str = "",
) -> None:
    """Keeps a recording of a transcript, with a waveform."""
    recordings.write_peaks(id, b"peaks")
    recordings.file(id).write_bytes(content)
    recordings.add(id, media_type, recordings.end_after(recordings.days_for(owner)))


@pytest.fixture
def history(database: Database, clock: Clock, tmp_path: Path) -> TranscriptRepository:
    (tmp_path / "audio").mkdir()
    return TranscriptRepository(database, audio_folder=tmp_path / "audio", clock=clock)
