"""Priority queue of windows: fair share between jobs, batches, retry after a crash."""

import heapq
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import EngineFailed, Unavailable
from whisper_appliance.engines.contract import SPARE_WORKERS, Priority, Window, WindowResult
from whisper_appliance.engines.process.messages import BadResponse
from whisper_appliance.engines.process.usage import UsageMeter

CUDA_BATCH = 8
CPU_BATCH = 4  # a decoder step takes less than twice as long for four windows as for one
ATTEMPTS = 2


@dataclass(slots=True)
class QueuedWindow:
    """One window with the future of its result.

    `windows_before` is how many windows its job has already submitted. `quarantined`: the process ended
    while it decoded this window, perhaps because of it; so it is tried once more, alone.
    """

    window: Window
    priority: Priority
    windows_before: int
    number: int
    future: Future[WindowResult] = field(default_factory=Future)
    attempts: int = 0
    quarantined: bool = False

    @property
    def order(self) -> tuple[bool, int, int, int]:
        """Lower goes first: quarantined, then priority, then the least served job, then arrival."""
        return (not self.quarantined, self.priority, self.windows_before, self.number)

    @property
    def is_urgent(self) -> bool:
        """Captions, and the first window of an interactive job."""
        first = self.priority is Priority.INTERACTIVE and self.windows_before == 0
        return self.priority is Priority.LIVE or first

    @property
    def samples(self) -> int:
        """The length of the window."""
        return len(self.window.samples)

    def batches_with(self, other: "QueuedWindow") -> bool:
        """Whether both may be in one batch: equal priority, options and previous tokens."""
        ours, theirs = self.window, other.window
        if self.quarantined or other.quarantined or "alone" in (ours.batch, theirs.batch):
            return False
        return (self.priority, ours.options, ours.previous_tokens, ours.batch) == (
            other.priority, theirs.options, theirs.previous_tokens, theirs.batch,
        )  # fmt: skip


class WindowQueue:
    """A heap of waiting windows. Not thread-safe: its owner holds a lock."""

    def __init__(self) -> None:
        self._heap: list[tuple[tuple[bool, int, int, int], QueuedWindow]] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._heap)

    def enqueue(self, window: Window, priority: Priority, windows_before: int) -> QueuedWindow:
        """Adds a window."""
        queued = QueuedWindow(window, priority, windows_before, next(self._numbers))
        self.requeue(queued)
        return queued

    def requeue(self, queued: QueuedWindow) -> None:
        """Puts a window back in its old place."""
        heapq.heappush(self._heap, (queued.order, queued))

    def take_batch(self, size: int, allowed: Callable[[QueuedWindow], bool]) -> list[QueuedWindow]:
        """The next window, if it is `allowed`, and up to `size - 1` more that may be in one batch with it.

        Among those, the nearest in length, because shorter windows are padded to the longest.
        """
        while self._heap and allowed(self._heap[0][1]):
            first = heapq.heappop(self._heap)[1]
            if not _is_wanted(first):
                continue
            others = [queued for _, queued in self._heap if queued.batches_with(first) and allowed(queued)]
            others.sort(key=lambda other: (abs(other.samples - first.samples), other.order))
            batch = [first, *(other for other in others[: size - 1] if _is_wanted(other))]
            taken = {id(queued) for queued in others[: size - 1]}
            self._heap = [entry for entry in self._heap if id(entry[1]) not in taken]
            heapq.heapify(self._heap)
            return sorted(batch, key=lambda queued: queued.order)
        return []

    def clear(self) -> list[QueuedWindow]:
        """Takes all out."""
        queued = [queued for _, queued in sorted(self._heap, key=lambda entry: entry[0])]
        self._heap = []
        return queued


class WindowScheduler:
    """Decides which waiting windows are decoded next, in which batches. Not thread-safe, as the queue.

    A worker stays free for captions and for first windows: `SPARE_WORKERS`, and one more of the `workers`
    while `live_reservations` is not 0.
    """

    def __init__(self, workers: int, clock: Callable[[], float], numbers: Iterator[int]) -> None:
        self.workers = workers
        self.on_cuda = False
        self.live_reservations = 0
        self.windows_done = 0
        self.last_work: float | None = None
        self.waiting = WindowQueue()
        self.meter = UsageMeter(clock)
        self._clock = clock
        self._numbers = numbers
        self._running: dict[int, list[QueuedWindow]] = {}

    @property
    def running_windows(self) -> int:
        """How many windows the process has."""
        return sum(map(len, self._running.values()))

    def batches(self) -> Iterator[tuple[int, list[QueuedWindow]]]:
        """(request number, batch) for every free worker; each batch counts as running."""
        while batch := self.waiting.take_batch(self._batch_size(), self._has_worker_for):
            number = next(self._numbers)
            self._running[number] = batch
            for queued in batch:
                queued.attempts += 1
            yield number, batch
        self.meter.set_active(self.running_windows)

    def complete(self, number: int, results: list[WindowResult]) -> None:
        """Resolves the futures of a batch. Raises `BadResponse` if they are not the results of one."""
        if len(results) != len(self._running.get(number, ())) or not results:
            raise BadResponse("results that were not asked for")
        batch = self._running.pop(number)
        self.last_work = self._clock()
        self.windows_done += len(batch)
        for queued, result in zip(batch, results, strict=True):
            self.meter.add_window(queued.samples / SAMPLE_RATE, queued.priority)
            queued.future.set_result(result)

    def fail(self, number: int, error: Exception) -> None:
        """Fails the futures of a batch. Raises `BadResponse` if there is none of this number."""
        if number not in self._running:
            raise BadResponse("an error of no request")
        self.last_work = self._clock()
        for queued in self._running.pop(number):
            queued.future.set_exception(error)

    def requeue_after_crash(self, reason: str, *, killed: bool = False) -> None:
        """Quarantines and requeues what was running; windows that were tried `ATTEMPTS` times fail.

        `killed`: by the machine, so that they fail with `Unavailable` and their jobs wait. Live windows are
        requeued even then, because there is no later attempt at them.
        """
        failure = Unavailable if killed else EngineFailed
        for batch in self._running.values():
            for queued in batch:
                queued.attempts -= killed and queued.priority is Priority.LIVE
                if queued.attempts >= ATTEMPTS:
                    queued.future.set_exception(failure(reason))
                else:
                    queued.quarantined = True
                    self.waiting.requeue(queued)
        self._running.clear()
        self.meter.set_active(0)

    def clear(self) -> list[Future[WindowResult]]:
        """Takes out all windows, running and waiting; returns their futures."""
        queued = [one for batch in self._running.values() for one in batch] + self.waiting.clear()
        self._running.clear()
        self.meter.set_active(0)
        return [one.future for one in queued]

    def _batch_size(self) -> int:
        """On the CPU, the waiting windows are shared evenly between the workers."""
        return CUDA_BATCH if self.on_cuda else min(CPU_BATCH, -(-len(self.waiting) // self.workers))

    def _has_worker_for(self, queued: QueuedWindow) -> bool:
        """A quarantined window runs alone; see the class for the rest."""
        if queued.quarantined or any(batch[0].quarantined for batch in self._running.values()):
            return not self._running
        if len(self._running) >= self.workers + SPARE_WORKERS:
            return False
        if queued.is_urgent:
            return True
        files = sum(batch[0].priority is not Priority.LIVE for batch in self._running.values())
        return files < max(1, self.workers - (1 if self.live_reservations else 0))


def _is_wanted(queued: QueuedWindow) -> bool:
    return queued.future.running() or queued.future.set_running_or_notify_cancel()
