"""This worker among the others on the same database: it says that it lives, and takes over from the dead."""

import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from whisper_appliance import __version__
from whisper_appliance.core.clock import Clock, written
from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.jobs import storage
from whisper_appliance.jobs.workers import ThisWorker, TakeOverResult, WorkerRepository, WorkerInfo
from whisper_appliance.storage.database import Database

HEARTBEAT_INTERVAL_SECONDS = 10.0
HEARTBEATS_PER_RECLAIM = 6

log = logging.getLogger(__name__)


class WorkerHeartbeat:
    """On SQLite a worker is alone: it is in no list, nothing beats, and nothing is taken over."""

    def __init__(
        self, database: Database, data_dir: Path, storage: Path, clock: Clock, reclaim: Callable[[], None]
    ) -> None:
        """`storage` is the folder of the recordings, the data folder where it is not shared.

        `look` is called once a minute: for what others left.
        """
        self._workers = WorkerRepository(database)
        self._alone = database.is_sqlite
        self._data_dir = data_dir
        self._storage = storage
        self._clock = clock
        self._look = reclaim
        self._host = socket.gethostname()
        self._ended = threading.Event()
        self._heart: threading.Thread | None = None
        self.this_worker = ThisWorker("", "", self._host, __version__)

    def start(self) -> ThisWorker:
        """Finds out who this is, gathers what it left when it ended, and begins to say that it lives.

        Raises `BadSetting` where the storage cannot be used.
        """
        id = storage.worker_id(self._data_dir)
        place = id if self._storage == self._data_dir else storage.storage_name(self._storage)
        self.this_worker = ThisWorker(id, place, self._host, __version__)
        self._workers.recover_own_jobs(self.this_worker, self._is_here)
        if not self._alone:
            self._workers.register(self.this_worker)
            self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
            self._heart.start()
        return self.this_worker

    def close(self) -> None:
        """Says no more that this worker lives."""
        self._ended.set()
        if self._heart is not None:
            self._heart.join(timeout=5)
            self._quietly(lambda: self._workers.unregister(self.this_worker.id))

    def workers(self) -> tuple[WorkerInfo, ...]:
        """All workers that anybody may want to know of."""
        return self._workers.page()

    def alive_ids(self) -> set[str]:
        """The ids of the workers whose calls go on, this one's included."""
        return {self.this_worker.id, *self._workers.alive_ids()}

    def take_over(self, id: str, *, allow_loss: bool) -> TakeOverResult:
        """Frees the jobs of a silent worker for those who have their recordings; see `Workers.take_over`."""
        return self._workers.take_over(
            id, place=self.this_worker.place, has_audio=self._is_here, allow_loss=allow_loss, moment=written(self._clock())
        )

    def _is_here(self, audio: str) -> bool:
        return (self._storage / audio).is_file()

    def _beat(self) -> None:
        beats = 0
        while not self._ended.wait(HEARTBEAT_INTERVAL_SECONDS):
            self._quietly(lambda: self._workers.heartbeat(self.this_worker))
            beats += 1
            if beats % HEARTBEATS_PER_RECLAIM == 0:
                self._quietly(self._look)

    def _quietly(self, act: Callable[[], None]) -> None:
        """The heart beats on, whatever the database says."""
        try:
            act()
        except Exception as error:
            log.warning(
                "A heartbeat was not written: %s", error, exc_info=not isinstance(error, ApplianceError)
            )
