"""The transcript repository: storage, visibility, pages and the trash."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.clock import Clock
from tests.support.library import transcript
from whisper_appliance.core.errors import InvalidRequest, NotFound
from whisper_appliance.library.transcript_rows import title_from_file_name
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage.database import Database


def test_a_stored_transcript_is_read_unchanged(history: TranscriptRepository) -> None:
    kept = transcript("\x00 Привет, <b>мир</b>; 'x' \\u0000")
    id = history.add(kept, title="Meeting", owner="ann")
    stored = history.get(id, "ann")
    assert stored.transcript == kept
    assert (stored.summary.title, stored.summary.created) == ("Meeting", "2026-05-01T12:00:00.000Z")


def test_a_transcript_of_another_owner_is_not_found(history: TranscriptRepository) -> None:
    id = history.add(transcript(), title="Meeting", owner="ann")
    attempts = (
        lambda: history.get(id, "bob"),
        lambda: history.get(id, ""),
        lambda: history.rename(id, "bob", "Mine"),
        lambda: history.delete(id, "bob"),
        lambda: history.audio(id, "bob"),
    )
    for attempt in attempts:
        with pytest.raises(NotFound):
            attempt()
    assert history.page("bob").summaries == ()
    assert history.get(id, "ann").summary.title == "Meeting"


def test_a_transcript_without_an_owner_is_found_by_its_id_alone(history: TranscriptRepository) -> None:
    id = history.add(transcript(), title="Meeting")
    assert history.get(id, "anyone").summary.id == id
    assert history.page("").summaries == ()


def test_deleted_transcripts_can_be_restored(history: TranscriptRepository) -> None:
    id = history.add(transcript(), title="Meeting", owner="ann")
    history.delete(id, "ann")
    with pytest.raises(NotFound):
        history.get(id, "ann")
    assert history.page("ann").summaries == ()
    assert [entry.id for entry in history.page("ann", deleted=True).summaries] == [id]
    history.restore(id, "ann")
    assert history.get(id, "ann").summary.deleted_at is None


def test_the_trash_is_emptied_with_its_audio_after_its_days(
    history: TranscriptRepository, clock: Clock, tmp_path: Path
) -> None:
    old, young = (history.add(transcript(), title="Meeting", owner="ann") for _ in range(2))
    for id in (old, young):
        (tmp_path / "audio" / id).write_bytes(b"RIFF")
    history.delete(old, "ann")
    clock.forward(days=29)
    history.delete(young, "ann")
    assert history.purge(30) == 0
    clock.forward(days=1)
    assert history.purge(30) == 1
    assert [path.name for path in (tmp_path / "audio").iterdir()] == [young]
    with pytest.raises(NotFound):
        history.restore(old, "ann")


def test_a_title_is_one_visible_line(history: TranscriptRepository) -> None:
    id = history.add(transcript(), title="x", owner="ann")
    history.rename(id, "ann", " Board\nmeeting\x00 \u202e ")
    assert history.get(id, "ann").summary.title == "Board meeting"
    with pytest.raises(InvalidRequest):
        history.rename(id, "ann", " \n ")


@pytest.mark.parametrize(
    ("filename", "title"),
    [
        ("Interview 3.mp3", "Interview 3"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\talk.final.wav", "talk.final"),
        ("a\r\nb.wav", "a b"),
        ("", "Recording"),
    ],
)
def test_a_recording_gets_the_title_of_its_file(filename: str, title: str) -> None:
    assert title_from_file_name(filename) == title


def test_a_made_up_cursor_is_refused(history: TranscriptRepository) -> None:
    with pytest.raises(InvalidRequest):
        history.page("ann", cursor="' OR 1=1 --")


@settings(max_examples=15, deadline=None)
@given(seconds=st.lists(st.integers(0, 3), max_size=12), limit=st.integers(1, 5))
def test_pages_show_everything_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, empty_sqlite: Path, seconds: list[int], limit: int
) -> None:
    path = shutil.copy(empty_sqlite, tmp_path_factory.mktemp("pages"))
    with closing(Database(f"sqlite:///{path}")) as database:
        clock = Clock()
        history = TranscriptRepository(database, clock=clock)
        for step in seconds:
            clock.forward(seconds=step)
            history.add(transcript(), title="t", owner="ann")
        seen, cursor = [], None
        while True:
            page = history.page("ann", limit=limit, cursor=cursor)
            seen += [(entry.created, entry.id) for entry in page.summaries]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert len(seen) == len(seconds)
        assert seen == sorted(set(seen), reverse=True)
