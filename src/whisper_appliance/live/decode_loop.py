"""The decode loop: one thread that feeds the VAD of all live sessions and schedules their decode tasks."""

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
from whisper_appliance.core.log_errors import log_errors
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import Priority, WindowResult
from whisper_appliance.engines.vad import FRAME, Probabilities
from whisper_appliance.live.events import Backpressure, Failed
from whisper_appliance.live.live_session import LiveSession
from whisper_appliance.live.ports import EngineLease, EnginePort, ModelsPort
from whisper_appliance.live.schedule import backpressure_level, decode_interval_seconds, pick_next
from whisper_appliance.live.streaming_state import DecodeTask

MAX_VAD_SECONDS = 10.0
TICK_SECONDS = 0.5
ENGINE_RETRY_SECONDS = 10.0
ENGINE_TIMEOUT_SECONDS = 10.0
STORAGE_RETRY_SECONDS = 5.0
LOST_WORDS = "The speech engine failed, and words may be missing. The recording continues."
log = structlog.get_logger()


class StreamSlot:
    """A session in the decode loop: its engine lease, and what is in flight for it."""

    def __init__(self, session: LiveSession, lease: EngineLease | None) -> None:
        self.session = session
        self.lease = lease
        self.served_at = 0.0
        self.vad_busy = False
        self.level = "ok"
        self.leasing = False
        self.stopping_since: float | None = None
        self.finishing = False
        self.paused_until = 0.0


