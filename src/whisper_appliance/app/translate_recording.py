"""Translates the kept recording of a transcript into English, which then stands beside the transcript."""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from whisper_appliance.app.admission import Admission
from whisper_appliance.app.readiness import NOT_READY, check_ready, check_translates
from whisper_appliance.core.atomic_files import link_or_copy
from whisper_appliance.core.errors import Conflict, NotFound
from whisper_appliance.core.i18n import N_
from whisper_appliance.core.ids import new_id
from whisper_appliance.engines.contract import Options, Priority, Quality
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.jobs.job import Job, JobRequest
from whisper_appliance.jobs.queue import JobQueue
from whisper_appliance.library.transcript_rows import StoredTranscript
from whisper_appliance.models.manager import ModelManager
from whisper_appliance.transcript.model import Transcript

NOT_KEPT = N_("The recording is not kept any more, so it cannot be translated.")


@dataclass(frozen=True, slots=True)
class TranslationRequest:
    """Who asks for a translation, and how to make it.

    `model` None: the one of the transcript if it can translate, else the default one. `language` is the one
    that is spoken; None: as the transcript has it.
    """

    owner: str
    api_key_id: str = ""
    model: str | None = None
    language: str | None = None


class TranslateRecording:
    """The use case: checks what can be known beforehand, and enqueues the job."""

    def __init__(
        self,
        admission: Admission,
        models: ModelManager[EngineProcess],
        queue: JobQueue,
        find_recording: Callable[[str, str], Path | None],
        uploads: Path,
    ) -> None:
        """`find_recording` returns the kept recording of the transcript with this id and owner.

        `uploads` is the folder of the queue's recordings.
        """
        self._admission = admission
        self._models = models
        self._queue = queue
        self._find_recording = find_recording
        self._uploads = uploads

    def start(self, stored: StoredTranscript, request: TranslationRequest) -> Job:
        """The job that makes the translation: a new one, or the one that makes it already.

        Raises `Conflict` for a transcript in English, `InvalidRequest` for a model that cannot translate,
        `ModelUnavailable`, `NotFound` if the recording is not kept, and what refuses an upload.
        """
        entry, transcript = stored.summary, stored.transcript
        _check_is_foreign(transcript, request.language)
        model = self._model(request.model, transcript.model)
        recording = self._find_recording(entry.id, entry.owner)
        if recording is None:
            raise NotFound(NOT_KEPT)
        if running := self._queue.translating(entry.id):
            return running
        waiting_limit = self._admission.check_upload(request.owner)
        filename = self._file_name(stored)
        with ExitStack() as undo:
            upload = self._uploads / new_id()
            undo.callback(upload.unlink, missing_ok=True)
            _link(recording, upload)
            job = self._queue.enqueue(
                JobRequest(
                    upload,
                    filename,
                    Priority.INTERACTIVE,
                    request.owner,
                    title=entry.title,
                    model=model,
                    options=_options(transcript, request.language),
                    id=upload.name,
                    key_id=request.api_key_id,
                    waiting_limit=waiting_limit,
                    translation_of=entry.id,
                )
            )
            if job.id == upload.name:
                undo.pop_all()
        return job

    def can_translate(self, stored: StoredTranscript) -> bool:
        """Whether the recording is kept, and says something that is not English."""
        entry, transcript = stored.summary, stored.transcript
        is_foreign = transcript.task != "translate" and transcript.languages != ("en",)
        return is_foreign and self._find_recording(entry.id, entry.owner) is not None

    def _model(self, wanted: str | None, of_transcript: str) -> str:
        """The full name of a model that can translate now. Raises `InvalidRequest`, `ModelUnavailable`."""
        for name in [wanted] if wanted else [of_transcript, self._models.default]:
            model = self._models.get_model(name) if name else None
            if model and model.translates and model.state not in NOT_READY:
                return model.name
        name = wanted or self._models.default
        if model := self._models.get_model(name):
            check_translates(model, "model")
        check_ready(self._models, name)
        return name

    def _file_name(self, stored: StoredTranscript) -> str:
        """The name of the upload, whose extension is the format of samples without a header."""
        try:
            return self._queue.get(stored.summary.id).filename or stored.summary.title
        except NotFound:
            return stored.summary.title


def _check_is_foreign(transcript: Transcript, language: str | None) -> None:
    if transcript.task == "translate":
        raise Conflict("This transcript is a translation into English already.")
    if (language or transcript.language) == "en" and (language or transcript.languages == ("en",)):
        raise Conflict("This recording is in English already, so there is nothing to translate.")


def _options(transcript: Transcript, language: str | None) -> Options:
    """As the transcript was made, so that the same sound is translated; not word by word."""
    before: Mapping[str, object] = transcript.provenance.options if transcript.provenance else {}
    spoken = transcript.languages
    quality, track = before.get("quality"), before.get("track")
    return Options(
        language=language or (spoken[0] if len(spoken) == 1 else None),
        task="translate",
        quality=next((each for each in get_args(Quality) if each == quality), "balanced"),
        vad=before.get("vad") is not False,
        track=track if isinstance(track, int) else None,
        channels="separate" if before.get("channels") == "separate" else "mixed",
    )


def _link(recording: Path, target: Path) -> None:
    """Gives the recording a second name. Raises `NotFound` if it was deleted meanwhile."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        link_or_copy(recording, target)
        os.utime(target)  # the age of an upload decides when an orphan is removed
    except FileNotFoundError:
        raise NotFound(NOT_KEPT) from None
