"""The watch folder: takes complete recordings into the job queue, and puts their results beside them."""

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from whisper_appliance.app.watch_folder import outcome
from whisper_appliance.app.watch_folder.candidates import Candidates, shown, state_of
from whisper_appliance.app.watch_folder.rules import WatchRules
from whisper_appliance.core.errors import (
    AlreadyRunning,
    ApplianceError,
    BadSetting,
    Busy,
    DiskFull,
    InvalidRequest,
    NotFound,
    Unavailable,
)
from whisper_appliance.core.ids import new_id
from whisper_appliance.core.log_errors import log_errors
from whisper_appliance.engines.contract import Options, Priority
from whisper_appliance.jobs.events import JobChanged, JobEvent
from whisper_appliance.jobs.job import IdempotencyKey, Job, JobRequest
from whisper_appliance.jobs.queue import JobQueue
from whisper_appliance.library.presets import Preset
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage.lock import locked_folder
from whisper_appliance.transcript.formats import FORMATS, export
from whisper_appliance.transcript.formats.format import ExportOptions

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

SOURCE = "watch"
AT_ONCE = 2
"""Jobs of the folder that are queued at a time, so that thousands of files do not fill the queue."""
RETRY_SECONDS = 60.0
"""The pause after a refusal that passes by itself, such as a full queue or disk."""
FOLDER_CHANGES = ("created", "moved")
FILE_CHANGES = ("created", "moved", "modified", "closed", "deleted")
COPY_BYTES = 1024 * 1024
log = structlog.get_logger()