class DecodeLoop:
    """Owns the streaming state of all sessions: only its thread calls them."""

    def __init__(
        self,
        models: ModelsPort,
        *,
        on_finished: Callable[[LiveSession], None],
        on_tick: Callable[[LiveSession, float], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Calls `on_finished` once a session is decoded to its end, `on_tick` twice a second for each."""
        self._models = models
        self._on_finished = on_finished
        self._on_tick = on_tick
        self._clock = clock
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._slots: dict[str, StreamSlot] = {}
        self._closed = threading.Event()
        self._next_tick = 0.0
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def close(self) -> None:
        """Ends the thread and releases the engines."""
        self._closed.set()
        self._inbox.put(lambda: None)
        if self._thread.is_alive():
            self._thread.join()
        for slot in self._slots.values():
            self._release_engine(slot)

    def add(self, session: LiveSession, lease: EngineLease | None) -> None:
        """Adds a session; without a lease, the loop leases an engine itself."""
        self._inbox.put(lambda: self._slots.__setitem__(session.id, StreamSlot(session, lease)))

    def wake(self) -> None:
        """Runs the loop now, because audio was added or a session was stopped."""
        self._inbox.put(lambda: None)

    def remove(self, session: LiveSession) -> None:
        """Removes a session."""
        self._inbox.put(lambda: self._remove(session))

    def _run(self) -> None:
        while not self._closed.is_set():
            log_errors(self._run_once, "an iteration of the decode loop failed")

    def _run_once(self) -> None:
        self._process_inbox(TICK_SECONDS)
        now = self._clock()
        is_tick = now >= self._next_tick
        if is_tick:
            self._next_tick = now + TICK_SECONDS
        for slot in list(self._slots.values()):
            if slot.paused_until <= now:
                self._or_pause(slot, partial(self._serve, slot, now, is_tick=is_tick))
        while self._dispatch():
            pass

    def _serve(self, slot: StreamSlot, now: float, *, is_tick: bool) -> None:
        if slot.session.state.events:
            self._publish(slot.session)
        self._pump_vad(slot)
        self._finish_if_done(slot)
        if is_tick:
            self._tick(slot, now)

    def _or_pause(self, slot: StreamSlot, call: Callable[[], None]) -> bool:
        """Whether `call` succeeded. Else, e.g. while its storage is away, this session alone is paused."""
        done = log_errors(call, "a live session cannot be served")
        if not done:
            slot.paused_until = self._clock() + STORAGE_RETRY_SECONDS
        return done

    def _process_inbox(self, timeout_seconds: float) -> None:
        try:
            self._inbox.get(timeout=timeout_seconds)()
            while True:
                self._inbox.get_nowait()()
        except queue.Empty:
            return

    def _pump_vad(self, slot: StreamSlot) -> None:
        """Sends new audio to the VAD, one request at a time."""
        session, lease = slot.session, slot.lease
        if slot.vad_busy or lease is None or session.state.ended:
            return
        start = session.state.endpoints.position
        while session.flushes and start >= session.flushes[0]:
            session.flushes.popleft()
            session.state.flush()
            self._publish(session)
        limit = start + round(MAX_VAD_SECONDS * SAMPLE_RATE)
        limit = min([limit, *list(session.flushes)[:1]])
        stop = start + (min(session.recording.samples, limit) - start) // FRAME * FRAME
        if stop > start:
            self._submit_vad(slot, lease, session.recording.read(start, stop))
        elif session.stopping and session.recording.complete:
            session.state.end(session.recording.samples)
            self._publish(session)

    def _submit_vad(self, slot: StreamSlot, lease: EngineLease, frames: Samples) -> None:
        try:
            future = lease.vad.submit(np.ascontiguousarray(frames))
        except ApplianceError as error:
            self._lose_engine(slot, error)
            return
        slot.vad_busy = True
        future.add_done_callback(lambda done: self._inbox.put(partial(self._on_vad_result, slot, done)))

    def _on_vad_result(self, slot: StreamSlot, future: "Future[Probabilities]") -> None:
        slot.vad_busy = False
        if future.cancelled() or (error := future.exception()) is not None:
            self._lose_engine(slot, None if future.cancelled() else error)
            return
        slot.session.state.feed_vad(future.result().tolist())
        self._or_pause(slot, partial(self._publish, slot.session))

    def _dispatch(self) -> bool:
        """Submits one decode task to an engine with a free worker; False if there is none to submit."""
        waiting = []
        sessions = sum(not slot.finishing for slot in self._slots.values())
        for slot in self._slots.values():
            session = slot.session
            session.lag_seconds = session.state.lag_seconds(session.recording.samples)
            is_paused = slot.paused_until > self._clock()
            if slot.lease is None or slot.finishing or is_paused or self._is_full(slot.lease.engine):
                continue
            factor = session.info.request.interval_factor
            interval = decode_interval_seconds(sessions, session.lag_seconds, factor)
            kind = session.state.next_task_kind(interval)
            if kind:
                waiting.append((slot, kind, slot.served_at))
        chosen = pick_next(waiting)
        if chosen is None:
            return False
        slot, kind = chosen
        slot.served_at = self._clock()
        task = slot.session.state.start_task(kind)
        if not self._or_pause(slot, partial(self._submit, slot, task)):
            slot.session.state.finish_task(task, None)
        return True

    def _is_full(self, engine: EnginePort) -> bool:
        busy = sum(
            slot.lease is not None and slot.lease.engine is engine and slot.session.state.busy
            for slot in self._slots.values()
        )
        return busy >= engine.parallel_windows

    def _submit(self, slot: StreamSlot, task: DecodeTask) -> None:
        assert slot.lease is not None  # noqa: S101 - checked by `_dispatch`
        window = task.window(slot.session.recording.read(task.start, task.stop))
        priority = Priority.INTERACTIVE if task.kind == "refine" else Priority.LIVE
        try:
            future = slot.lease.engine.submit(window, priority=priority)
        except ApplianceError as error:
            slot.session.state.finish_task(task, None)
            self._lose_engine(slot, error)
            return
        future.add_done_callback(lambda done: self._inbox.put(partial(self._on_result, slot, task, done)))

    def _on_result(self, slot: StreamSlot, task: DecodeTask, future: "Future[WindowResult]") -> None:
        failed = future.cancelled() or future.exception() is not None
        if failed:
            log.warning("a live window failed", session=slot.session.id, kind=task.kind)
        if failed and task.urgent:
            self._or_pause(slot, partial(slot.session.publish, [Failed("engine", LOST_WORDS)]))
        slot.session.state.finish_task(task, None if failed else future.result())
        self._or_pause(slot, partial(self._publish, slot.session))

    def _publish(self, session: LiveSession) -> None:
        """Publishes what has happened; what cannot be written to the journal now is published later."""
        events = session.state.events
        while events:
            session.publish(events[:1])
            del events[0]
        session.checkpoint()

    def _tick(self, slot: StreamSlot, now: float) -> None:
        session = slot.session
        if slot.finishing:
            return
        if slot.lease is None and not slot.leasing:
            self._retry_engine(slot, 0.0)
        level = backpressure_level(session.lag_seconds)
        if level != slot.level:
            slot.level = level
            session.publish([Backpressure(level, round(session.lag_seconds * 1000))])
        self._on_tick(session, now)

    def _finish_if_done(self, slot: StreamSlot) -> None:
        """Finishes a stopped session once it is decoded to its end, or gets no engine in time."""
        session = slot.session
        if slot.finishing or not (session.stopping or session.cancelled):
            return
        now = self._clock()
        slot.stopping_since = slot.stopping_since or now
        timed_out = slot.lease is None and now - slot.stopping_since > ENGINE_TIMEOUT_SECONDS
        if session.state.done or session.cancelled or timed_out:
            slot.finishing = True
            self._release_engine(slot)
            self._on_finished(session)

    def _lose_engine(self, slot: StreamSlot, error: BaseException | None) -> None:
        """Reports that the engine failed, and leases another; the audio is still recorded."""
        if slot.lease is None:
            return
        self._release_engine(slot)
        if slot.finishing:
            return
        reason = getattr(error, "message", "") or "The speech engine stopped."
        slot.session.publish([Failed("engine", f"{reason} The recording continues; the words will follow.")])
        self._retry_engine(slot, ENGINE_RETRY_SECONDS)

    def _retry_engine(self, slot: StreamSlot, delay_seconds: float) -> None:
        """Leases an engine in another thread, because loading a model may take long."""
        slot.leasing = True
        timer = threading.Timer(delay_seconds, self._lease, [slot])
        timer.daemon = True
        timer.start()

    def _lease(self, slot: StreamSlot) -> None:
        if self._closed.is_set():
            return
        try:
            lease = EngineLease(self._models, slot.session.info.model)
        except ApplianceError as error:
            wait = error.retry_after_seconds or ENGINE_RETRY_SECONDS
            self._inbox.put(lambda: self._retry_engine(slot, min(wait, ENGINE_RETRY_SECONDS)))
            return
        self._inbox.put(lambda: self._on_lease(slot, lease))

    def _on_lease(self, slot: StreamSlot, lease: EngineLease) -> None:
        slot.leasing = False
        if slot.finishing or slot.session.id not in self._slots:
            lease.close()
        else:
            slot.lease = lease

    def _release_engine(self, slot: StreamSlot) -> None:
        lease, slot.lease = slot.lease, None
        if lease:
            lease.close()

    def _remove(self, session: LiveSession) -> None:
        slot = self._slots.pop(session.id, None)
        if slot:
            self._release_engine(slot)
