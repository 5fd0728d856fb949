"""What an error means for a job: those of the machine postpone it, those of the recording are confirmed."""

import ast
import errno
import importlib
import os
import threading
from ast import unparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.jobs import Script, StartQueue, ended, request
from tests.support.library import transcript
from tests.support.syntax_trees import syntax_trees
from tests.support.wait import wait_until
from whisper_appliance.core.errors import (
    ApplianceError,
    Conflict,
    DecoderKilled,
    DiskFull,
    EngineFailed,
    ModelDownloading,
    ModelUnavailable,
    NoAudio,
    NotFound,
    Unavailable,
)
from whisper_appliance.engines.contract import Priority
from whisper_appliance.jobs import transcription_job
from whisper_appliance.jobs.events import JobDone, JobEvent
from whisper_appliance.jobs.failures import (
    KINDS,
    LONGEST_PAUSE_SECONDS,
    FailureKind,
    as_appliance_error,
    kind_of,
    pause_seconds,
)
from whisper_appliance.jobs.job import Job
from whisper_appliance.jobs.queue import JobQueue
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.library.translations import Translations
from whisper_appliance.models.hub import TransferInterrupted
from whisper_appliance.storage.database import Database
from whisper_appliance.transcript.codec import to_json
from whisper_appliance.translation.process.client import translate

NOW = Priority.INTERACTIVE


def failing(times: int, error: Exception) -> tuple[Script, list[str]]:
    """A script whose first windows raise `error` so many times; and the windows that were tried."""
    tried: list[str] = []

    def before_window(word: str) -> None:
        tried.append(word)
        if len(tried) <= times:
            raise error

    return Script(before_window=before_window), tried


def error_classes() -> Iterator[type[ApplianceError]]:
    """All classes of errors in the package. The client is a program of its own, which runs no jobs."""
    found = [
        (path, each)
        for path, tree in syntax_trees().items()
        for each in tree.body
        if isinstance(each, ast.ClassDef) and path.parts[0] != "client"
    ]
    names = {ApplianceError.__name__}
    while more := {each.name for _, each in found if names & {unparse(base) for base in each.bases}} - names:
        names |= more
    for path, each in found:
        if each.name in names:
            module = ".".join(("whisper_appliance", *path.with_suffix("").parts))
            yield getattr(importlib.import_module(module), each.name)


def test_every_error_has_a_kind() -> None:
    classes = set(error_classes()) - {ApplianceError}
    assert {TransferInterrupted, *KINDS} <= classes
    assert [each for each in classes if not KINDS.keys() & set(each.__mro__)] == []


def test_errors_of_the_system_are_the_machines() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    assert kind_of(full) is kind_of(MemoryError()) is FailureKind.MACHINE
    assert isinstance(as_appliance_error(full), DiskFull)
    assert isinstance(as_appliance_error(MemoryError()), Unavailable)
    assert kind_of(ZeroDivisionError()) is FailureKind.RECORDING


def test_pauses_grow_to_a_limit_and_respect_the_error() -> None:
    away = Unavailable("The storage is away.")
    pauses = [pause_seconds(retries, away) for retries in range(20)]
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[1] < pauses[2]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    assert pause_seconds(0, Unavailable("It is loading.", retry_after_seconds=30)) == 30


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DiskFull("The disk is full."), "disk_full"),
        (DecoderKilled("The decoder was killed."), "decoder_killed"),
        (ModelUnavailable("The model is gone."), "model_unavailable"),
        (OSError(errno.EIO, "Input/output error"), "unavailable"),
        (MemoryError(), "unavailable"),
        (RuntimeError("can't start new thread"), "unavailable"),
    ],
)
def test_a_failure_of_the_machine_postpones_the_job(
    start_queue: StartQueue, tmp_path: Path, error: Exception, code: str
) -> None:
    script, tried = failing(1, error)
    queue = start_queue(script)
    id = queue.enqueue(request(tmp_path, "to be", NOW)).id
    waiting = wait_until(lambda: queue.get(id).waiting)
    assert waiting.code == code
    assert waiting.message
    job = queue.get(id)
    assert (job.status, job.attempts, job.retries, job.error) == ("queued", 0, 1, None)
    job = ended(queue, id)
    assert (job.status, job.waiting, job.retries) == ("done", None, 0)
    assert tried == ["to", "to", "be"]


