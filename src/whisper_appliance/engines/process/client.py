"""An engine in a process of its own: native code may crash or leak, and only an ended process gives all back.

The client keeps what waits; the process only ever holds what it works on. When it dies, it is started anew
and what it worked on is tried once more, one window at a time: so the guilty one fails alone.
"""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import ApplianceError, EngineFailed, ModelUnavailable
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import (
    SPARE_WORKERS,
    Engine,
    EngineSpec,
    Priority,
    Window,
    WindowResult,
)
from whisper_appliance.engines.process.spawn import (
    MemoryWatch,
    describe_exit,
    resident_bytes,
    spawn,
    terminate,
)
from whisper_appliance.engines.process.status import EngineEvent, EngineState, EngineStatus
from whisper_appliance.engines.process.usage import UsageMeter
from whisper_appliance.engines.process.window_queue import QueuedWindow, WindowQueue
from whisper_appliance.engines.vad import Probabilities
from whisper_appliance.engines.vad_stream import VadStream

__all__ = ["EngineEvent", "EngineProcess", "EngineStatus"]

CUDA_BATCH = 8
CPU_BATCH = 4  # a step of the decoder takes less than twice as long for four windows as for one
ATTEMPTS = 2
CRASHES_IN_A_ROW = 3


def _to_nobody(_: EngineEvent) -> None:
    pass


