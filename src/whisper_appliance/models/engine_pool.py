"""The engines that are loaded: lent out, kept for a while, the least recently used one freed first."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from whisper_appliance.core.errors import Conflict, ModelUnavailable
from whisper_appliance.engines.contract import EngineSpec
from whisper_appliance.engines.process.client import EngineEvent, EngineStatus
from whisper_appliance.models.events import Announce, ModelEvent

# After an engine failed to load, it is not tried again for so long: no loop of crashes.
_REST_SECONDS = 30.0


class EngineLike(Protocol):
    """The part of `EngineProcess` that this room uses."""

    def start(self) -> None:
        """Begins to load; returns at once."""

    def status(self) -> EngineStatus:
        """How it is now; does not wait."""
        ...

    def close(self) -> None:
        """Ends it and gives all memory back."""


E = TypeVar("E", bound=EngineLike)
E_co = TypeVar("E_co", bound=EngineLike, covariant=True)


class StartEngine(Protocol[E_co]):
    """Makes an engine that is not started yet, as the class `EngineProcess` does."""

    def __call__(self, spec: EngineSpec, *, announce: Callable[[EngineEvent], None]) -> E_co:
        """`announce` hears of each change of the engine's state."""
        ...


class Slot(Generic[E]):
    """A model that is loaded or about to be. `engine` is set once its process was started."""

    def __init__(self, name: str, now: float) -> None:
        self.name = name
        self.leases = 0
        self.began = self.last_used = now
        self.engine: Future[E] = Future()
        self.told = False

    @property
    def started(self) -> bool:
        """Whether there is an engine, though perhaps it is still reading its weights."""
        return self.engine.done() and self.engine.exception() is None

    @property
    def idle(self) -> bool:
        """Whether it could be freed now."""
        return self.leases == 0 and self.started


