"""The steps of a transcription job: decode its file, transcribe it window by window, archive the file."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import (
    ApplianceError,
    AudioError,
    Cancelled,
    ModelDownloading,
    ModelUnavailable,
    NotFound,
)
from whisper_appliance.engines.contract import WindowResult
from whisper_appliance.jobs.job import FinishedWindow, Job
from whisper_appliance.jobs.model_choice import EngineProvider, LeasedModel, ModelChoice
from whisper_appliance.jobs.storage import JobAudio, OnFinished
from whisper_appliance.jobs.text_translation import TranslateLines, no_translator, translated, translator
from whisper_appliance.library.recordings import Recordings
from whisper_appliance.transcript.model import Transcript
from whisper_appliance.transcription.channels import CHANNEL_SAMPLES, sound_of, transcribe_channels
from whisper_appliance.transcription.speakers import TRANSCRIBED_SHARE, Diarize, FoundSpeakers, with_speakers

if TYPE_CHECKING:  # it imports numpy, which the web process has no need of at its start
    from whisper_appliance.audio.browser_formats import Media
    from whisper_appliance.audio.decode import DecodeLimits, Sound
    from whisper_appliance.diarization.contract import Diarization
    from whisper_appliance.transcription.pipeline import WindowDone

MODEL_WAIT_SECONDS = 3600.0
MOMENT_SECONDS = 5.0
"""What keeps a model away for longer is shown, and lets other jobs go first."""
NEXT_DECODER_SECONDS = 0.2
MAX_OPEN_PROGRESS = 0.99
DIARIZER_BYTES = 2 * 2**30
"""Memory of the process that finds the speakers."""
log = logging.getLogger(__name__)

OnWindow = Callable[[FinishedWindow, float, float | None], None]
"""Called with a finished window, the progress from 0 to 1, and the duration in seconds if it is clear."""


@dataclass(frozen=True, slots=True)
class Transcribed:
    """What a job has made of its recording: a transcript, the peaks of its waveform, and what the file is.

    `voices` are the embeddings of the speakers by their names.
    """

    transcript: Transcript
    peaks: bytes = b""
    media: "Media | None" = None
    voices: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


Encode = Callable[[Path, Path, "Sound"], None]
"""Writes the sound of a file to another one, in a format that browsers play."""


class Transcribe(Protocol):
    """Transcribes the decoded recording of a job with `transcription.transcribe.transcribe`."""

    def __call__(
        self,
        recording: Any,
        engine: Any,
        job: Job,
        *,
        finished: Mapping[int, WindowResult],
        on_window: Callable[[Any], None],
        cancelled: Callable[[], bool],
        on_decoded: Callable[[float], None],
    ) -> Transcript:
        """Transcribes decoded audio with the job's model; the callbacks are those of `transcribe`."""
        ...


