"""Notes at a second of a recording: written, changed, deleted, counted, and found by the search."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.clock import Clock
from tests.support.library import transcript
from whisper_appliance.core.errors import Conflict, InvalidRequest, NotFound
from whisper_appliance.library import notes as notes_module
from whisper_appliance.library.edits import TranscriptEdits
from whisper_appliance.library.listing import ListFilter, TranscriptListing
from whisper_appliance.library.notes import MAX_NOTE_CHARS, Notes
from whisper_appliance.library.ownership import TranscriptOwnership
from whisper_appliance.library.storage_usage import StorageUsage
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage.database import Database
from whisper_appliance.transcript.editing.operations import ReplaceText


@pytest.fixture
def notes(database: Database, clock: Clock) -> Notes:
    return Notes(database, clock=clock)


@pytest.fixture
def id(history: TranscriptRepository) -> str:
    """A transcript of 2.5 seconds."""
    return history.add(transcript(), title="Talk", owner="ann")


def test_notes_are_in_the_order_of_their_seconds(notes: Notes, id: str, clock: Clock) -> None:
    late = notes.add(id, 2.0, "Late", author="ann")
    early = notes.add(id, 0.5, "Early", author="ben")
    assert notes.of(id) == (early, late)
    assert (early.author, early.start, early.changed) == ("ben", 0.5, None)
    assert notes.add(id, 99.0, "After the end", author="ann").start == 2.5
    clock.now += timedelta(minutes=1)
    changed = notes.change(id, late.id, start=0.1, text="Earliest")
    assert (changed.text, changed.author) == ("Earliest", "ann")
    assert changed.changed
    assert notes.of(id)[0] == changed
    notes.delete(id, changed.id)
    assert changed not in notes.of(id)


def test_a_note_that_is_not_there_is_not_found(notes: Notes, history: TranscriptRepository, id: str) -> None:
    note, other = notes.add(id, 0.0, "x", author="ann"), history.add(transcript(), title="b", owner="ann")
    for transcript_id, note_id in ((id, "0" * 32), (other, note.id)):
        with pytest.raises(NotFound):
            notes.change(transcript_id, note_id, start=0.0, text="y")
        with pytest.raises(NotFound):
            notes.delete(transcript_id, note_id)
    history.delete(id, "ann")
    with pytest.raises(NotFound):
        notes.add(id, 0.0, "x", author="ann")


def test_a_note_is_plain_lines_of_limited_length(
    notes: Notes, id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = notes.add(id, 0.0, "  one\x00\u202e\r\n\n\n\ntwo\ud800 ", author="ann")
    assert made.text.split() == ["one", "two"]
    assert made.text.isprintable() or made.text.replace("\n", "").isprintable()
    assert notes.of(id) == (made,)
    for text in ("", " \n\t", "\u200b", "x" * (MAX_NOTE_CHARS + 1)):
        with pytest.raises(InvalidRequest):
            notes.add(id, 0.0, text, author="ann")
    monkeypatch.setattr(notes_module, "MAX_NOTES_PER_TRANSCRIPT", 1)
    with pytest.raises(Conflict):
        notes.add(id, 0.0, "one more", author="ann")


def test_notes_count_as_storage_of_the_owner(
    notes: Notes, database: Database, id: str, tmp_path: Path
) -> None:
    space = StorageUsage(database, tmp_path / "audio")
    before = space.used_by("ann")
    note = notes.add(id, 0.0, "ä" * 100, author="ben")
    assert space.used_by("ann") == before + 200
    notes.change(id, note.id, start=0.0, text="x")
    assert space.used_by("ann") == before + 1
    notes.delete(id, note.id)
    assert space.used_by("ann") == before


def test_search_finds_notes_at_their_second(notes: Notes, database: Database, id: str) -> None:
    listing, edits = TranscriptListing(database), TranscriptEdits(database)
    note = notes.add(id, 1.5, "Ask about the Übergabe\nand <b>costs</b>", author="ben")
    (found,) = listing.find("ann", ListFilter("ubergabe")).transcripts
    assert found.hits
    assert found.hits.count == 0
    (hit,) = found.hits.hits
    assert (hit.start, hit.note_id, hit.pieces[1]) == (1.5, note.id, "Übergabe")
    edits.apply(id, [ReplaceText(op="replace_text", segment="0", text="Nobody")], seen=None, author="ann")
    assert listing.find("ann", ListFilter("nobody costs")).total == 1
    notes.change(id, note.id, start=1.5, text="Nothing")
    assert listing.find("ann", ListFilter("costs")).total == 0
    notes.delete(id, note.id)
    assert listing.find("ann", ListFilter("nothing")).total == 0


def test_what_a_user_wrote_goes_with_the_user(
    notes: Notes, database: Database, id: str, tmp_path: Path
) -> None:
    owners = TranscriptOwnership(database, tmp_path)
    mine, other = notes.add(id, 0.0, "From Ben", author="ben"), notes.add(id, 1.0, "From Ann", author="ann")
    owners.transfer("ben", "eve")
    assert notes.get(id, mine.id).author == "eve"
    owners.erase("eve")
    assert notes.of(id) == (other,)
    assert TranscriptListing(database).find("ann", ListFilter("ben")).total == 0
