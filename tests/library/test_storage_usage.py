"""Storage usage counts transcripts, archived recordings, and uploads of unfinished jobs."""

from pathlib import Path

from tests.support.library import transcript
from whisper_appliance.jobs.job import JobRequest
from whisper_appliance.jobs.limits import QueueLimits
from whisper_appliance.jobs.repository import JobRepository
from whisper_appliance.library.storage_usage import StorageUsage
from whisper_appliance.library.transcript_rows import NewTranscript, insert, replace_live_version
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage.database import Database


def test_text_audio_and_uploads_are_counted(
    database: Database, history: TranscriptRepository, tmp_path: Path
) -> None:
    space = StorageUsage(database, tmp_path / "audio")
    assert space.used_by("ada") == 0
    first = history.add(transcript(), title="One", owner="ada")
    text = space.used_by("ada")
    assert 300 < text < 3000
    history.delete(first, "ada")
    assert space.used_by("ada") == text
    (tmp_path / "audio" / first).write_bytes(b"x" * 100)
    space = StorageUsage(database, tmp_path / "audio")
    JobRepository(database).add(
        JobRequest(audio=tmp_path / "a", filename="a.wav", owner="ada"),
        audio="a",
        audio_bytes=7,
        limits=QueueLimits(9, 9),
    )
    assert space.used_by("ada") == text + 107
    assert space.used_by("bob") == 0


def test_a_live_version_counts_as_storage_too(database: Database, tmp_path: Path) -> None:
    space = StorageUsage(database, tmp_path / "audio")
    with database.write() as connection:
        insert(connection, transcript(), NewTranscript("1", "ada", "", "live", "2026"))
    before = space.used_by("ada")
    with database.write() as connection:
        assert replace_live_version(connection, transcript(), "1")
    assert space.used_by("ada") == 2 * before


def test_the_size_of_recordings_is_read_again_after_a_while(
    database: Database, history: TranscriptRepository, tmp_path: Path
) -> None:
    time = [0.0]
    space = StorageUsage(database, tmp_path / "audio", monotonic=lambda: time[0])
    id = history.add(transcript(), title="One", owner="ada")
    text = space.used_by("ada")
    (tmp_path / "audio" / id).write_bytes(b"x" * 100)
    assert space.used_by("ada") == text
    time[0] = 31
    assert space.used_by("ada") == text + 100
