"""Pool of loaded engines: leased, unloaded after an idle time, the least recently used one evicted first."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from whisper_appliance.core.errors import Conflict, ModelUnavailable
from whisper_appliance.engines.contract import EngineSpec
from whisper_appliance.engines.process.client import EngineEvent, EngineStatus
from whisper_appliance.models.events import Announce, ModelEvent

_RETRY_SECONDS = 10.0
"""An engine that failed is not started again sooner, because it would crash in a loop."""


class EngineLike(Protocol):
    """The part of `EngineProcess` that the pool uses."""

    def start(self) -> None:
        """Starts to load; returns at once."""

    def status(self) -> EngineStatus:
        """The current status; does not wait."""
        ...

    def close(self) -> None:
        """Ends the engine's process, which frees its memory."""


E = TypeVar("E", bound=EngineLike)
E_co = TypeVar("E_co", bound=EngineLike, covariant=True)


class StartEngine(Protocol[E_co]):
    """Creates an engine that is not started yet, as the class `EngineProcess` does."""

    def __call__(self, spec: EngineSpec, *, announce: Callable[[EngineEvent], None]) -> E_co:
        """`announce` is called at each change of the engine's state."""
        ...


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """At most `max_loaded` engines, unloaded after `idle_seconds` without work (0: never).

    A load waits up to `wait_seconds` for memory that other engines hold while they are in use.
    """

    max_loaded: int
    idle_seconds: float
    wait_seconds: float


class LoadedModel(Generic[E]):
    """A model that is loaded or loading. `engine` is set once its process was started."""

    def __init__(self, name: str, now: float) -> None:
        self.name = name
        self.leases = 0
        self.began = self.last_used = now
        self.engine: Future[E] = Future()
        self.ready_announced = False

    @property
    def started(self) -> bool:
        """Whether the engine's process runs; it may still be loading its weights."""
        return self.engine.done() and self.engine.exception() is None

    @property
    def idle(self) -> bool:
        """Whether it can be unloaded now."""
        return self.leases == 0 and self.started


