"""Kept recordings end with their retention, and their files and rows stay together."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.clock import Clock
from tests.support.library import keep_recording, transcript
from whisper_appliance.core.clock import written
from whisper_appliance.core.errors import NotFound, Unavailable
from whisper_appliance.library.ownership import TranscriptOwnership
from whisper_appliance.library.recordings import Recordings
from whisper_appliance.library.storage_usage import StorageUsage
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage.database import Database


@pytest.fixture
def recordings(database: Database, clock: Clock, tmp_path: Path) -> Recordings:
    days = {"ann": 30, "bob": None}
    return Recordings(database, tmp_path / "audio", days_of=lambda owner: days.get(owner, 0), clock=clock)


@pytest.fixture
def kept(recordings: Recordings, history: TranscriptRepository) -> str:
    id = history.add(transcript(), title="Meeting", owner="ann")
    keep_recording(recordings, id, b"RIFF and so on", owner="ann")
    return id


def files(folder: Path) -> set[str]:
    return {path.name for path in (folder / "audio").iterdir()}


def test_a_recording_is_kept_until_its_end(recordings: Recordings, kept: str, clock: Clock) -> None:
    found = recordings.get(kept)
    assert (found.media_type, found.bytes) == ("audio/wav", 19)
    assert found.delete_at == written(clock() + timedelta(days=30))
    clock.forward(days=29)
    assert recordings.delete_expired() == 0
    clock.forward(days=1)
    assert recordings.delete_expired() == 1
    with pytest.raises(NotFound):
        recordings.get(kept)


def test_nothing_is_forgotten_while_the_folder_is_not_mounted(
    recordings: Recordings, kept: str, database: Database, clock: Clock, tmp_path: Path
) -> None:
    away = Recordings(
        database, tmp_path / "empty", days_of=lambda _owner: 30, clock=clock, is_mounted=lambda: False
    )
    clock.forward(days=30)
    for act in (away.delete_expired, lambda: away.delete(kept), lambda: away.get(kept)):
        with pytest.raises(Unavailable, match="not mounted"):
            act()
    assert recordings.delete_expired() == 1
    assert files(tmp_path) == {f"{kept}.peaks"}


def test_the_waveform_stays_when_the_recording_is_deleted(
    recordings: Recordings, kept: str, tmp_path: Path
) -> None:
    recordings.delete(kept)
    assert files(tmp_path) == {f"{kept}.peaks"}
    assert recordings.peaks(kept) == b"peaks"


def test_a_recording_without_an_end_stays(
    recordings: Recordings, history: TranscriptRepository, clock: Clock
) -> None:
    id = history.add(transcript(), title="Meeting", owner="bob")
    keep_recording(recordings, id, owner="bob")
    clock.forward(days=5000)
    assert recordings.delete_expired() == 0
    assert recordings.get(id).delete_at is None


def test_a_copy_to_play_is_preferred_and_counts(
    recordings: Recordings, kept: str, database: Database, tmp_path: Path
) -> None:
    copy = tmp_path / "audio" / f"{kept}.webm"
    copy.write_bytes(b"x" * 100)
    recordings.set_type(kept, "audio/webm")
    assert recordings.playable_file(kept) == copy
    assert recordings.get(kept).bytes == 119
    text = StorageUsage(database, tmp_path / "nowhere").used_by("ann")
    assert StorageUsage(database, tmp_path / "audio").used_by("ann") == text + 119


def test_all_files_go_with_the_transcript(
    recordings: Recordings, history: TranscriptRepository, kept: str, tmp_path: Path
) -> None:
    history.delete(kept, "ann")
    history.empty_trash("ann")
    assert files(tmp_path) == set()
    assert recordings.find(kept) is None


def test_all_files_go_with_the_account(
    recordings: Recordings, database: Database, kept: str, tmp_path: Path
) -> None:
    TranscriptOwnership(database, tmp_path).erase("ann")
    assert files(tmp_path) == set()
    assert recordings.find(kept) is None


def test_a_recording_of_an_older_version_is_found_and_has_no_end(
    recordings: Recordings, history: TranscriptRepository, tmp_path: Path
) -> None:
    id = history.add(transcript(), title="Meeting", owner="ann")
    (tmp_path / "audio" / id).write_bytes(b"fLaC and so on")
    recordings.reconcile()
    found = recordings.get(id)
    assert (found.media_type, found.delete_at) == ("audio/flac", None)


def test_old_files_without_transcript_are_removed(recordings: Recordings, kept: str, tmp_path: Path) -> None:
    old, young = "0" * 32, "1" * 32
    half = (f"{kept}.webm.part", f"{kept}.part", f"{old}.part")
    for name in (old, f"{old}.peaks", young, *half, kept):
        path = tmp_path / "audio" / name
        path.write_bytes(b"RIFF")
        if name != young:
            os.utime(path, (0, 0))
    recordings.reconcile()
    assert files(tmp_path) == {young, kept, f"{kept}.peaks"}


def test_the_end_of_a_recording_that_is_not_kept_cannot_change(recordings: Recordings) -> None:
    with pytest.raises(NotFound):
        recordings.set_end("0" * 32, None)
