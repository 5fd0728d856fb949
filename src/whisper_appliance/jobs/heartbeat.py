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
from whisper_appliance.jobs.workers import Me, TakenOver, Workers, WorkerSeen
from whisper_appliance.storage.database import Database

HEARTBEAT_SECONDS = 10.0
BEATS_A_LOOK = 6

log = logging.getLogger(__name__)


class Crew:
    """On SQLite a worker is alone: it is in no list, nothing beats, and nothing is taken over."""

    def __init__(
        self, database: Database, data_dir: Path, storage: Path, clock: Clock, look: Callable[[], None]
    ) -> None:
        """`storage` is the folder of the recordings, the data folder where it is not shared.

        `look` is called once a minute: for what others left.
        """
        self._workers = Workers(database)
        self._alone = database.is_sqlite
        self._data_dir = data_dir
        self._storage = storage
        self._clock = clock
        self._look = look
        self._host = socket.gethostname()
        self._ended = threading.Event()
        self._heart: threading.Thread | None = None
        self.me = Me("", "", self._host, __version__)

    def join(self) -> Me:
        """Finds out who this is, gathers what it left when it ended, and begins to say that it lives.

        Raises `BadSetting` where the storage cannot be used.
        """
        id = storage.executor(self._data_dir)
        place = id if self._storage == self._data_dir else storage.storage_name(self._storage)
        self.me = Me(id, place, self._host, __version__)
        self._workers.settle(self.me, self._is_here)
        if not self._alone:
            self._workers.join(self.me)
            self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
            self._heart.start()
        return self.me

    def leave(self) -> None:
        """Says no more that this worker lives."""
        self._ended.set()
        if self._heart is not None:
            self._heart.join(timeout=5)
            self._quietly(lambda: self._workers.leave(self.me.id))

    def seen(self) -> tuple[WorkerSeen, ...]:
        """All workers that anybody may want to know of."""
        return self._workers.seen()

    def living(self) -> set[str]:
        """The ids of the workers whose calls go on, this one's included."""
        return {self.me.id, *self._workers.living()}

    def take_over(self, id: str, *, losing: bool) -> TakenOver:
        """Frees the jobs of a silent worker for those who have their recordings; see `Workers.take_over`."""
        return self._workers.take_over(
            id, place=self.me.place, is_here=self._is_here, losing=losing, moment=written(self._clock())
        )

    def _is_here(self, audio: str) -> bool:
        return (self._storage / audio).is_file()

    def _beat(self) -> None:
        beats = 0
        while not self._ended.wait(HEARTBEAT_SECONDS):
            self._quietly(lambda: self._workers.beat(self.me))
            beats += 1
            if beats % BEATS_A_LOOK == 0:
                self._quietly(self._look)

    def _quietly(self, act: Callable[[], None]) -> None:
        """The heart beats on, whatever the database says."""
        try:
            act()
        except Exception as error:
            log.warning(
                "A heartbeat was not written: %s", error, exc_info=not isinstance(error, ApplianceError)
            )
