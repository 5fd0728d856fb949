"""Submits a recording for transcription: admission, readiness check, idempotency, and the job queue.

Every API translates its requests into these calls, so that the same rules hold for all of them.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from whisper_appliance.app.admission import Admission
from whisper_appliance.app.own_model import OwnModel
from whisper_appliance.app.readiness import NOT_READY, check_ready
from whisper_appliance.audio import decode
from whisper_appliance.core.clock import written
from whisper_appliance.engines.contract import Options, Priority, Task
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.jobs.job import IdempotencyKey, Job, JobRequest
from whisper_appliance.jobs.queue import JobQueue
from whisper_appliance.models.manager import ModelManager


@dataclass(frozen=True, slots=True)
class ReceivedRecording:
    """A complete upload, in the folder of recordings. The name of its file is the id of its job."""

    path: Path
    filename: str
    sha256: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Submission:
    """A recording, its options, and its client.

    `client` identifies the client for idempotency: the owner, or the network of an anonymous client.
    `network` is that of a client without an account; it counts for the limits of the queue.
    `idempotency_key` is the client's own key; None: the content and the options are the key, for a while.
    `reuse`: the result is the owner's transcript of the same recording and options, if there is one.
    `waiting_limit` is the result of `SubmitRecording.admit`. `title`: None is made of the name of the file.
    """

    recording: ReceivedRecording
    options: Options
    model: str | None
    owner: str
    api_key_id: str
    client: str
    network: str
    waiting_limit: int
    idempotency_key: str | None = None
    title: str | None = None
    reuse: bool = False


@dataclass(frozen=True, slots=True)
class SubmittedJob:
    """The job of a recording. `replayed`: the result is of an earlier request; the file was not taken."""

    job: Job
    replayed: bool


class SubmitRecording:
    """The use case "transcribe a recording", from the headers of its request to the queue."""

    def __init__(
        self,
        admission: Admission,
        models: ModelManager[EngineProcess],
        queue: JobQueue,
        repeat_seconds: Callable[[], float],
        model_by_language: Callable[[], Mapping[str, str]],
        own_model: OwnModel,
    ) -> None:
        """`repeat_seconds` returns how long equal content counts as a repeated request; 0: not at all.

        A request that names no model gets that of its owner (`own_model`), or the one of its language
        (`model_by_language`), or the default one.
        """
        self._own_model = own_model
        self._model_by_language = model_by_language
        self._admission = admission
        self._models = models
        self._queue = queue
        self._repeat_seconds = repeat_seconds

    def admit(self, owner: str, size_bytes: int, network: str = "") -> int:
        """Checks the quotas before the body is read; returns how many jobs of the owner may wait.

        `network` is that of a client without an account. Raises `Busy`, `QuotaReached`,
        `StorageQuotaReached`.
        """
        return self._admission.check_upload(owner, size_bytes, network)

    def prepare(self) -> None:
        """Starts a decoder process while the recording arrives."""
        decode.prepare()

    def model_for(self, owner: str, language: str | None, task: Task) -> str | None:
        """The model of an owner for a request that names none; None: the appliance chooses."""
        return self._own_model(owner, language, task)

    def live_model_for(self, owner: str, language: str | None, task: Task) -> str | None:
        """As `model_for`, if no engine of it has failed, because a live session keeps its model."""
        own = self.model_for(owner, language, task)
        status = self._models.get_model(own) if own else None
        return status.name if status and status.state not in NOT_READY else None

    def check_ready(self, model: str | None, *, language: str | None, task: Task, owner: str = "") -> None:
        """Raises `InvalidRequest` for options the model lacks, `ModelUnavailable` if it is not ready."""
        if model is None and self.model_for(owner, language, task):
            return
        meant = self._model_by_language().get(language or "") if model is None else None
        status = self._models.get_model(meant) if meant else None
        if status and status.state not in NOT_READY and (status.translates or task != "translate"):
            return  # the default model, which may know English only, is not needed
        check_ready(self._models, model, language=language, task=task)

    def submit(self, submission: Submission) -> SubmittedJob:
        """Enqueues the recording, or finds the job of the same request sent before.

        Raises `QueueFull` and `KeyReused`. Unless the job is replayed, the queue owns the file now.
        """
        recording, options = submission.recording, submission.options
        own = None
        if submission.model is None:
            own = self.model_for(submission.owner, options.language, options.task)
        content = self._content(submission, submission.model or own)
        job = self._queue.enqueue(
            JobRequest(
                id=recording.path.name,
                audio=recording.path,
                owner=submission.owner,
                key_id=submission.api_key_id,
                network=submission.network,
                waiting_limit=submission.waiting_limit,
                filename=recording.filename,
                title=submission.title,
                options=options,
                model=submission.model,
                preferred_model=own,
                priority=Priority.INTERACTIVE,
                idempotency=self._idempotency(submission, content),
                content_digest=_digest(content),
                reuse=submission.reuse,
            )
        )
        return SubmittedJob(job, replayed=job.id != recording.path.name or job.reused)

    def _content(self, submission: Submission, model: str | None) -> str:
        """What decides the transcript: the recording, the model, and the options."""
        by_language = {} if model else self._model_by_language()
        content = [
            submission.recording.sha256,
            model or self._models.default,
            asdict(submission.options),
            dict(by_language),
        ]
        return json.dumps(content, sort_keys=True)

    def _idempotency(self, submission: Submission, content: str) -> IdempotencyKey | None:
        """The key of a request; clients without a key also repeat requests, so their content is the key.

        The fingerprint of a client's key has the model that the request names, because what is chosen where
        it names none may change before the request is repeated.
        """
        recording = submission.recording
        if submission.idempotency_key is not None:
            key = _digest(submission.client, "key", submission.idempotency_key)
            asked = [recording.sha256, submission.model, asdict(submission.options)]
            return IdempotencyKey(key, _digest(json.dumps(asked, sort_keys=True), recording.filename))
        fingerprint = _digest(content, recording.filename)
        if not (seconds := self._repeat_seconds()):
            return None
        since = written(recording.received_at - timedelta(seconds=seconds))
        return IdempotencyKey(_digest(submission.client, "content", fingerprint), fingerprint, since)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