class EngineProcess:
    """One loaded model. All methods may be called from any thread."""

    def __init__(
        self,
        spec: EngineSpec,
        *,
        announce: Callable[[EngineEvent], None] = _to_nobody,
        load: Callable[[EngineSpec], Engine] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`load` makes the engine inside the process (a module's function, handed over by name)."""
        self.spec = spec
        self._announce = announce
        self._load = load
        self._clock = clock
        self._changed = threading.Condition(threading.RLock())
        self._waiting = WindowQueue()
        self._running: dict[int, list[QueuedWindow]] = {}
        self._listening: dict[int, tuple[Future[Probabilities], int, Samples | None]] = {}
        self._numbers = 0
        self._streams = 0
        self._live = 0
        self._state: EngineState = "loading"
        self._reason = ""
        self._facts: dict[str, object] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._last_work: float | None = None
        self._windows_done = 0
        self._restarts = 0
        self._crashes = 0
        self._meter = UsageMeter(clock)

    def start(self) -> None:
        """Starts the process and returns; the model loads behind it."""
        threading.Thread(target=self._serve, name=f"engine {self.spec.model}", daemon=True).start()

    @property
    def parallel_windows(self) -> int:
        """How many windows of live speech are heard side by side."""
        return CUDA_BATCH if self._on_cuda else self.spec.workers

    @property
    def prefetch_windows(self) -> int:
        """How many windows of a file are worth asking for at once: what is worked on, and as many again."""
        return 2 * (CUDA_BATCH if self._on_cuda else CPU_BATCH * self.spec.workers)

    @property
    def _on_cuda(self) -> bool:
        return self._facts.get("device") == "cuda"

    def submit(self, window: Window, *, priority: Priority, windows_before: int = 0) -> Future[WindowResult]:
        """Lets a window wait for its turn: by priority, then by how many windows its job already had."""
        with self._changed:
            self._check()
            ticket = self._waiting.enqueue(window, priority, windows_before)
            self._pump()
            return ticket.future

    def open_vad_stream(self) -> VadStream:
        """A new stream through the voice activity detector."""
        with self._changed:
            self._streams += 1
            return VadStream(self._feed, self._streams)

    @contextmanager
    def reserve_live_worker(self) -> Iterator[None]:
        """While a live session is open, files leave it a worker."""
        with self._changed:
            self._live += 1
        try:
            yield
        finally:
            with self._changed:
                self._live -= 1
                self._pump()

    def wait_ready(self, timeout_seconds: float | None = None) -> None:
        """Waits until the model is loaded. Raises `ModelUnavailable` if it cannot be, or not in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._state != "loading", timeout_seconds):
                raise ModelUnavailable(
                    f"The model {self.spec.model} is still loading.", retry_after_seconds=5
                )
            self._check()

    def status(self) -> EngineStatus:
        """What it does now."""
        with self._changed:
            facts = self._facts
            return EngineStatus(
                self.spec.model, self._state, self._reason,
                len(self._waiting), sum(map(len, self._running.values())),
                self._last_work, self._windows_done, self._restarts, resident_bytes(self._process),
                str(facts.get("name", self.spec.engine)), str(facts.get("version", "")),
                str(facts.get("device", "")), str(facts.get("compute_type", "")),
                bool(facts.get("multilingual", True)),
                tuple(facts.get("warnings", ())),  # type: ignore[arg-type] # the engine's own attribute
                str(facts.get("network", "")), self.parallel_windows, self._meter.total(),
            )  # fmt: skip

    def close(self) -> None:
        """Ends the process; what waits gets `EngineFailed`."""
        with self._changed:
            if self._state == "closed":
                return
            self._become("closed")
            process = self._process
            self._send("stop")
            self._fail_all(EngineFailed(f"The model {self.spec.model} was unloaded."))
        if process:
            terminate(process)

    def _feed(self, stream: int, samples: Samples | None) -> Future[Probabilities]:
        with self._changed:
            self._check()
            self._numbers += 1
            future: Future[Probabilities] = Future()
            self._listening[self._numbers] = (future, stream, samples)
            if self._state != "loading":
                self._send("voice", self._numbers, stream, samples)
            return future

    def _check(self) -> None:
        if self._state == "failed":
            raise ModelUnavailable(self._reason)
        if self._state == "closed":
            raise EngineFailed(f"The model {self.spec.model} was unloaded.")

    def _pump(self) -> None:
        """Sends windows as long as there is a free worker for them."""
        if self._state not in ("idle", "busy"):
            return
        while tickets := self._waiting.take_batch(self._batch(), self._has_worker_for):
            self._numbers += 1
            self._running[self._numbers] = tickets
            for ticket in tickets:
                ticket.attempts += 1
            kind = "urgent" if tickets[0].is_urgent else "patient"
            self._send(kind, self._numbers, [ticket.window for ticket in tickets])
        self._meter.set_active(sum(map(len, self._running.values())))
        self._become("busy" if self._running else "idle")

    def _batch(self) -> int:
        """On the CPU, what waits is shared evenly between the workers."""
        return CUDA_BATCH if self._on_cuda else min(CPU_BATCH, -(-len(self._waiting) // self.spec.workers))

    def _has_worker_for(self, ticket: QueuedWindow) -> bool:
        """Suspects go alone; a worker is kept free for captions and for first windows of who waits."""
        if ticket.quarantined or any(tickets[0].quarantined for tickets in self._running.values()):
            return not self._running
        if len(self._running) >= self.spec.workers + SPARE_WORKERS:
            return False
        if ticket.is_urgent:
            return True
        files = sum(tickets[0].priority is not Priority.LIVE for tickets in self._running.values())
        return files < max(1, self.spec.workers - (1 if self._live else 0))

    def _send(self, *message: object) -> None:
        # A broken pipe is noticed by the thread that reads from it.
        with suppress(OSError, AttributeError):
            self._connection.send(message)  # type: ignore[union-attr]

    def _serve(self) -> None:
        """Lives as long as the engine: one round for each process."""
        while True:
            with self._changed:
                if self._state in ("closed", "failed"):
                    return
                process, connection = self._process, self._connection = spawn(self.spec, self._load)
            with MemoryWatch(process, self.spec.max_memory_bytes) as watch, suppress(EOFError, OSError):
                while True:
                    self._hear(*connection.recv())
            with self._changed:  # somebody may be sending
                connection.close()
            terminate(process)
            with self._changed:
                self._recover(watch.reason or describe_exit(process.returncode))

    def _hear(self, kind: str, *content: object) -> None:
        with self._changed:
            if self._state == "closed":
                return
            if kind == "ready":
                self._facts = dict(content[0])  # type: ignore[call-overload]
                self._become("idle")
                for number, (_, stream, samples) in self._listening.items():
                    self._send("voice", number, stream, samples)
            elif kind == "failed":
                self._reason = str(content[0])
                self._become("failed")
                self._fail_all(ModelUnavailable(self._reason))
            else:
                self._take_answer(kind, int(content[0]), content[1])  # type: ignore[call-overload]
            self._pump()

    def _take_answer(self, kind: str, number: int, content: object) -> None:
        futures: list[Future[object]]
        if number in self._listening:
            futures, answers = [self._listening.pop(number)[0]], [content]  # type: ignore[list-item]
        else:
            tickets = self._running.pop(number)
            if kind != "error":
                for ticket in tickets:
                    self._meter.add_window(ticket.samples / SAMPLE_RATE, ticket.priority)
            futures, answers = [t.future for t in tickets], content  # type: ignore[misc, assignment]
            self._last_work = self._clock()
        if kind == "error":
            for future in futures:
                future.set_exception(EngineFailed(str(content)))
            return
        self._crashes = 0
        self._windows_done += len(futures)
        for future, answer in zip(futures, answers, strict=True):
            future.set_result(answer)

    def _recover(self, ending: str) -> None:
        """The process is gone: what it worked on waits for the next, unless it has been tried before."""
        if self._state in ("closed", "failed"):
            return
        self._restarts += 1
        self._crashes += 1
        reason = f"The engine stopped while it worked ({ending})."
        for tickets in self._running.values():
            for ticket in tickets:
                if ticket.attempts >= ATTEMPTS:
                    ticket.future.set_exception(EngineFailed(reason))
                else:
                    ticket.quarantined = True
                    self._waiting.requeue(ticket)
        self._running.clear()
        self._meter.set_active(0)
        if self._crashes >= CRASHES_IN_A_ROW:
            self._reason = f"The engine for {self.spec.model} stops again and again ({ending})."
            self._become("failed")
            self._fail_all(ModelUnavailable(self._reason))
        else:
            self._become("loading", reason)

    def _fail_all(self, error: ApplianceError) -> None:
        tickets = [t for tickets in self._running.values() for t in tickets] + self._waiting.clear()
        futures: list[Future[object]] = [t.future for t in tickets]  # type: ignore[misc]
        futures += [future for future, _, _ in self._listening.values()]  # type: ignore[misc]
        self._running.clear()
        self._meter.set_active(0)
        self._listening.clear()
        for future in futures:
            if future.running() or future.set_running_or_notify_cancel():
                future.set_exception(error)

    def _become(self, state: EngineState, reason: str = "") -> None:
        if state != self._state:
            self._state = state
            self._changed.notify_all()
            self._announce(EngineEvent(self.spec.model, state, reason or self._reason))