class LoadedEngines(Generic[E]):
    """Keeps at most `at_once` engines. What is lent out is not freed; nothing slow is done under the lock."""

    def __init__(
        self,
        prepare: Callable[[str], EngineSpec],
        start_engine: StartEngine[E],
        *,
        at_once: int,
        idle_seconds: float,
        fits_beside: Callable[[str], bool],
        announce: Announce,
        clock: Callable[[], float],
        wait_seconds: float,
    ) -> None:
        """`prepare` finds and verifies the files; `fits_beside` says whether there is memory for one more."""
        self._prepare = prepare
        self._start_engine = start_engine
        self._at_once = at_once
        self._idle_seconds = idle_seconds
        self._fits_beside = fits_beside
        self._announce = announce
        self._clock = clock
        self._wait_seconds = wait_seconds
        self._changed = threading.Condition()
        self._slots: dict[str, Slot[E]] = {}
        self._closed = False
        self._watcher = threading.Thread(target=self._watch, name="unload-idle-models", daemon=True)
        self._watcher.start()

    @contextmanager
    def lease(self, name: str) -> Iterator[E]:
        """The engine of this model, loaded if need be, and not unloaded while it is held."""
        slot = self._take(name)
        try:
            yield slot.engine.result()
        finally:
            self._give_back(slot)

    def slot(self, name: str) -> Slot[E] | None:
        """The model's place among the loaded ones."""
        return self._slots.get(name)

    def statuses(self) -> list[EngineStatus]:
        """How all that are started are now."""
        return [slot.engine.result().status() for slot in list(self._slots.values()) if slot.started]

    def unload(self, name: str) -> None:
        """Frees the model. Raises `Conflict` while somebody uses it."""
        with self._changed:
            slot = self._slots.get(name)
            if slot is None:
                return
            if not slot.idle:
                raise Conflict(f"The model {name} is in use. Try again when the work is done.")
            del self._slots[name]
        self._end(slot)

    def unload_idle(self) -> None:
        """Frees what has had no work for the idle time."""
        with self._changed:
            due = self._pop_due()
        for slot in due:
            self._end(slot)

    def keep(self, *, at_once: int, idle_seconds: float) -> None:
        """From now on keeps so many, for so long without work; 0 seconds: until its place is needed."""
        with self._changed:
            self._at_once, self._idle_seconds = at_once, idle_seconds
            self._changed.notify_all()

    def close(self) -> None:
        """Ends every engine, those in use too."""
        with self._changed:
            self._closed = True
            slots = list(self._slots.values())
            self._slots.clear()
            self._changed.notify_all()
        for slot in slots:
            if slot.started:
                slot.engine.result().close()
        self._watcher.join()

    def _take(self, name: str) -> Slot[E]:
        self._drop_failed(name)
        with self._changed:
            if self._closed:
                raise ModelUnavailable("The appliance is stopping.")
            slot = self._slots.get(name)
            is_new = slot is None
            slot = slot or Slot(name, self._clock())
            slot.leases += 1
            self._slots[name] = slot
        if is_new:
            self._load(slot)
        return slot

    def _load(self, slot: Slot[E]) -> None:
        try:
            spec = self._prepare(slot.name)
            self._make_room(slot)
            self._announce(ModelEvent("loading", slot.name, f"The model {slot.name} is being loaded."))
            engine = self._start_engine(spec, announce=self._pass_on)
            engine.start()
        except BaseException as error:
            with self._changed:
                self._slots.pop(slot.name, None)
                self._changed.notify_all()
            slot.engine.set_exception(error)
            raise
        slot.engine.set_result(engine)
        if self._closed:
            engine.close()

    def _pass_on(self, event: EngineEvent) -> None:
        """Of an engine's own events, that it is ready for work or has failed; not each window."""
        if event.state == "failed":
            message = f"The model {event.model} cannot be used: {event.reason}"
            self._announce(ModelEvent("failed", event.model, message))
        slot = self._slots.get(event.model)
        if event.state == "idle" and slot is not None and not slot.told:
            slot.told = True
            self._announce(ModelEvent("loaded", event.model, f"The model {event.model} is ready."))

    def _make_room(self, slot: Slot[E]) -> None:
        """Frees others, least recently used first, until this one fits; waits while all are in use."""
        deadline = self._clock() + self._wait_seconds
        while (victim := self._room_or_victim(slot, deadline)) is not None:
            self._end(victim)

    def _room_or_victim(self, slot: Slot[E], deadline: float) -> Slot[E] | None:
        with self._changed:
            while True:
                others = [other for other in self._slots.values() if other is not slot]
                fits = not others or self._fits_beside(slot.name)
                if len(others) < self._at_once and fits:
                    return None
                if victim := min((o for o in others if o.idle), key=lambda o: o.last_used, default=None):
                    return self._slots.pop(victim.name)
                if fits:  # all are in use: one more for now, it is freed again when work ends
                    return None
                if not self._changed.wait(deadline - self._clock()):
                    names = " and ".join(other.name for other in others)
                    raise ModelUnavailable(
                        f"There is no memory for {slot.name} while {names} is in use. Try again later.",
                        retry_after_seconds=60,
                    )

    def _give_back(self, slot: Slot[E]) -> None:
        surplus = None
        with self._changed:
            slot.leases -= 1
            slot.last_used = self._clock()
            if len(self._slots) > self._at_once:
                idle = [other for other in self._slots.values() if other.idle]
                surplus = min(idle, key=lambda other: other.last_used, default=None)
                if surplus is not None:
                    del self._slots[surplus.name]
            self._changed.notify_all()
        if surplus is not None:
            self._end(surplus)

    def _drop_failed(self, name: str) -> None:
        slot = self._slots.get(name)
        if slot is None or not slot.started or slot.engine.result().status().state != "failed":
            return
        reason = slot.engine.result().status().reason
        left = slot.began + _REST_SECONDS - self._clock()
        if left > 0:
            raise ModelUnavailable(reason, retry_after_seconds=left)
        with self._changed:
            if not slot.idle or self._slots.get(name) is not slot:
                return
            del self._slots[name]
        self._end(slot)

    def _end(self, slot: Slot[E]) -> None:
        slot.engine.result().close()
        self._announce(ModelEvent("unloaded", slot.name, f"The model {slot.name} was unloaded."))
        with self._changed:
            self._changed.notify_all()

    def _watch(self) -> None:
        while True:
            with self._changed:
                while not (due := self._pop_due()) and not self._closed:
                    self._changed.wait(self._seconds_to_next())
                if self._closed:
                    return
            for slot in due:
                self._end(slot)

    def _pop_due(self) -> list[Slot[E]]:
        idle = sorted((slot for slot in self._slots.values() if slot.idle), key=lambda slot: slot.last_used)
        surplus = max(0, len(self._slots) - self._at_once)
        due = [slot for slot in idle if self._overdue(slot)]
        due += [slot for slot in idle[:surplus] if slot not in due]
        for slot in due:
            del self._slots[slot.name]
        return due

    def _overdue(self, slot: Slot[E]) -> bool:
        return self._idle_seconds > 0 and slot.last_used + self._idle_seconds <= self._clock()

    def _seconds_to_next(self) -> float | None:
        if not self._idle_seconds:
            return None
        idle = [slot.last_used for slot in self._slots.values() if slot.idle]
        return max(0.0, min(idle) + self._idle_seconds - self._clock()) if idle else None