class WatchFolder:
    """Watches one folder in a thread of its own. Without a folder it does nothing."""

    def __init__(
        self,
        rules: WatchRules,
        queue: JobQueue,
        transcripts: TranscriptRepository,
        *,
        owner_of: Callable[[str], str],
        preset_of: Callable[[str, str], Preset],
        admit: Callable[[str, int], int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`owner_of` returns the owner of a user name, `preset_of` their preset of a name.

        `admit` raises an error where a quota is used up.
        """
        self._rules = rules
        self._queue = queue
        self._transcripts = transcripts
        self._owner_of = owner_of
        self._admit = admit
        self._preset_of = preset_of
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._ended = False
        self._reported: set[Path] = set()
        self._jobs: dict[str, Path] = {}
        self._paused_until = 0.0
        self._observer: BaseObserver | None = None
        self._lock = contextlib.ExitStack()
        self._thread = threading.Thread(target=self._run, name="watch-folder", daemon=True)

    @property
    def job_ids(self) -> tuple[str, ...]:
        """The jobs of files whose results are not written yet."""
        return tuple(self._jobs)

    def start(self) -> None:
        """Starts to watch; what is in the folder already is taken too. Raises `BadSetting`."""
        folder = self._rules.folder
        if folder is None:
            return
        if not folder.is_dir() or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise BadSetting(
                "WATCH_FOLDER: {folder} is no folder that this appliance may read and write.", folder=folder
            )
        try:
            self._lock.enter_context(locked_folder(self._rules.lock_folder))
        except AlreadyRunning:
            log.info("another process watches the folder", folder=str(folder))
            return
        self._observer = self._observe(folder)
        self._thread.start()

    def close(self) -> None:
        """Stops to watch; jobs that run go on, and their results are written after the next start."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        if self._observer is not None:
            self._observer.stop()
            self._observer.join(timeout=5)
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        self._lock.close()

    def on_job_event(self, event: JobEvent) -> None:
        """Wakes the thread when one of its jobs has changed."""
        if isinstance(event, JobChanged) and event.job_id in self._jobs:
            with self._changed:
                self._changed.notify_all()

    def report(self, path: Path) -> None:
        """Takes note that a file may be new, changed or gone."""
        with self._changed:
            self._reported.add(path)
            self._changed.notify_all()

    def _observe(self, folder: Path) -> "BaseObserver":
        from watchdog.events import FileSystemEvent, FileSystemEventHandler
        from watchdog.observers import Observer
        from watchdog.observers.polling import PollingObserver

        watch = self

        class Reporter(FileSystemEventHandler):
            """Passes on the names of files; a folder that was moved in is searched whole."""

            def on_any_event(self, event: FileSystemEvent) -> None:
                is_change = event.event_type in FOLDER_CHANGES if event.is_directory else True
                if not is_change or event.event_type not in FILE_CHANGES:
                    return
                for name in (event.src_path, event.dest_path):
                    if name:
                        watch.report(Path(os.fsdecode(name)))

        seconds = self._rules.interval_seconds
        observer: BaseObserver = PollingObserver(timeout=seconds) if seconds else Observer()
        observer.schedule(Reporter(), str(folder), recursive=True)
        observer.start()
        return observer

    def _run(self) -> None:
        folder = self._rules.existing_folder
        candidates = Candidates(folder, self._rules.outputs, self._rules.settle_seconds)
        for path in candidates.find_all():
            candidates.note(path, self._monotonic())
        while not self._wait(candidates):
            for path in self._take_reported():
                self._note(candidates, path)
            if not log_errors(lambda: self._work(candidates), "the watch folder met a fault"):
                self._paused_until = self._monotonic() + RETRY_SECONDS

    def _work(self, candidates: Candidates) -> None:
        self._finish_ended(candidates)
        self._take_complete(candidates)

    def _wait(self, candidates: Candidates) -> bool:
        """Waits for something to do; returns whether the folder is watched no more."""
        with self._changed:
            if not self._reported and not self._ended:
                self._changed.wait(self._seconds_to_wait(candidates))
            return self._ended

    def _seconds_to_wait(self, candidates: Candidates) -> float | None:
        now = self._monotonic()
        pause = max(0.0, self._paused_until - now)
        if self._jobs and len(self._jobs) >= AT_ONCE:
            return RETRY_SECONDS  # another worker of the cluster may end the job
        due = candidates.seconds_to_next(now)
        waits = [max(due, pause, 0.05)] if due is not None else []
        return min([*waits, *([RETRY_SECONDS] if self._jobs else [])], default=None)

    def _take_reported(self) -> set[Path]:
        with self._changed:
            reported, self._reported = self._reported, set()
            return reported

    def _note(self, candidates: Candidates, path: Path) -> None:
        if path in self._jobs.values():
            return
        if path.is_dir() and not path.is_symlink():
            for each in candidates.find_all(path):
                if each not in self._jobs.values() and candidates.is_recording(each):
                    candidates.note(each, self._monotonic())
        elif candidates.is_recording(path):
            candidates.note(path, self._monotonic())

    def _take_complete(self, candidates: Candidates) -> None:
        while len(self._jobs) < AT_ONCE and self._monotonic() >= self._paused_until and not self._ended:
            path = candidates.take(self._monotonic())
            if path is None:
                return
            self._take(candidates, path)

    def _take(self, candidates: Candidates, path: Path) -> None:
        """Queues one file. What passes by itself is tried again; everything else ends in `failed`."""
        try:
            job = self._submit(path)
        except (Busy, DiskFull, Unavailable) as error:
            log.warning("the watch folder waits", name=shown(path), reason=error.message)
            candidates.note(path, self._monotonic())
            self._paused_until = self._monotonic() + RETRY_SECONDS
        except ApplianceError as error:
            self._fail(candidates, path, error.message)
        except FileNotFoundError:
            candidates.discard(path)
        except OSError as error:
            log.warning("a watched file cannot be read", name=shown(path), reason=error.strerror)
            candidates.leave_out(path)
        else:
            if job is None:
                candidates.note(path, self._monotonic())
            else:
                self._jobs[job.id] = path
                self._finish_ended(candidates)

    def _submit(self, path: Path) -> Job | None:
        """The job of a file, also if an earlier start has queued it; None if the file changes still."""
        state = state_of(path)
        owner = self._owner()
        preset = self._preset(owner)
        if state is None:
            raise FileNotFoundError(path)
        waiting_limit = self._admit(owner, state.size_bytes)
        self._rules.check_disk(state.size_bytes)
        copy = self._rules.uploads / new_id()
        self._rules.uploads.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            sha256 = _copy(path, copy)
            if state_of(path) != state:
                copy.unlink()
                return None
            job = self._queue.enqueue(
                JobRequest(
                    id=copy.name,
                    audio=copy,
                    owner=owner,
                    waiting_limit=waiting_limit,
                    filename=shown(path),
                    source=SOURCE,
                    options=preset.transcription_options() if preset else Options(),
                    model=str(preset.options.get("model") or "") or None if preset else None,
                    priority=Priority.BATCH,
                    idempotency=self._key(path, state.modified_ns, sha256),
                )
            )
        except (ApplianceError, OSError):
            copy.unlink(missing_ok=True)
            raise
        if job.id != copy.name:
            copy.unlink()
        return job

    def _key(self, path: Path, modified_ns: int, sha256: str) -> IdempotencyKey:
        relative = os.fsencode(path.relative_to(self._rules.existing_folder))
        named = hashlib.sha256(b"watch\n%b\n%d\n" % (relative, modified_ns) + sha256.encode())
        return IdempotencyKey(named.hexdigest(), sha256)

    def _owner(self) -> str:
        try:
            return self._owner_of(self._rules.user) if self._rules.user else ""
        except NotFound as error:
            raise Unavailable(error.message) from None

    def _preset(self, owner: str) -> Preset | None:
        try:
            return self._preset_of(owner, self._rules.preset) if self._rules.preset else None
        except InvalidRequest as error:
            raise Unavailable(error.message) from None

    def _finish_ended(self, candidates: Candidates) -> None:
        for job_id, path in list(self._jobs.items()):
            try:
                job = self._queue.get(job_id)
            except NotFound:
                del self._jobs[job_id]
                candidates.note(path, self._monotonic())
                continue
            if job.ended:
                del self._jobs[job_id]
                self._finish(candidates, job, path)

    def _finish(self, candidates: Candidates, job: Job, path: Path) -> None:
        if job.status != "done" or job.transcript_id is None:
            reason = job.error.message if job.error else "The job was cancelled."
            self._fail(candidates, path, reason)
            return
        try:
            stored = self._transcripts.get(job.transcript_id, job.owner)
        except NotFound:
            self._fail(candidates, path, "The transcript was deleted.")
            return
        options = ExportOptions(title=stored.summary.title, created=stored.summary.created)
        try:
            results = {
                FORMATS[name].extension: export(stored.transcript, name, options)
                for name in self._rules.formats
            }
            moved = outcome.finish(path, self._rules.existing_folder, self._rules.outputs, results)
        except (ApplianceError, OSError) as error:
            log.warning("results of a watched file cannot be written", name=shown(path), reason=str(error))
            candidates.leave_out(path)
        else:
            candidates.discard(path)
            log.info("a watched file is done", name=shown(moved), job=job.id)

    def _fail(self, candidates: Candidates, path: Path, reason: str) -> None:
        log.warning("a watched file failed", name=shown(path), reason=reason)
        try:
            outcome.fail(path, self._rules.existing_folder, reason)
        except OSError as error:
            log.warning("a failed file cannot be moved", name=shown(path), reason=error.strerror)
            candidates.leave_out(path)
        else:
            candidates.discard(path)


def _copy(path: Path, target: Path) -> str:
    """Copies a file, never a link, to the disk; returns its SHA-256."""
    digest = hashlib.sha256()
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with (
        os.fdopen(descriptor, "rb") as source,
        open(target, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as copy,
    ):
        while chunk := source.read(COPY_BYTES):
            digest.update(chunk)
            copy.write(chunk)
        copy.flush()
        os.fsync(copy.fileno())
    return digest.hexdigest()
