"""The one thread behind all microphones: hears where voices are, and lends the engine out in turn."""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

import numpy as np
import structlog

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import Priority, WindowResult
from whisper_appliance.engines.vad import FRAME, Probabilities
from whisper_appliance.live.events import Backpressure, Failed
from whisper_appliance.live.live_session import LiveSession
from whisper_appliance.live.ports import EngineLease, EnginePort, ModelsPort
from whisper_appliance.live.schedule import backpressure_level, decode_interval_seconds, pick_next
from whisper_appliance.live.streaming_state import DecodeTask

MOST_AT_ONCE_SECONDS = 10.0
TICK_SECONDS = 0.5
ENGINE_RETRY_SECONDS = 10.0
ENGINE_PATIENCE_SECONDS = 10.0
log = structlog.get_logger()


class StreamSlot:
    """A stream as the worker sees it: what has been asked for and is on its way."""

    def __init__(self, stream: LiveSession, lease: EngineLease | None) -> None:
        self.stream = stream
        self.lease = lease
        self.served = 0.0
        self.listening = False
        self.level = "ok"
        self.seeking = False
        self.stopping_since: float | None = None
        self.finishing = False

    @property
    def all_listened(self) -> bool:
        """Whether the voice detector has had everything that came."""
        return self.stream.session.endpoints.position + FRAME > self.stream.recording.samples


