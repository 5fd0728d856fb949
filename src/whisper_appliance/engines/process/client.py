"""The client of an engine in a process of its own.

Native code may crash or leak, and only an ended process returns all memory. The client keeps the queue; the
process holds only what it works on. After a crash the process is started anew, and each window it worked on
is tried once more, alone, so that a window that crashes the engine fails alone.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import numpy as np

from whisper_appliance.core.errors import ApplianceError, EngineFailed, ModelUnavailable
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import Engine, EngineSpec, Priority, Window, WindowResult
from whisper_appliance.engines.process.messages import (
    BadResponse,
    DecodeWindows,
    DetectSpeech,
    EngineInfo,
    Exit,
    LoadFailed,
    Ready,
    RequestFailed,
    Response,
    SpeechDetected,
    WindowsDecoded,
)
from whisper_appliance.engines.process.spawn import terminate
from whisper_appliance.engines.process.supervisor import Supervisor
from whisper_appliance.engines.process.usage import EngineEvent, EngineLifecycle, EngineStatus
from whisper_appliance.engines.process.window_queue import CPU_BATCH, CUDA_BATCH, WindowScheduler
from whisper_appliance.engines.vad import NO_PROBABILITIES, Probabilities
from whisper_appliance.engines.vad_stream import VadStream

__all__ = ["EngineEvent", "EngineProcess", "EngineStatus"]

CRASHES_IN_A_ROW = 3
"""After so many crashes without a result between them, the engine is given up."""


def _ignore(_: EngineEvent) -> None:
    pass


class EngineProcess:
    """One loaded model. All methods may be called from any thread."""

    def __init__(
        self,
        spec: EngineSpec,
        *,
        announce: Callable[[EngineEvent], None] = _ignore,
        load: Callable[[EngineSpec], Engine] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`load` makes the engine inside the process; a module's function, because it is imported there."""
        self.spec = spec
        self._announce = announce
        self._changed = threading.Condition(threading.RLock())
        self._supervisor = Supervisor(spec, load, self, self._changed)
        self._numbers = itertools.count(1)
        self._scheduler = WindowScheduler(spec.workers, clock, self._numbers)
        self._detecting: dict[int, tuple[Future[Probabilities], DetectSpeech]] = {}
        self._streams = itertools.count(1)
        self._state: EngineLifecycle = "loading"
        self._reason = ""
        self._info: EngineInfo | None = None
        self._restarts = 0
        self._crashes = 0

    def start(self) -> None:
        """Starts the process and returns while the model loads."""
        self._supervisor.start()

    @property
    def parallel_windows(self) -> int:
        """How many windows of live speech are decoded in parallel."""
        return CUDA_BATCH if self._scheduler.on_cuda else self.spec.workers

    @property
    def prefetch_windows(self) -> int:
        """How many windows of a file to submit at once: those in work, and as many again."""
        return 2 * (CUDA_BATCH if self._scheduler.on_cuda else CPU_BATCH * self.spec.workers)

    def submit(self, window: Window, *, priority: Priority, windows_before: int = 0) -> Future[WindowResult]:
        """Enqueues a window: by priority, then by `windows_before`, the windows that its job already had.

        Raises `ModelUnavailable` if the engine has failed, `EngineFailed` if it was closed.
        """
        with self._changed:
            self._check()
            queued = self._scheduler.waiting.enqueue(window, priority, windows_before)
            self._dispatch()
            return queued.future

    def open_vad_stream(self) -> VadStream:
        """A new stream through voice activity detection."""
        return VadStream(self._detect, next(self._streams))

    @contextmanager
    def reserve_live_worker(self) -> Iterator[None]:
        """While a live session is open, files leave it a worker."""
        with self._changed:
            self._scheduler.live_reservations += 1
        try:
            yield
        finally:
            with self._changed:
                self._scheduler.live_reservations -= 1
                self._dispatch()

    def wait_ready(self, timeout_seconds: float | None = None) -> None:
        """Waits until the model is loaded. Raises `ModelUnavailable` if it cannot be, or not in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._state != "loading", timeout_seconds):
                raise ModelUnavailable(
                    "The model {model} is still loading.", model=self.spec.model, retry_after_seconds=5
                )
            self._check()

    def status(self) -> EngineStatus:
        """A snapshot."""
        with self._changed:
            scheduler = self._scheduler
            info = self._info or EngineInfo(self.spec.engine, "", "", "", True, (), None)
            return EngineStatus(
                self.spec.model, self._state, self._reason,
                len(scheduler.waiting), scheduler.running_windows,
                scheduler.last_work, scheduler.windows_done, self._restarts, self._supervisor.memory_bytes,
                info.name, info.version, info.device, info.compute_type, info.multilingual,
                info.warnings, info.isolation, self.parallel_windows, scheduler.meter.total(),
            )  # fmt: skip

    def close(self) -> None:
        """Ends the process; waiting windows get `EngineFailed`."""
        with self._changed:
            if self._state == "closed":
                return
            self._become("closed")
            process = self._supervisor.process
            self._supervisor.send(Exit())
            self._fail_all(EngineFailed("The model {model} was unloaded.", model=self.spec.model))
        if process:
            terminate(process)

    def wants_process(self) -> bool:
        """See `ProcessOwner`."""
        return self._state not in ("closed", "failed")

    def awaits_response(self) -> bool:
        """See `ProcessOwner`."""
        with self._changed:
            return bool(self._state == "loading" or self._scheduler.running_windows or self._detecting)

    def on_response(self, response: Response) -> None:
        """See `ProcessOwner`."""
        with self._changed:
            if self._state == "closed":
                return
            match response:
                case WindowsDecoded():
                    self._crashes = 0
                    self._scheduler.complete(response.number, response.results)
                case SpeechDetected():
                    self._crashes = 0
                    self._resolve_detection(response)
                case RequestFailed():
                    self._fail_request(response.number, EngineFailed(response.reason))
                case Ready():
                    self._on_ready(response.info)
                case LoadFailed():
                    self._give_up(response.reason)
            self._dispatch()

    def on_exit(self, ending: str, *, killed: bool) -> None:
        """Restart policy: requeues what was running; gives up after `CRASHES_IN_A_ROW`."""
        with self._changed:
            if not self.wants_process():
                return
            self._restarts += 1
            self._crashes += 1
            reason = f"The engine stopped while it worked ({ending})."
            self._scheduler.requeue_after_crash(reason, killed=killed)
            if self._crashes >= CRASHES_IN_A_ROW:
                self._give_up(f"The engine for {self.spec.model} stops again and again ({ending}).")
            else:
                self._become("loading", reason)

    def _detect(self, stream: int, samples: Samples | None) -> Future[Probabilities]:
        with self._changed:
            self._check()
            request = DetectSpeech(next(self._numbers), stream, samples)
            future: Future[Probabilities] = Future()
            self._detecting[request.number] = future, request
            if self._state != "loading":
                self._supervisor.send(request)
            return future

    def _check(self) -> None:
        if self._state == "failed":
            raise ModelUnavailable(self._reason)
        if self._state == "closed":
            raise EngineFailed("The model {model} was unloaded.", model=self.spec.model)

    def _dispatch(self) -> None:
        """Sends windows while there is a free worker for them."""
        if self._state not in ("idle", "busy"):
            return
        for number, batch in self._scheduler.batches():
            windows = [queued.window for queued in batch]
            self._supervisor.send(DecodeWindows(number, windows, batch[0].is_urgent))
        self._become("busy" if self._scheduler.running_windows else "idle")

    def _on_ready(self, info: EngineInfo) -> None:
        self._info = info
        self._scheduler.on_cuda = info.device == "cuda"
        self._become("idle")
        for _, request in self._detecting.values():
            self._supervisor.send(request)

    def _resolve_detection(self, response: SpeechDetected) -> None:
        if response.number not in self._detecting:
            raise BadResponse("probabilities that were not asked for")
        future, _ = self._detecting.pop(response.number)
        found = response.probabilities
        future.set_result(NO_PROBABILITIES if found is None else np.array(found, np.float32))

    def _fail_request(self, number: int, error: EngineFailed) -> None:
        if number in self._detecting:
            future, _ = self._detecting.pop(number)
            future.set_exception(error)
        else:
            self._scheduler.fail(number, error)

    def _give_up(self, reason: str) -> None:
        self._reason = reason
        self._become("failed")
        self._fail_all(ModelUnavailable(reason))

    def _fail_all(self, error: ApplianceError) -> None:
        futures: list[Future[WindowResult] | Future[Probabilities]] = [*self._scheduler.clear()]
        futures += [future for future, _ in self._detecting.values()]
        self._detecting.clear()
        for future in futures:
            if future.running() or future.set_running_or_notify_cancel():
                future.set_exception(error)

    def _become(self, state: EngineLifecycle, reason: str = "") -> None:
        if state != self._state:
            self._state = state
            self._changed.notify_all()
            self._announce(EngineEvent(self.spec.model, state, reason or self._reason))
