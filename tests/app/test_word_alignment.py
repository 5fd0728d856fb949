"""Edited words get their times from the kept recording, behind the saving of the edit."""

import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.audio import samples_of
from tests.support.library import keep_recording, transcript
from tests.support.wait import wait_until
from whisper_appliance.app.word_alignment import WordAligner, WordAlignment
from whisper_appliance.config import settings
from whisper_appliance.engines.contract import EngineSpec, Options, Priority, Window
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.library.edits import TranscriptEdits
from whisper_appliance.library.recordings import Recordings
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage.database import Database
from whisper_appliance.transcript.editing.operations import ReplaceText
from whisper_appliance.transcript.model import Segment, Transcript, Word

pytestmark = pytest.mark.slow  # starts an engine with a real model


@pytest.fixture(scope="module")
def engine(tiny_en: Path) -> Iterator[EngineProcess]:
    engine = EngineProcess(EngineSpec("auto", "tiny.en", tiny_en))
    engine.start()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def heard(engine: EngineProcess, beckett: Path) -> Segment:
    """What is said in the recording, as one segment with the times that the model found."""
    window = Window(samples_of(beckett), Options(language="en", word_timestamps=True))
    found = engine.submit(window, priority=Priority.INTERACTIVE).result()
    words = tuple(word for segment in found.segments for word in segment.words)
    text = "".join(word.word for word in words)
    return Segment(
        words[0].start, words[-1].end, text, no_speech_prob=0.1, compression_ratio=1.0, words=words
    )


def unheard(heard: Segment) -> Transcript:
    """The same recording with other words, which say nothing about the times of the right ones."""
    word = Word(heard.start, heard.end, " Mumbling", 0.3)
    return replace(
        transcript(),
        segments=(replace(heard, text=word.word, words=(word,)),),
        duration=heard.end,
        provenance=None,
    )


@pytest.fixture
def recordings(database: Database, tmp_path: Path) -> Recordings:
    (tmp_path / "audio").mkdir(exist_ok=True)
    return Recordings(database, tmp_path / "audio", days_of=lambda _owner: None)


@pytest.fixture
def edits(database: Database) -> TranscriptEdits:
    return TranscriptEdits(database)


@pytest.fixture
def alignment(
    engine: EngineProcess, edits: TranscriptEdits, recordings: Recordings, tmp_path: Path
) -> Iterator[WordAlignment]:
    (tmp_path / "data" / "decoded").mkdir(parents=True)
    chosen = settings.load(data_dir=tmp_path / "data")
    aligner = WordAligner(lambda: nullcontext(engine), lambda: chosen)
    alignment = WordAlignment(edits, recordings, aligner, quiet_seconds=0.01)
    alignment.start()
    yield alignment
    alignment.close()


def off_by(edits: TranscriptEdits, id: str, heard: Segment) -> float:
    """The median distance in seconds from where the words are said."""
    (segment,) = edits.current(id).segments
    said = {word.word: word.start for word in heard.words}
    return float(
        np.median([abs(word.start - said[word.word]) for word in segment.words if word.word in said])
    )


def correct(edits: TranscriptEdits, id: str, text: str) -> None:
    edits.apply(id, [ReplaceText(op="replace_text", segment="0", text=text)], seen=None, author="ann")


def test_corrected_words_get_their_times_and_can_still_be_undone(
    history: TranscriptRepository, recordings: Recordings, edits: TranscriptEdits, alignment: WordAlignment,
    heard: Segment, beckett: Path,
) -> None:  # fmt: skip
    id = history.add(unheard(heard), title="Talk", owner="ann")
    keep_recording(recordings, id)
    shutil.copy(beckett, recordings.file(id))
    correct(edits, id, heard.text)
    interpolated = off_by(edits, id, heard)
    alignment.request(id, ["0"])
    wait_until(lambda: bool(alignment.last(id)))
    last = alignment.last(id)
    assert alignment.aligned(id) == (["0"], last)
    assert alignment.aligned(id, last) == ([], last)
    assert off_by(edits, id, heard) < min(0.1, interpolated)
    assert edits.revision(id) == 1
    edits.undo(id, author="ann", seen=1)
    assert edits.current(id).segments[0].text == " Mumbling"
    edits.redo(id, author="ann", seen=2)
    assert off_by(edits, id, heard) < min(0.1, interpolated)
    assert edits.state(id, 3).segments == edits.current(id).segments


def test_without_a_recording_words_keep_interpolated_times(
    history: TranscriptRepository, edits: TranscriptEdits, alignment: WordAlignment, heard: Segment
) -> None:
    id = history.add(unheard(heard), title="Talk", owner="ann")
    correct(edits, id, heard.text)
    before = edits.current(id)
    alignment.request(id, ["0"])
    assert alignment.aligned(id) == ([], 0)
    assert edits.current(id) == before


def test_a_recording_that_cannot_be_decoded_stops_no_other(
    history: TranscriptRepository, recordings: Recordings, edits: TranscriptEdits, alignment: WordAlignment,
    heard: Segment, beckett: Path,
) -> None:  # fmt: skip
    broken, good = (history.add(unheard(heard), title=name, owner="ann") for name in ("broken", "good"))
    for id in (broken, good):
        keep_recording(recordings, id, b"no audio")
        correct(edits, id, heard.text)
    shutil.copy(beckett, recordings.file(good))
    alignment.request(broken, ["0"])
    alignment.request(good, ["0"])
    wait_until(lambda: bool(alignment.last(good)))
    assert alignment.aligned(broken) == ([], 0)


def test_words_that_were_changed_again_meanwhile_keep_their_own_times(
    history: TranscriptRepository, edits: TranscriptEdits, heard: Segment
) -> None:
    id = history.add(unheard(heard), title="Talk", owner="ann")
    correct(edits, id, "One text")
    stale = edits.current(id).segments[0]
    correct(edits, id, "Another text")
    now = edits.current(id)
    assert edits.set_words(id, {"0": replace(stale, words=())}) == ()
    assert edits.current(id) == now