class EnginePool(Generic[E]):
    """Keeps at most `limits.max_loaded` engines. Leased engines are not unloaded.

    Nothing slow runs under the lock.
    """

    def __init__(
        self,
        engine_spec: Callable[[str], EngineSpec],
        start_engine: StartEngine[E],
        *,
        limits: PoolLimits,
        fits_beside: Callable[[str], bool],
        announce: Announce,
        clock: Callable[[], float],
    ) -> None:
        """`engine_spec` finds and verifies the files of a model; it may raise and take seconds.

        `fits_beside` returns whether there is memory for one more model.
        """
        self._engine_spec = engine_spec
        self._start_engine = start_engine
        self._limits = limits
        self._fits_beside = fits_beside
        self._announce = announce
        self._clock = clock
        self._changed = threading.Condition()
        self._models: dict[str, LoadedModel[E]] = {}
        self._closed = False
        self._reaper = threading.Thread(target=self._reap, name="unload-idle-models", daemon=True)
        self._reaper.start()

    @contextmanager
    def lease(self, name: str) -> Iterator[E]:
        """Lends the engine of a model, loads it if needed, and does not unload it during the lease."""
        loaded = self._acquire(name)
        try:
            yield loaded.engine.result()
        finally:
            self._release(loaded)

    def loaded(self, name: str) -> LoadedModel[E] | None:
        """The model if it is loaded or loading."""
        return self._models.get(name)

    def statuses(self) -> list[EngineStatus]:
        """The status of every engine that was started."""
        return [loaded.engine.result().status() for loaded in list(self._models.values()) if loaded.started]

    def unload(self, name: str) -> None:
        """Unloads the model. Raises `Conflict` while it is leased."""
        with self._changed:
            loaded = self._models.get(name)
            if loaded is None:
                return
            if not loaded.idle:
                raise Conflict("The model {name} is in use. Try again when the work is done.", name=name)
            del self._models[name]
        self._unload(loaded)

    def unload_idle(self) -> None:
        """Unloads models that had no work for the idle time."""
        with self._changed:
            due = self._pop_due()
        for loaded in due:
            self._unload(loaded)

    def set_limits(self, limits: PoolLimits) -> None:
        """Changes the limits; engines beyond them are unloaded when they are idle."""
        with self._changed:
            self._limits = limits
            self._changed.notify_all()

    def close(self) -> None:
        """Ends every engine, leased ones too."""
        with self._changed:
            self._closed = True
            models = list(self._models.values())
            self._models.clear()
            self._changed.notify_all()
        for loaded in models:
            if loaded.started:
                loaded.engine.result().close()
        self._reaper.join()

    def _acquire(self, name: str) -> LoadedModel[E]:
        self._drop_failed(name)
        with self._changed:
            if self._closed:
                raise ModelUnavailable("The appliance is stopping.")
            loaded = self._models.get(name)
            is_new = loaded is None
            loaded = loaded or LoadedModel(name, self._clock())
            loaded.leases += 1
            self._models[name] = loaded
        if is_new:
            self._load(loaded)
        return loaded

    def _load(self, loaded: LoadedModel[E]) -> None:
        try:
            spec = self._engine_spec(loaded.name)
            self._make_room(loaded)
            self._announce(ModelEvent("loading", loaded.name, f"The model {loaded.name} is being loaded."))
            engine = self._start_engine(spec, announce=self._on_engine_event)
            engine.start()
        except BaseException as error:
            with self._changed:
                self._models.pop(loaded.name, None)
                self._changed.notify_all()
            loaded.engine.set_exception(error)
            raise
        loaded.engine.set_result(engine)
        if self._closed:
            engine.close()

    def _on_engine_event(self, event: EngineEvent) -> None:
        """Announces that an engine is ready or has failed; its other events are dropped."""
        if event.state == "failed":
            message = f"The model {event.model} cannot be used: {event.reason}"
            self._announce(ModelEvent("failed", event.model, message))
        loaded = self._models.get(event.model)
        if event.state == "idle" and loaded is not None and not loaded.ready_announced:
            loaded.ready_announced = True
            self._announce(ModelEvent("loaded", event.model, f"The model {event.model} is ready."))

    def _make_room(self, loaded: LoadedModel[E]) -> None:
        """Unloads others, least recently used first, until this one fits; waits while all are leased."""
        deadline = self._clock() + self._limits.wait_seconds
        while (victim := self._next_victim(loaded, deadline)) is not None:
            self._unload(victim)

    def _next_victim(self, loaded: LoadedModel[E], deadline: float) -> LoadedModel[E] | None:
        with self._changed:
            while True:
                others = [other for other in self._models.values() if other is not loaded]
                fits = not others or self._fits_beside(loaded.name)
                if len(others) < self._limits.max_loaded and fits:
                    return None
                if victim := min((o for o in others if o.idle), key=lambda o: o.last_used, default=None):
                    return self._models.pop(victim.name)
                if fits:  # all are leased: one more for now, it is unloaded when a lease ends
                    return None
                if not self._changed.wait(deadline - self._clock()):
                    names = " and ".join(other.name for other in others)
                    raise ModelUnavailable(
                        "There is no memory for {name} while {names} is in use. Try again later.",
                        name=loaded.name,
                        names=names,
                        retry_after_seconds=60,
                    )

    def _release(self, loaded: LoadedModel[E]) -> None:
        surplus = None
        with self._changed:
            loaded.leases -= 1
            loaded.last_used = self._clock()
            if len(self._models) > self._limits.max_loaded:
                idle = [other for other in self._models.values() if other.idle]
                surplus = min(idle, key=lambda other: other.last_used, default=None)
                if surplus is not None:
                    del self._models[surplus.name]
            self._changed.notify_all()
        if surplus is not None:
            self._unload(surplus)

    def _drop_failed(self, name: str) -> None:
        loaded = self._models.get(name)
        if loaded is None or not loaded.started or loaded.engine.result().status().state != "failed":
            return
        reason = loaded.engine.result().status().reason
        left = loaded.began + _RETRY_SECONDS - self._clock()
        if left > 0:
            raise ModelUnavailable(reason, retry_after_seconds=left)
        with self._changed:
            if not loaded.idle or self._models.get(name) is not loaded:
                return
            del self._models[name]
        self._unload(loaded)

    def _unload(self, loaded: LoadedModel[E]) -> None:
        loaded.engine.result().close()
        self._announce(ModelEvent("unloaded", loaded.name, f"The model {loaded.name} was unloaded."))
        with self._changed:
            self._changed.notify_all()

    def _reap(self) -> None:
        while True:
            with self._changed:
                while not (due := self._pop_due()) and not self._closed:
                    self._changed.wait(self._seconds_to_next())
                if self._closed:
                    return
            for loaded in due:
                self._unload(loaded)

    def _pop_due(self) -> list[LoadedModel[E]]:
        idle = sorted(
            (loaded for loaded in self._models.values() if loaded.idle), key=lambda loaded: loaded.last_used
        )
        surplus = max(0, len(self._models) - self._limits.max_loaded)
        due = [loaded for loaded in idle if self._overdue(loaded)]
        due += [loaded for loaded in idle[:surplus] if loaded not in due]
        for loaded in due:
            del self._models[loaded.name]
        return due

    def _overdue(self, loaded: LoadedModel[E]) -> bool:
        return self._limits.idle_seconds > 0 and loaded.last_used + self._limits.idle_seconds <= self._clock()

    def _seconds_to_next(self) -> float | None:
        if not self._limits.idle_seconds:
            return None
        idle = [loaded.last_used for loaded in self._models.values() if loaded.idle]
        return max(0.0, min(idle) + self._limits.idle_seconds - self._clock()) if idle else None