class JobSteps:
    """The steps of a job, and the parts that they use. It stores nothing between jobs."""

    def __init__(  # noqa: PLR0913 - each is a part that tests replace
        self,
        audio: JobAudio,
        models: EngineProvider,
        *,
        decode: Callable[[Path, "Sound"], AbstractContextManager[Any]],
        transcribe: Transcribe,
        choice: ModelChoice,
        encode: Encode | None = None,
        diarize: Diarize | None = None,
        translate: TranslateLines = no_translator,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.audio = audio
        self._encode = encode
        self._diarize = diarize or _no_diarizer
        self._translate = translate
        self._models = models
        self._decode = decode
        self._transcribe = transcribe
        self._choice = choice
        self._sleep = sleep

    @classmethod
    def from_settings(
        cls,
        settings: Callable[[], Settings],
        models: EngineProvider,
        default_model: Callable[[], str],
        recordings: Recordings | None = None,
        *,
        is_mounted: Callable[[], bool] = lambda: True,
    ) -> "JobSteps":
        """Builds the steps with the real decoder and pipeline; they read the settings for each job anew.

        `is_mounted`: whether the folder of recordings is there.
        """
        return cls(
            JobAudio(
                settings().storage_folder,
                recordings=recordings,
                keeps_original=lambda: settings().audio_store == "original",
                is_mounted=is_mounted,
            ),
            models,
            decode=_decoder(settings, settings().data_dir / "decoded"),
            transcribe=_transcriber(settings),
            choice=_model_choice(settings, default_model),
            encode=_encoder(settings),
            diarize=diarizer(settings),
            translate=translator(settings),
        )

    @property
    def default_model(self) -> str:
        """The model of jobs that name none."""
        return self._choice.default()

    def transcribe(
        self,
        job: Job,
        finished: Mapping[int, WindowResult],
        on_window: OnWindow,
        cancelled: Callable[[], bool],
        on_decoded: Callable[[float], None] = lambda _seconds: None,
        on_progress: Callable[[float], None] = lambda _progress: None,
        on_opened: Callable[[float], None] = lambda _duration: None,
    ) -> Transcribed:
        """Transcribes a job's recording, except the windows that an earlier attempt has finished.

        `finished` maps the first sample of a window to its result. `on_progress` gets the progress of the job
        while its speakers are found, `on_opened` the length in the header of its file. Raises the errors of
        decoder and engine, `ModelUnavailable`, `Cancelled`, `NotFound` if the file is gone, and `Unavailable`
        while the folder of recordings is not mounted. A text is translated instead, from its beginning.
        """
        peaks = b""
        with self._storage_errors(), ExitStack() as held:
            # Decoding starts before the model is leased, so that it goes on while the model is loaded.
            path, sound = self.audio.find(job), sound_of(job.options, job.filename)
            if job.translate_to:
                return Transcribed(translated(path, job, self._translate, on_progress, cancelled))
            recording = held.enter_context(self._decode(path, sound))
            if duration := recording.header_seconds():
                on_opened(duration)
            model = self._lease_chosen(held, job, recording, cancelled)

            def transcribe_one(one: Any, channel: int) -> Transcript:
                nonlocal peaks
                transcript = self._transcribe(
                    one,
                    model.engine,
                    replace(job, model=model.name),
                    finished=_of_channel(channel, finished),
                    on_window=_reporter(one, sound, channel, on_window, job.options.diarize),
                    cancelled=cancelled,
                    on_decoded=on_decoded,
                )
                peaks = _with_peaks(peaks, one.waveform())
                return transcript

            transcript = transcribe_channels(recording, sound, partial(self._decode, path), transcribe_one)
            transcript = replace(transcript, warnings=(*model.notices, *transcript.warnings))
            found = self._with_speakers(transcript, recording, job, on_progress, cancelled)
            return Transcribed(found.transcript, peaks, recording.media, found.voices)

    def archive_audio(self, job: Job, done: Transcribed) -> OnFinished:
        """Before a job is marked as done: moves its upload to the archived recordings, if they are kept.

        Returns what is to be done in the transaction that marks it. Raises `Unavailable` while the shared
        folder is not mounted.
        """
        with self._storage_errors():
            return self.audio.archive(job, done.peaks, _browser_type(done.media) if done.media else None)

    def clean_up(self, job: Job) -> None:
        """After a job is done: deletes its upload; if that fails, it is deleted later, as one of no job."""
        try:
            self.audio.remove_upload(job)
        except OSError as error:
            log.warning("The upload of job %s was not deleted: %s", job.id, error)

    def encode_audio(self, job: Job, done: Transcribed) -> None:
        """At last: makes the archived recording one that browsers play, or a small one.

        If that fails, the recording stays as it is.
        """
        encode, media = self._encode, done.media
        if encode is None or media is None:
            return
        plays, is_small = bool(_browser_type(media)), media.codec == "opus" and not media.video_codec
        if plays and (self.audio.keeps_original() or is_small):
            return
        sound = replace(sound_of(job.options, job.filename), channel=None)
        try:
            self.audio.encode(job, lambda source, target: encode(source, target, sound))
        except (ApplianceError, OSError) as error:
            log.warning("The recording of job %s was not encoded: %s", job.id, error)

    def _with_speakers(
        self,
        transcript: Transcript,
        recording: Any,
        job: Job,
        on_progress: Callable[[float], None],
        cancelled: Callable[[], bool],
    ) -> FoundSpeakers:
        return with_speakers(
            transcript,
            recording,
            job.options,
            self._diarize,
            on_progress=lambda done: on_progress(TRANSCRIBED_SHARE + (1 - TRANSCRIBED_SHARE) * done),
            cancelled=cancelled,
        )

    @contextmanager
    def _storage_errors(self) -> Iterator[None]:
        """Raises `Unavailable` while the folder is not mounted, whatever failed because of that."""
        self.audio.check_mounted()
        try:
            yield
        except (NotFound, AudioError, OSError):
            self.audio.check_mounted()
            raise

    def _lease_chosen(
        self, held: ExitStack, job: Job, recording: Any, cancelled: Callable[[], bool]
    ) -> LeasedModel:
        def lease(stack: ExitStack, name: str) -> Any:
            return self._lease(stack, name, cancelled)

        return self._choice.lease(held, self._models, lease, job, recording, cancelled)

    def _lease(self, held: ExitStack, model: str, cancelled: Callable[[], bool]) -> Any:
        """Leases an engine for the model; waits while it is downloaded, and for what may be over in a moment.

        Raises `ModelUnavailable`, also for a name that was known when the job was accepted: the folder of
        models may be away.
        """
        began = time.monotonic()
        while True:
            try:
                return held.enter_context(self._models.engine(model))
            except NotFound as error:
                params: dict[str, Any] = error.params
                raise ModelUnavailable(error.template, **params) from error
            except ModelUnavailable as error:
                longest = MODEL_WAIT_SECONDS if isinstance(error, ModelDownloading) else MOMENT_SECONDS
                if error.retry_after_seconds is None or time.monotonic() - began > longest:
                    raise
            self._wait(cancelled)

    def _wait(self, cancelled: Callable[[], bool]) -> None:
        if cancelled():
            raise Cancelled("The job was cancelled.")
        self._sleep(1.0)


def _of_channel(channel: int, finished: Mapping[int, WindowResult]) -> dict[int, WindowResult]:
    """The finished windows of a channel, by its own samples."""
    first = channel * CHANNEL_SAMPLES
    return {
        start - first: result
        for start, result in finished.items()
        if first <= start < first + CHANNEL_SAMPLES
    }


def _with_peaks(peaks: bytes, more: bytes) -> bytes:
    from whisper_appliance.audio.peaks import combined

    return combined(peaks, more) if peaks and more else peaks or more


def _browser_type(media: "Media") -> str:
    from whisper_appliance.audio.browser_formats import browser_type

    return browser_type(media)


def _reporter(
    recording: Any, sound: "Sound", channel: int, on_window: OnWindow, diarize: bool
) -> Callable[["WindowDone"], None]:
    """Reports finished windows of a channel, with the progress of the whole job."""

    def report(done: "WindowDone") -> None:
        first = channel * CHANNEL_SAMPLES
        window = FinishedWindow(first + done.start_sample, first + done.stop_sample, done.result)
        progress = done.progress
        if sound.channel is not None and recording.tracks:
            progress = (channel + progress) / recording.tracks.channels
        if diarize:  # the last window is stored as well, because the speakers are still to be found
            progress *= TRANSCRIBED_SHARE
        # A file header may give too short a length, so only a decoded recording can be finished.
        complete = recording.seconds is not None
        on_window(
            window, progress if complete else min(progress, MAX_OPEN_PROGRESS), recording.estimated_seconds
        )

    return report


def decode_limits(settings: Settings) -> "DecodeLimits":
    """The limits of the decoder process for one file."""
    from whisper_appliance.audio.decode import DecodeLimits

    return DecodeLimits(
        max_seconds=settings.max_audio_seconds,
        memory_bytes=int(settings.decoder_memory),
        cpu_seconds=settings.decoder_cpu_seconds,
        wall_seconds=settings.decoder_seconds,
    ).for_length()


def _decoder(
    settings: Callable[[], Settings], folder: Path
) -> Callable[[Path, "Sound"], AbstractContextManager[Any]]:
    from whisper_appliance.audio.decode import decode, prepare

    def decode_file(path: Path, sound: "Sound") -> AbstractContextManager[Any]:
        recording = decode(path, folder=folder, limits=decode_limits(settings()), sound=sound)
        # The next decoder process is started ahead of time, because clips rarely come alone.
        prestart = threading.Timer(NEXT_DECODER_SECONDS, prepare)
        prestart.daemon = True
        prestart.start()
        return recording

    return decode_file


def _encoder(settings: Callable[[], Settings]) -> Encode:
    from whisper_appliance.audio.encode import encode_opus

    return lambda source, target, sound: encode_opus(
        source, target, limits=decode_limits(settings()), sound=sound
    )


def _model_choice(settings: Callable[[], Settings], default: Callable[[], str]) -> ModelChoice:
    from whisper_appliance.models.by_language import models_by_language
    from whisper_appliance.transcription.transcribe import TranscriptionRequest, detect_language

    def detect(recording: Any, engine: Any, job: Job, *, cancelled: Callable[[], bool]) -> str:
        request = TranscriptionRequest(job.options, job.priority, "")
        return detect_language(recording, engine, request, cancelled=cancelled)

    return ModelChoice(default, lambda: models_by_language(settings().model_by_language), detect)


def _no_diarizer(*_: Any, **__: Any) -> "Diarization":
    raise ModelUnavailable("No model of speakers is installed.")


def diarizer(settings: Callable[[], Settings]) -> Diarize:
    """Finds speakers in a process of its own, with the model that the settings name."""
    from whisper_appliance.diarization.contract import DiarizerSpec
    from whisper_appliance.diarization.process.client import diarize
    from whisper_appliance.diarization.registry import DEFAULT

    def diarize_file(recording: Any, speakers: int | None, **callbacks: Any) -> "Diarization":
        spec = DiarizerSpec(DEFAULT, settings().diarization_model, DIARIZER_BYTES)
        return diarize(recording, spec, speakers, **callbacks)

    return diarize_file


def _transcriber(settings: Callable[[], Settings]) -> Transcribe:
    from whisper_appliance.models.catalog import canonical, catalog
    from whisper_appliance.transcription.transcribe import TranscriptionRequest, transcribe

    def transcribe_file(
        recording: Any,
        engine: Any,
        job: Job,
        *,
        finished: Mapping[int, WindowResult],
        **callbacks: Any,
    ) -> Transcript:
        model = job.model or ""
        entry = catalog().get(canonical(model))
        weights = entry.files.get("model.bin") if entry else None
        request = TranscriptionRequest(
            job.options,
            job.priority,
            model,
            model_sha256=(weights and weights.sha256) or "",
            target_seconds=settings().audio_chunk_size,
            finished=finished,
        )
        return transcribe(recording, engine, request, **callbacks)

    return transcribe_file
