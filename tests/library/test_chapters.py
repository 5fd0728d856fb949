"""Chapters by hand are stored, replaced by one editor at a time, and counted as storage."""

from pathlib import Path

import pytest

from tests.support.library import transcript
from whisper_appliance.core.errors import ChangedMeanwhile, InvalidRequest, NotFound
from whisper_appliance.library.chapters import MAX_CHAPTERS, Chapters, StoredChapters
from whisper_appliance.library.storage_usage import StorageUsage
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage.database import Database
from whisper_appliance.transcript.chapters import Chapter


@pytest.fixture
def chapters(database: Database) -> Chapters:
    return Chapters(database)


@pytest.fixture
def id(history: TranscriptRepository) -> str:
    return history.add(transcript(), title="Talk", owner="ann")


def test_chapters_are_replaced_and_taken_back(chapters: Chapters, id: str) -> None:
    assert chapters.of(id) == StoredChapters()
    made = chapters.replace(id, [Chapter(2.0, " Late\n\u202e"), Chapter(0.5)], seen=0)
    assert made == StoredChapters(1, (Chapter(0.5), Chapter(2.0, "Late")))
    assert chapters.of(id) == made
    assert chapters.replace(id, [], seen=1) == StoredChapters(2, ())
    assert chapters.replace(id, None, seen=None) == StoredChapters(3, None) == chapters.of(id)


def test_of_two_editors_the_second_is_refused(chapters: Chapters, id: str) -> None:
    chapters.replace(id, [Chapter(0.5, "Ann")], seen=0)
    with pytest.raises(ChangedMeanwhile):
        chapters.replace(id, [Chapter(0.5, "Ben")], seen=0)
    assert chapters.of(id).chapters == (Chapter(0.5, "Ann"),)


@pytest.mark.parametrize(
    "wanted",
    [
        [Chapter(1.0), Chapter(1.0001)],
        [Chapter(1.0, "x" * 201)],
        [Chapter(float(n)) for n in range(MAX_CHAPTERS + 1)],
    ],
)
def test_chapters_that_cannot_be_are_refused(chapters: Chapters, id: str, wanted: list[Chapter]) -> None:
    with pytest.raises(InvalidRequest):
        chapters.replace(id, wanted, seen=None)
    assert chapters.of(id) == StoredChapters()


def test_chapters_count_as_storage_and_go_with_their_transcript(
    chapters: Chapters, history: TranscriptRepository, database: Database, id: str, tmp_path: Path
) -> None:
    space = StorageUsage(database, tmp_path / "audio")
    before = space.used_by("ann")
    chapters.replace(id, [Chapter(1.0, "x" * 100)], seen=None)
    assert space.used_by("ann") > before + 100
    chapters.replace(id, None, seen=None)
    assert space.used_by("ann") == before
    history.delete(id, "ann")
    with pytest.raises(NotFound):
        chapters.replace(id, [], seen=None)