class Lending(Script):
    """Its model cannot be leased until all of these errors were raised."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self.errors = list(errors)

    @contextmanager
    def engine(self, name: str | None = None) -> Iterator[Script.Engine]:
        if self.errors:
            raise self.errors.pop(0)
        yield self.Engine(name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "error",
    [
        NotFound("There is no model named {name!r} on this machine or in the catalogue.", name="mine"),
        ModelUnavailable("There is no memory for mine while base is in use.", retry_after_seconds=1),
    ],
    ids=["unknown", "no memory"],
)
def test_a_job_whose_model_cannot_be_used_now_waits_with_the_reason(
    start_queue: StartQueue, tmp_path: Path, error: ApplianceError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcription_job, "MOMENT_SECONDS", 0.0)
    queue = start_queue(Lending(error))
    id = queue.enqueue(request(tmp_path, "to be", NOW)).id
    waiting = wait_until(lambda: queue.get(id).waiting)
    assert (waiting.code, waiting.message) == ("model_unavailable", error.message)
    assert ended(queue, id).status == "done"


@pytest.mark.slow
def test_a_job_goes_on_as_soon_as_its_model_is_downloaded(start_queue: StartQueue, tmp_path: Path) -> None:
    downloading = ModelDownloading("The model is being downloaded.", retry_after_seconds=250)
    queue = start_queue(Lending(*[downloading] * 5))
    id = queue.enqueue(request(tmp_path, "to be", NOW)).id
    assert (ended(queue, id).status, queue.get(id).attempts) == ("done", 1)


@pytest.mark.slow
def test_a_postponed_job_goes_on_after_a_restart(start_queue: StartQueue, tmp_path: Path) -> None:
    script, _ = failing(1, ModelUnavailable("The model is gone.", retry_after_seconds=250))
    queue = start_queue(script)
    id = queue.enqueue(request(tmp_path, "to be", NOW)).id
    wait_until(lambda: queue.get(id).waiting)
    assert ended(start_queue(Script()), id).status == "done"


class Translating(Script):
    """With the real translators of this machine."""

    def translate(self, *given: Any, **callbacks: Any) -> list[str]:
        return translate(*given, **callbacks)


@pytest.mark.slow
def test_a_translation_waits_where_its_translator_is_missing_and_goes_on_where_it_is(
    start_queue: StartQueue, tmp_path: Path
) -> None:
    queue = start_queue(Translating())
    database = Database.in_folder(tmp_path)
    id = TranscriptRepository(database, audio_folder=tmp_path / "audio").add(
        transcript(" Hallo."), title="Talk", owner="ann"
    )
    text = request(tmp_path, to_json(transcript(" Hallo.")), NOW)
    job_id = queue.enqueue(
        replace(text, model="marian", source="text", translation_of=id, translate_to="pt")
    ).id
    waiting = wait_until(lambda: queue.get(job_id).waiting)
    assert waiting.code == "model_unavailable"
    assert waiting.message.startswith("marian has no model here that translates from en to pt")
    assert ended(start_queue(Script()), job_id).status == "done"
    made = Translations(database).of(id)
    assert made is not None
    assert made.transcript.text == "en-pt: Hallo."


@pytest.mark.slow
def test_a_postponed_job_can_be_cancelled(start_queue: StartQueue, tmp_path: Path) -> None:
    script, _ = failing(9, DiskFull("The disk is full.", retry_after_seconds=250))
    queue = start_queue(script)
    id = queue.enqueue(request(tmp_path, "to be", NOW)).id
    wait_until(lambda: queue.get(id).waiting)
    job = queue.cancel(id)
    assert (job.status, job.waiting) == ("cancelled", None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "code"), [(EngineFailed("It stopped."), "engine_failed"), (ZeroDivisionError(), "internal")]
)
def test_a_failure_of_the_recording_counts_once_it_is_confirmed(
    start_queue: StartQueue, tmp_path: Path, error: Exception, code: str
) -> None:
    script, tried = failing(1, error)
    queue = start_queue(script)
    assert ended(queue, queue.enqueue(request(tmp_path, "once", NOW)).id).status == "done"
    script, tried = failing(9, error)
    queue = start_queue(script)
    failed = ended(queue, queue.enqueue(request(tmp_path, "always", NOW)).id)
    assert failed.error
    assert failed.error.code == code
    assert tried == ["always", "always"]


@pytest.mark.slow
def test_a_verdict_of_the_decoder_fails_the_job_at_once(start_queue: StartQueue, tmp_path: Path) -> None:
    script, tried = failing(9, NoAudio("This file holds no audio."))
    queue = start_queue(script)
    assert ended(queue, queue.enqueue(request(tmp_path, "empty", NOW)).id).status == "failed"
    assert tried == ["empty"]


def retried(queue: JobQueue, job: Job) -> Job:
    """The job once its retry has ended."""
    assert queue.can_retry(job)
    assert queue.retry(job.id, "ann").status in ("queued", "running")
    return ended(queue, job.id)


@pytest.mark.slow
def test_a_failed_and_a_cancelled_job_are_retried_without_a_new_upload(
    start_queue: StartQueue, tmp_path: Path
) -> None:
    go_on: list[str] = []

    def before_window(word: str) -> None:
        if not go_on:
            raise EngineFailed("It stopped.")

    queue = start_queue(Script(before_window=before_window))
    failed = ended(queue, queue.enqueue(request(tmp_path, "to be", NOW)).id)
    go_on.append("now")
    done = retried(queue, failed)
    assert (done.status, done.error, done.attempts) == ("done", None, 1)
    assert TranscriptRepository(queue.cluster.database).get(failed.id, "ann").transcript.text == "to be"
    assert not queue.can_retry(done)
    with pytest.raises(NotFound):
        queue.retry(done.id, "bob")
    with pytest.raises((Conflict, NotFound)):
        queue.retry(done.id, "ann")
    slow = start_queue(Script(window_seconds=0.1))
    id = slow.enqueue(request(tmp_path, "word " * 50, NOW)).id
    wait_until(lambda: slow.windows_of(id))
    slow.cancel(id)
    cancelled = ended(slow, id)
    assert cancelled.status == "cancelled"
    assert retried(start_queue(Script()), cancelled).status == "done"


@pytest.mark.slow
def test_uploads_of_failed_jobs_are_removed_after_a_day(start_queue: StartQueue, tmp_path: Path) -> None:
    script, _ = failing(9, NoAudio("This file holds no audio."))
    queue = start_queue(script)
    job = ended(queue, queue.enqueue(request(tmp_path, "empty", NOW)).id)
    queue = start_queue(Script())
    assert queue.can_retry(job), "a restart keeps it"
    moment = datetime.now(UTC)
    queue.cluster.clock = lambda: moment + timedelta(hours=23)
    queue.remove_old_uploads()
    assert queue.can_retry(job)
    queue.cluster.clock = lambda: moment + timedelta(hours=25)
    queue.remove_old_uploads()
    assert not queue.can_retry(job)
    with pytest.raises(NotFound):
        queue.retry(job.id)


@pytest.mark.slow
def test_an_upload_that_cannot_be_deleted_ends_no_job_otherwise_and_is_deleted_later(
    start_queue: StartQueue, tmp_path: Path
) -> None:
    events: list[JobEvent] = []

    def before_window(word: str) -> None:
        if word == "last":
            (upload,) = (tmp_path / "uploads").iterdir()
            upload.unlink()
            upload.mkdir()

    queue = start_queue(Script(before_window=before_window), announce=events.append)
    id = queue.enqueue(request(tmp_path, "first last", NOW)).id
    assert ended(queue, id).status == "done"
    wait_until(lambda: [each.job_id for each in events if isinstance(each, JobDone)] == [id])


@pytest.mark.slow
def test_old_uploads_of_no_job_are_deleted_while_the_queue_runs(
    start_queue: StartQueue, tmp_path: Path
) -> None:
    script, _ = failing(9, NoAudio("This file holds no audio."))
    queue = start_queue(script)
    failed = ended(queue, queue.enqueue(request(tmp_path, "empty", NOW)).id)
    uploads = tmp_path / "uploads"
    (uploads / "old").touch()
    (uploads / "young").touch()
    two_days_ago = datetime.now().timestamp() - 48 * 3600
    for name in ("old", failed.id):
        os.utime(uploads / name, (two_days_ago, two_days_ago))
    queue.remove_old_uploads()
    assert {path.name for path in uploads.iterdir()} == {"young", failed.id}
    assert queue.can_retry(failed)


@pytest.mark.slow
def test_a_retry_waits_until_the_folder_of_recordings_is_mounted(
    start_queue: StartQueue, tmp_path: Path
) -> None:
    mounted = threading.Event()
    mounted.set()
    script, _ = failing(1, NoAudio("This file holds no audio."))
    queue = start_queue(script, is_mounted=mounted.is_set)
    failed = ended(queue, queue.enqueue(request(tmp_path, "empty", NOW)).id)
    mounted.clear()
    with pytest.raises(Unavailable, match="not mounted"):
        queue.retry(failed.id)
    mounted.set()
    assert retried(queue, failed).status == "done"
