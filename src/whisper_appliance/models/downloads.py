"""The downloads of models: started, watched, cancelled. One thread each."""

import threading
import time
from collections.abc import Callable

from whisper_appliance.core.errors import NotAllowed, NotFound
from whisper_appliance.models import folders
from whisper_appliance.models.catalog import canonical, catalog, resolve
from whisper_appliance.models.download_task import Download, Transfer
from whisper_appliance.models.events import Announce, ModelEvent, to_nobody
from whisper_appliance.models.hub import Hub
from whisper_appliance.models.store import ModelStore

__all__ = ["Download", "Downloads"]

_ANNOUNCE_SECONDS = 0.5
_MESSAGES = {
    "running": "The model {name} is being downloaded, {percent} %.",
    "verifying": "The model {name} is being verified.",
    "done": "The model {name} is here.",
    "cancelled": "The download of {name} was cancelled; what is here is kept for the next time.",
    "failed": "The download of {name} failed: {error}",
}


class Downloads:
    """What is on its way from the hub. `announce` hears of each change, of progress twice a second."""

    def __init__(
        self,
        store: ModelStore,
        announce: Announce = to_nobody,
        *,
        hub: Hub | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._announce = announce
        self._hub = hub or Hub()
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[str, _Running] = {}

    def start(self, name: str, *, then: Callable[[str], None] | None = None) -> Download:
        """Starts the download, or goes on with it; nothing happens when it is running or the model is here.

        `name` is of the catalogue or a repository of the hub (`org/name`). `then(name)` is called in the
        download's thread once the model is here. Raises `NotFound`, `NotAllowed` when it is switched off.
        """
        name = canonical(name)
        if not folders.is_hub_id(name):
            resolve(name)
        if self._store.locate(name) is not None:
            return Download(name, state="done")
        if not self._store.downloads_allowed:
            raise NotAllowed(
                f"The model {name} is not on this machine and downloads are switched off "
                f"(MODEL_DOWNLOADS=false). Put it into {self._store.folder(name)} or switch them on."
            )
        with self._lock:
            running = self._running.get(name)
            if running is None or not running.transfer.status.active:
                running = self._running[name] = self._begin(name)
            if then is not None and then not in running.then:
                running.then.append(then)
        return running.transfer.status

    def cancel(self, name: str) -> Download:
        """Stops the download at the next byte. What is here is kept, so that it can go on later."""
        running = self._running.get(canonical(name))
        if running is None:
            raise NotFound(f"The model {name!r} is not being downloaded.", field="model")
        running.transfer.cancelled.set()
        running.thread.join(timeout=1)
        return running.transfer.status

    def status(self, name: str) -> Download | None:
        """The running or last download of this model since the start."""
        running = self._running.get(canonical(name))
        return running.transfer.status if running else None

    def all(self) -> tuple[Download, ...]:
        """The running and the last downloads, one a model."""
        return tuple(running.transfer.status for running in list(self._running.values()))

    def wait(self, name: str, timeout_seconds: float | None = None) -> Download | None:
        """The download of this model when it has ended, or the time is up."""
        running = self._running.get(canonical(name))
        if running is not None:
            running.thread.join(timeout_seconds)
        return self.status(name)

    def close(self) -> None:
        """Stops every download, and waits a moment until they have stopped."""
        for running in list(self._running.values()):
            running.transfer.cancelled.set()
        for running in list(self._running.values()):
            running.thread.join(timeout=2)

    def _begin(self, name: str) -> "_Running":
        told = _Told(self._announce, self._clock)
        running = _Running(
            Transfer(name, catalog().get(name), self._store, self._hub, told.changed, self._clock)
        )
        running.thread.start()
        return running


class _Running:
    """A transfer in its thread, and what is to happen when it is done."""

    def __init__(self, transfer: Transfer) -> None:
        self.transfer = transfer
        self.then: list[Callable[[str], None]] = []
        self.thread = threading.Thread(target=self._run, name=f"download-{transfer.status.name}", daemon=True)

    def _run(self) -> None:
        self.transfer.run()
        if self.transfer.status.state == "done":
            for then in self.then:
                then(self.transfer.status.name)


class _Told:
    """Announces each new state at once, and progress in between not more often than people can read."""

    def __init__(self, announce: Announce, clock: Callable[[], float]) -> None:
        self._announce = announce
        self._clock = clock
        self._state = ""
        self._last = float("-inf")

    def changed(self, download: Download) -> None:
        """Tells of the download when it is time to."""
        now = self._clock()
        if download.state == self._state and now - self._last < _ANNOUNCE_SECONDS:
            return
        self._state, self._last = download.state, now
        message = _MESSAGES[download.state].format(
            name=download.name, percent=int(download.progress * 100), error=download.error
        )
        self._announce(ModelEvent("download", download.name, message, download.progress))
