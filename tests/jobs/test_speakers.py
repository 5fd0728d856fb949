"""Speakers of a job: found after its words, shown as progress, and no reason to lose the words."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.jobs import Script, StartQueue, decoded_windows, ended, request
from tests.support.wait import wait_until
from whisper_appliance.core.errors import Cancelled, EngineFailed
from whisper_appliance.diarization.contract import Diarization, Turn
from whisper_appliance.engines.contract import Options
from whisper_appliance.jobs.job import JobRequest
from whisper_appliance.jobs.queue import JobQueue
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.transcript.model import Transcript

pytestmark = pytest.mark.slow  # a queue of its own for each

OPTIONS = Options(diarize=True, word_timestamps=True)


def upload(folder: Path, options: Options = OPTIONS) -> JobRequest:
    return replace(request(folder, "to be or not"), options=options)


def transcript(queue: JobQueue, id: str) -> Transcript:
    return TranscriptRepository(queue.cluster.database).get(id, "ann").transcript


def two_speakers(_recording: object, _speakers: int | None, **_: object) -> Diarization:
    return Diarization((Turn(0, 5, 0), Turn(5, 20, 1)))  # each scripted window lies at 0 to 20 s


def test_a_transcript_has_its_speakers_where_they_were_asked_for(
    start_queue: StartQueue, tmp_path: Path
) -> None:
    queue = start_queue(Script(diarize=two_speakers))
    plain = queue.enqueue(upload(tmp_path, Options()))
    asked = queue.enqueue(upload(tmp_path))
    assert ended(queue, plain.id).status == ended(queue, asked.id).status == "done"
    assert {each.speaker for each in transcript(queue, plain.id).segments} == {""}
    assert {each.speaker for each in transcript(queue, asked.id).segments} == {"Speaker 2"}


def test_words_are_kept_and_the_reason_is_said_where_speakers_cannot_be_found(
    start_queue: StartQueue, tmp_path: Path
) -> None:
    def fail(*_: object, **__: object) -> Diarization:
        raise EngineFailed("It ran out of memory.")

    queue = start_queue(Script(diarize=fail))
    job = ended(queue, queue.enqueue(upload(tmp_path)).id)
    found = transcript(queue, job.id)
    assert (job.status, found.text) == ("done", "to be or not")
    assert [(each.code, each.message) for each in found.warnings] == [
        ("no_speakers", "Speakers could not be found. It ran out of memory.")
    ]


def test_progress_goes_on_while_speakers_are_found_and_cancelling_ends_it(
    start_queue: StartQueue, tmp_path: Path
) -> None:
    def diarize(_recording: object, _speakers: object, **callbacks: Callable[..., Any]) -> Diarization:
        callbacks["on_progress"](0.5)
        wait_until(lambda: callbacks["cancelled"]())
        raise Cancelled("The job was cancelled.")

    queue = start_queue(Script(diarize=diarize))
    job = queue.enqueue(upload(tmp_path))
    wait_until(lambda: queue.get(job.id).progress == 0.9)
    queue.cancel(job.id, "ann")
    assert ended(queue, job.id).status == "cancelled"


def test_after_a_restart_only_the_speakers_are_looked_for_again(
    start_queue: StartQueue, tmp_path: Path
) -> None:
    looking = threading.Event()

    def interrupted(_recording: object, _speakers: object, **callbacks: Callable[..., Any]) -> Diarization:
        looking.set()
        wait_until(lambda: callbacks["cancelled"]())
        return Diarization(())

    log = tmp_path / "windows.txt"
    queue = start_queue(Script(diarize=interrupted, window_log=log))
    job = queue.enqueue(upload(tmp_path))
    assert looking.wait(60)
    queue = start_queue(Script(diarize=two_speakers, window_log=log))
    assert ended(queue, job.id).status == "done"
    assert set(decoded_windows(tmp_path).values()) == {1}
    assert transcript(queue, job.id).segments[-1].speaker == "Speaker 2"
