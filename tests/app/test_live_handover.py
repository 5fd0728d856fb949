"""A session that is over: captions in the history at once, and the better transcript in their place later."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.jobs import Script, build_queue
from tests.support.library import transcript
from whisper_appliance.app.live_handover import LiveHandover
from whisper_appliance.engines.contract import Options
from whisper_appliance.jobs.queue import JobQueue
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.live.manager import FinishedSession, SessionRequest
from whisper_appliance.live.replay import SessionInfo
from whisper_appliance.storage.database import Database

ID = "ab" * 16


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[JobQueue]:
    queue = build_queue(tmp_path, Script())
    queue.launch()
    yield queue
    queue.close()


@pytest.fixture
def over(tmp_path: Path) -> FinishedSession:
    audio = tmp_path / "live" / ID / "audio.wav"
    audio.parent.mkdir(parents=True)
    audio.write_text("better words")
    facts = SessionInfo(ID, "ann", "2026-05-01T12:00:00.000Z", "", "base", 60.0, SessionRequest())
    return FinishedSession(facts, transcript(" bitter words"), audio, Options(quality="fast"))


def test_captions_are_kept_at_once_and_better_words_take_their_place(
    tmp_path: Path, queue: JobQueue, over: FinishedSession
) -> None:
    with_database = Database.in_folder(tmp_path)
    history = TranscriptRepository(with_database)
    recordings = LiveHandover(tmp_path, history, queue)
    for _ in range(2):
        assert recordings.save_transcript(over) == ID
        assert history.get(ID, "ann").transcript.text in ("bitter words", "better words")
        recordings.enqueue_retranscription(over)
        assert queue.wait(ID, 60).status == "done"
    stored = history.get(ID, "ann")
    assert stored.transcript.text.split() == ["better", "words"]
    assert stored.live
    assert stored.live.text == "bitter words"
    assert (stored.summary.title, stored.summary.source) == ("bitter words", "live")
    assert over.audio.exists()
    assert len(queue.page("ann")[0]) == 1
    with_database.close()


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("short", "short"),
        ("many  words " * 9, "many words many words many words many words many words many…"),
        ("今日は" * 30, "今日は" * 20 + "…"),
        (" ", "Live recording"),
    ],
)
def test_a_recording_without_a_title_has_the_first_words_as_its_title(
    tmp_path: Path, queue: JobQueue, over: FinishedSession, words: str, title: str
) -> None:
    with closing(Database.in_folder(tmp_path)) as database:
        history = TranscriptRepository(database)
        said = replace(over, transcript=transcript(words))
        LiveHandover(tmp_path, history, queue).save_transcript(said)
        assert history.get(ID, "ann").summary.title == title
