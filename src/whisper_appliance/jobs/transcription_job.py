"""The work of one job: decode its file, hear it window by window, and deal with the file afterwards."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, Protocol

from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import Cancelled, ModelUnavailable, NotFound
from whisper_appliance.engines.contract import Options, Priority, WindowResult
from whisper_appliance.jobs import storage
from whisper_appliance.jobs.job import FinishedWindow, Job
from whisper_appliance.transcript.model import Transcript

MODEL_WAIT_SECONDS = 3600.0
NEXT_DECODER_SECONDS = 0.2

OnWindow = Callable[[FinishedWindow, float, float | None], None]


class EngineProvider(Protocol):
    """What a job needs of the ModelManager."""

    def engine(self, name: str | None = None) -> AbstractContextManager[Any]:
        """A lease on a loaded model."""
        ...


class WindowDone(Protocol):
    """What `speech.transcribe` tells about a finished window."""

    @property
    def start_sample(self) -> int: ...
    @property
    def stop_sample(self) -> int: ...
    @property
    def result(self) -> WindowResult: ...
    @property
    def progress(self) -> float: ...


class Transcribe(Protocol):
    """`speech.transcribe.transcribe`, or a script in its place."""

    def __call__(
        self,
        recording: Any,
        engine: Any,
        options: Options,
        *,
        priority: Priority,
        model: str,
        finished: Mapping[int, WindowResult],
        on_window: Callable[[Any], None],
        cancelled: Callable[[], bool],
    ) -> Transcript:
        """Audio to Transcript; asks `cancelled` between windows."""
        ...


class JobSteps:
    """What is done for a job, with the parts it is done by. Keeps nothing between jobs."""

    def __init__(
        self,
        storage: Path,
        models: EngineProvider,
        *,
        decode: Callable[[Path], AbstractContextManager[Any]],
        transcribe: Transcribe,
        default_model: Callable[[], str],
        keep_audio: Callable[[], bool] = lambda: False,
        is_mounted: Callable[[], bool] = lambda: True,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`storage` is the folder of the jobs' audio paths; the others are asked each time."""
        self._storage = storage
        self._models = models
        self._decode = decode
        self._transcribe = transcribe
        self._default_model = default_model
        self._keep_audio = keep_audio
        self._is_mounted = is_mounted
        self._sleep = sleep

    @classmethod
    def from_settings(
        cls, settings: Callable[[], Settings], models: EngineProvider, default_model: Callable[[], str]
    ) -> "JobSteps":
        """With the real decoder and the real road through speech; `settings` are asked for at each job."""
        return cls(
            settings().storage_folder,
            models,
            decode=_decoder(settings, settings().data_dir / "decoded"),
            transcribe=_road(settings),
            default_model=default_model,
            keep_audio=lambda: settings().keep_audio,
            is_mounted=lambda: (
                settings().storage_url is None or storage.is_mounted(settings().storage_folder)
            ),
        )

    def transcribe(
        self,
        job: Job,
        finished: Mapping[int, WindowResult],
        on_window: OnWindow,
        cancelled: Callable[[], bool],
    ) -> Transcript:
        """The transcript of a job's recording; windows that an earlier attempt finished are not heard again.

        Raises what the rooms below raise, and `NotFound` when the file is gone.
        """
        model = job.model or self._default_model()
        with ExitStack() as held:
            # The decoder works while the model is being loaded.
            recording = held.enter_context(self._decode(self._found(job, cancelled)))
            engine = self._lease(held, model, cancelled)

            def tell(done: WindowDone) -> None:
                window = FinishedWindow(done.start_sample, done.stop_sample, done.result)
                # A header may promise less than there is: nothing is the end before all is decoded.
                progress = done.progress if recording.seconds is not None else min(done.progress, 0.99)
                on_window(window, progress, recording.estimated_seconds)

            return self._transcribe(
                recording,
                engine,
                job.options,
                priority=job.priority,
                model=model,
                finished=finished,
                on_window=tell,
                cancelled=cancelled,
            )

    def archive_audio(self, job: Job) -> None:
        """Before a job is done: its recording goes where kept ones lie, if they are kept."""
        if self._keep_audio() and (self._storage / job.audio).exists():
            self._kept(job).parent.mkdir(exist_ok=True)
            (self._storage / job.audio).replace(self._kept(job))

    def clean_up(self, job: Job, *, done: bool) -> None:
        """After a job ended: its upload goes, and a kept recording that has no transcript."""
        (self._storage / job.audio).unlink(missing_ok=True)
        if not done:
            self._kept(job).unlink(missing_ok=True)

    def _kept(self, job: Job) -> Path:
        return self._storage / "audio" / job.id  # a transcript has the id of its job

    def _found(self, job: Job, cancelled: Callable[[], bool]) -> Path:
        """The recording of a job; while the storage is away, the job waits for it."""
        while not self._is_mounted():
            if cancelled():
                raise Cancelled("The job was cancelled.")
            self._sleep(1.0)
        return self._recording(job)

    def _recording(self, job: Job) -> Path:
        for path in (self._storage / job.audio, self._kept(job)):
            if path.is_file():
                return path
        raise NotFound("The uploaded file is no longer there. Upload it again.")

    def _lease(self, held: ExitStack, model: str, cancelled: Callable[[], bool]) -> Any:
        """An engine for the model; while it is on its way (being downloaded), the job waits for it."""
        give_up = time.monotonic() + MODEL_WAIT_SECONDS
        while True:
            try:
                return held.enter_context(self._models.engine(model))
            except ModelUnavailable as error:
                if error.retry_after_seconds is None or time.monotonic() > give_up:
                    raise
            if cancelled():
                raise Cancelled("The job was cancelled.")
            self._sleep(1.0)


def _decoder(settings: Callable[[], Settings], folder: Path) -> Callable[[Path], AbstractContextManager[Any]]:
    from whisper_appliance.audio.decode import DecodeLimits, decode, prepare

    def decoded(path: Path) -> AbstractContextManager[Any]:
        now = settings()
        limits = DecodeLimits(
            max_seconds=now.max_audio_seconds,
            memory_bytes=int(now.decoder_memory),
            cpu_seconds=now.decoder_cpu_seconds,
            wall_seconds=now.decoder_seconds,
        ).for_length()
        recording = decode(path, folder=folder, limits=limits)
        next_one = threading.Timer(NEXT_DECODER_SECONDS, prepare)  # clips rarely come alone
        next_one.daemon = True
        next_one.start()
        return recording

    return decoded


def _road(settings: Callable[[], Settings]) -> Transcribe:
    from whisper_appliance.models.catalog import canonical, catalog
    from whisper_appliance.transcription.transcribe import transcribe

    def road(recording: Any, engine: Any, options: Options, *, model: str, **how: Any) -> Transcript:
        known = catalog().get(canonical(model))
        weights = known.files.get("model.bin") if known else None
        return transcribe(
            recording,
            engine,
            options,
            model=model,
            model_sha256=(weights and weights.sha256) or "",
            target_seconds=settings().audio_chunk_size,
            **how,
        )

    return road