class Worker:
    """Owns the sessions' state: nobody else calls them. Others speak to it through `post`."""

    def __init__(
        self,
        models: ModelsPort,
        *,
        over: Callable[[LiveSession], None],
        look: Callable[[LiveSession, float], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`over` deals with a session that is heard to its end; `look` is called twice a second for each."""
        self._models = models
        self._over = over
        self._look = look
        self._clock = clock
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._hearings: dict[str, StreamSlot] = {}
        self._closed = threading.Event()
        self._next_tick = 0.0
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def close(self) -> None:
        """Ends the thread; leases are given back."""
        self._closed.set()
        self._inbox.put(lambda: None)
        if self._thread.is_alive():
            self._thread.join()
        for hearing in self._hearings.values():
            self._give_back(hearing)

    def add(self, stream: LiveSession, lease: EngineLease | None) -> None:
        """One more stream; without a lease, one is sought."""
        self._inbox.put(lambda: self._hearings.__setitem__(stream.id, StreamSlot(stream, lease)))

    def wake(self) -> None:
        """Something has changed: audio has come, or somebody has said stop."""
        self._inbox.put(lambda: None)

    def drop(self, stream: LiveSession) -> None:
        """Forgets a stream."""
        self._inbox.put(lambda: self._forget(stream))

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._turn()
            except Exception:  # the worker loop: one stream's trouble must not silence the others
                log.exception("the live worker stumbled")

    def _turn(self) -> None:
        self._take_in(TICK_SECONDS)
        for hearing in list(self._hearings.values()):
            self._listen(hearing)
            self._end_if_over(hearing)
        while self._dispatch():
            pass
        now = self._clock()
        if now >= self._next_tick:
            self._next_tick = now + TICK_SECONDS
            for hearing in list(self._hearings.values()):
                self._tick(hearing, now)

    def _take_in(self, timeout_seconds: float) -> None:
        try:
            self._inbox.get(timeout=timeout_seconds)()
            while True:
                self._inbox.get_nowait()()
        except queue.Empty:
            return

    def _listen(self, hearing: StreamSlot) -> None:
        """Sends what has come to the voice detector, one request at a time."""
        stream, lease = hearing.stream, hearing.lease
        if hearing.listening or lease is None or stream.session.ended:
            return
        start = stream.session.endpoints.position
        most = start + round(MOST_AT_ONCE_SECONDS * SAMPLE_RATE)
        stop = start + (min(stream.recording.samples, most) - start) // FRAME * FRAME
        if stop > start:
            frames = stream.recording.read(start, stop)
            self._ask(hearing, frames)
        elif stream.stopping and stream.recording.complete:
            stream.session.end(stream.recording.samples)
            self._tell(stream)

    def _ask(self, hearing: StreamSlot, frames: Samples) -> None:
        assert hearing.lease is not None  # noqa: S101 - the caller has looked
        try:
            answer = hearing.lease.listener.submit(np.ascontiguousarray(frames))
        except ApplianceError as error:
            self._lose_engine(hearing, error)
            return
        hearing.listening = True
        answer.add_done_callback(lambda done: self._inbox.put(partial(self._listened, hearing, done)))

    def _listened(self, hearing: StreamSlot, answer: "Future[Probabilities]") -> None:
        hearing.listening = False
        if answer.cancelled() or (error := answer.exception()) is not None:
            self._lose_engine(hearing, None if answer.cancelled() else error)
            return
        hearing.stream.session.feed_vad(answer.result().tolist())
        self._tell(hearing.stream)

    def _dispatch(self) -> bool:
        """Gives one more job to an engine that has a worker free; whether there was one."""
        waiting = []
        streams = sum(not hearing.finishing for hearing in self._hearings.values())
        for hearing in self._hearings.values():
            stream = hearing.stream
            stream.lag_seconds = stream.session.lag_seconds(stream.recording.samples)
            if hearing.lease is None or hearing.finishing or self._is_full(hearing.lease.engine):
                continue
            kind = stream.session.next_task_kind(decode_interval_seconds(streams, stream.lag_seconds))
            if kind:
                waiting.append((hearing, kind, hearing.served))
        chosen = pick_next(waiting)
        if chosen is None:
            return False
        hearing, kind = chosen
        hearing.served = self._clock()
        self._hear(hearing, hearing.stream.session.take(kind))
        return True

    def _is_full(self, engine: EnginePort) -> bool:
        busy = sum(
            hearing.lease is not None and hearing.lease.engine is engine and hearing.stream.session.busy
            for hearing in self._hearings.values()
        )
        return busy >= engine.parallel_windows

    def _hear(self, hearing: StreamSlot, job: DecodeTask) -> None:
        assert hearing.lease is not None  # noqa: S101 - the caller has looked
        window = job.window(hearing.stream.recording.read(job.start, job.stop))
        priority = Priority.INTERACTIVE if job.kind == "refine" else Priority.LIVE
        try:
            answer = hearing.lease.engine.submit(window, priority=priority)
        except ApplianceError as error:
            hearing.stream.session.finish_task(job, None)
            self._lose_engine(hearing, error)
            return
        answer.add_done_callback(lambda done: self._inbox.put(partial(self._heard, hearing, job, done)))

    def _heard(self, hearing: StreamSlot, job: DecodeTask, answer: "Future[WindowResult]") -> None:
        failed = answer.cancelled() or answer.exception() is not None
        if failed:
            log.warning("a live window failed", session=hearing.stream.id, kind=job.kind)
        hearing.stream.session.finish_task(job, None if failed else answer.result())
        self._tell(hearing.stream)

    def _tell(self, stream: LiveSession) -> None:
        events, stream.session.events = stream.session.events, []
        stream.tell(events)
        stream.checkpoint()

    def _tick(self, hearing: StreamSlot, now: float) -> None:
        stream = hearing.stream
        if hearing.finishing:
            return
        if hearing.lease is None and not hearing.seeking:
            self._seek_engine(hearing, 0.0)
        level = backpressure_level(stream.lag_seconds)
        if level != hearing.level:
            hearing.level = level
            stream.tell([Backpressure(level, round(stream.lag_seconds * 1000))])
        self._look(stream, now)

    def _end_if_over(self, hearing: StreamSlot) -> None:
        """Whoever was stopped and heard to the end is over, and who waits in vain for an engine."""
        stream = hearing.stream
        if hearing.finishing or not (stream.stopping or stream.cancelled):
            return
        now = self._clock()
        hearing.stopping_since = hearing.stopping_since or now
        waits = hearing.lease is None and now - hearing.stopping_since > ENGINE_PATIENCE_SECONDS
        if stream.session.done or stream.cancelled or waits:
            hearing.finishing = True
            self._give_back(hearing)
            self._over(stream)

    def _lose_engine(self, hearing: StreamSlot, error: BaseException | None) -> None:
        """The engine is gone for good; the audio is still kept, and another engine is sought."""
        if hearing.lease is None:
            return
        self._give_back(hearing)
        if hearing.finishing:
            return
        reason = getattr(error, "message", "") or "The speech engine stopped."
        hearing.stream.tell([Failed("engine", f"{reason} The recording goes on; the words will follow.")])
        self._seek_engine(hearing, ENGINE_RETRY_SECONDS)

    def _seek_engine(self, hearing: StreamSlot, delay_seconds: float) -> None:
        """Loading may take long, so it is waited for elsewhere."""
        hearing.seeking = True
        timer = threading.Timer(delay_seconds, self._lease, [hearing])
        timer.daemon = True
        timer.start()

    def _lease(self, hearing: StreamSlot) -> None:
        if self._closed.is_set():
            return
        try:
            lease = EngineLease(self._models, hearing.stream.facts.model)
        except ApplianceError as error:
            wait = error.retry_after_seconds or ENGINE_RETRY_SECONDS
            self._inbox.put(lambda: self._seek_engine(hearing, min(wait, ENGINE_RETRY_SECONDS)))
            return
        self._inbox.put(lambda: self._found(hearing, lease))

    def _found(self, hearing: StreamSlot, lease: EngineLease) -> None:
        hearing.seeking = False
        if hearing.finishing or hearing.stream.id not in self._hearings:
            lease.close()
        else:
            hearing.lease = lease

    def _give_back(self, hearing: StreamSlot) -> None:
        lease, hearing.lease = hearing.lease, None
        if lease:
            lease.close()

    def _forget(self, stream: LiveSession) -> None:
        hearing = self._hearings.pop(stream.id, None)
        if hearing:
            self._give_back(hearing)
