"""Downloads of models from the hub: started, cancelled, reported. A thread each."""

import threading
import time
from collections.abc import Callable

import structlog

from whisper_appliance.core.errors import NotAllowed, NotFound
from whisper_appliance.models import folders
from whisper_appliance.models.catalog import canonical, catalog, resolve
from whisper_appliance.models.download_task import DownloadState, DownloadTask
from whisper_appliance.models.events import Announce, ModelEvent, ignore
from whisper_appliance.models.hub import Hub
from whisper_appliance.models.store import ModelStore

log = structlog.get_logger()

__all__ = ["DownloadState", "Downloads"]

_ANNOUNCE_SECONDS = 0.5
_MESSAGES = {
    "running": "The model {name} is being downloaded, {percent} %.",
    "verifying": "The model {name} is being verified.",
    "done": "The model {name} was downloaded.",
    "cancelled": "The download of {name} was cancelled; its files so far are kept for the next time.",
    "failed": "The download of {name} failed: {error}",
}


class Downloads:
    """All downloads of this process. `announce` is called at each change of state, and twice a second."""

    def __init__(
        self,
        store: ModelStore,
        announce: Announce = ignore,
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

    def start(self, name: str, *, on_done: Callable[[str], None] | None = None) -> DownloadState:
        """Starts or continues a download; does nothing if it is running or the model is installed.

        `name` is of the catalogue or a repository of the hub (`org/name`). `on_done(name)` is called in the
        download's thread when the model is complete. Raises `NotFound`, `NotAllowed` if downloads are off.
        """
        name = canonical(name)
        if not folders.is_hub_id(name):
            resolve(name)
        if self._store.locate(name) is not None:
            return DownloadState(name, state="done")
        if not self._store.downloads_allowed:
            raise NotAllowed(
                "The model {name} is not on this machine and downloads are switched off "
                "(MODEL_DOWNLOADS=false). Put it into {folder} or switch them on.",
                name=name,
                folder=self._store.folder(name),
            )
        with self._lock:
            running = self._running.get(name)
            if running is None or not running.task.status.active:
                running = self._running[name] = self._begin(name)
            if on_done is not None and on_done not in running.then:
                running.then.append(on_done)
        return running.task.status

    def cancel(self, name: str) -> DownloadState:
        """Stops a download. Partial files are kept, so that it can continue later. Raises `NotFound`."""
        running = self._running.get(canonical(name))
        if running is None:
            raise NotFound("The model {name!r} is not being downloaded.", name=name, field="model")
        running.task.cancelled.set()
        running.thread.join(timeout=1)
        return running.task.status

    def status(self, name: str) -> DownloadState | None:
        """The running or last download of a model since the start."""
        running = self._running.get(canonical(name))
        return running.task.status if running else None

    def list_all(self) -> tuple[DownloadState, ...]:
        """The running or last download of each model."""
        return tuple(running.task.status for running in list(self._running.values()))

    def wait(self, name: str, timeout_seconds: float | None = None) -> DownloadState | None:
        """Waits for the end of a download, at most `timeout_seconds`; returns its state."""
        running = self._running.get(canonical(name))
        if running is not None:
            running.thread.join(timeout_seconds)
        return self.status(name)

    def close(self) -> None:
        """Cancels every download and waits up to 2 s for each."""
        for running in list(self._running.values()):
            running.task.cancelled.set()
        for running in list(self._running.values()):
            running.thread.join(timeout=2)

    def _begin(self, name: str) -> "_Running":
        model = catalog().get(name)
        if model is None or not model.is_pinned:
            log.warning(
                "model without a checksum in the catalogue: its files are checked against the hub only",
                model=name,
            )
        progress = _ProgressAnnouncer(self._announce, self._clock)
        running = _Running(DownloadTask(name, model, self._store, self._hub, progress.on_change, self._clock))
        running.thread.start()
        return running


class _Running:
    """A download task, its thread, and the callbacks for its end."""

    def __init__(self, task: DownloadTask) -> None:
        self.task = task
        self.then: list[Callable[[str], None]] = []
        self.thread = threading.Thread(target=self._run, name=f"download-{task.status.name}", daemon=True)

    def _run(self) -> None:
        self.task.run()
        if self.task.status.state == "done":
            for then in self.then:
                then(self.task.status.name)


class _ProgressAnnouncer:
    """Announces each new state at once, and progress at most every `_ANNOUNCE_SECONDS`."""

    def __init__(self, announce: Announce, clock: Callable[[], float]) -> None:
        self._announce = announce
        self._clock = clock
        self._state = ""
        self._last = float("-inf")

    def on_change(self, download: DownloadState) -> None:
        """Announces the download if its state is new or the last announcement is old enough."""
        now = self._clock()
        if download.state == self._state and now - self._last < _ANNOUNCE_SECONDS:
            return
        self._state, self._last = download.state, now
        message = _MESSAGES[download.state].format(
            name=download.name, percent=int(download.progress * 100), error=download.error
        )
        self._announce(ModelEvent("download", download.name, message, download.progress))
