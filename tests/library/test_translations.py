"""Translations are stored beside their transcripts, one each, counted as storage, and go with them."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.library import transcript
from whisper_appliance.core.errors import NotFound
from whisper_appliance.library.storage_usage import StorageUsage
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.library.translations import StoredTranslation, Translations, store_translation
from whisper_appliance.storage.database import Database
from whisper_appliance.transcript.times import with_valid_times

ENGLISH = replace(transcript(" Always tried."), task="translate")
FIRST, SECOND = "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"


@pytest.fixture
def id(history: TranscriptRepository) -> str:
    return history.add(transcript(), title="Talk", owner="ann")


def store(database: Database, id: str, text: str = " Always tried.", created: str = FIRST) -> None:
    with database.write() as connection:
        store_translation(connection, id, replace(transcript(text), task="translate"), created)


def test_a_translation_is_stored_read_and_replaced(database: Database, id: str) -> None:
    translations = Translations(database)
    assert (translations.of(id), translations.created(id)) == (None, None)
    store(database, id)
    assert translations.of(id) == StoredTranslation(FIRST, with_valid_times(ENGLISH))
    store(database, id, " Anew.", SECOND)
    stored = translations.of(id)
    assert stored is not None
    assert (
        (stored.created, stored.transcript.text) == (SECOND, "Anew.") == (translations.created(id), "Anew.")
    )


def test_a_translation_counts_as_storage_until_it_is_deleted(
    database: Database, id: str, tmp_path: Path
) -> None:
    space, told = StorageUsage(database, tmp_path / "audio"), list[str]()
    translations = Translations(database, announce=told.append)
    before = space.used_by("ann")
    store(database, id, " long" * 100)
    store(database, id, " longer" * 100)
    assert space.used_by("ann") > before + 700
    translations.delete(id)
    assert (space.used_by("ann"), translations.of(id), told) == (before, None, [id])
    with pytest.raises(NotFound, match="no translation"):
        translations.delete(id)


def test_a_translation_goes_with_its_transcript_for_good(
    database: Database, history: TranscriptRepository, id: str
) -> None:
    translations = Translations(database)
    history.delete(id, "ann")
    store(database, id)  # it became ready while the transcript was in the trash
    history.restore(id, "ann")
    assert translations.of(id)
    history.delete(id, "ann")
    history.empty_trash("ann")
    assert translations.of(id) is None
    with pytest.raises(NotFound, match="deleted before its translation"):
        store(database, id)
