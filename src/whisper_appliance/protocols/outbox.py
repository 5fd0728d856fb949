"""The outbox of a connection: events wait here, so that a slow client never blocks the live threads."""

import json
import queue
import threading
from contextlib import suppress
from typing import Any

from whisper_appliance.protocols.connection import Sender

MAX_WAITING = 1000


class Outbox:
    """Sends events from a thread of its own; a client that reads too slowly is disconnected."""

    def __init__(self, connection: Sender) -> None:
        self._connection = connection
        self._waiting: queue.Queue[dict[str, Any] | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._run, name="socket-outbox", daemon=True)
        self._thread.start()

    def send(self, event: dict[str, Any]) -> None:
        """Sends one event soon."""
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            self._connection.close()

    def finish(self) -> None:
        """Closes the connection once everything is sent."""
        with suppress(queue.Full):
            self._waiting.put_nowait(None)

    def close(self, *, drain_seconds: float) -> None:
        """Ends the thread and the connection; what waits may take so long to be sent before."""
        self.finish()
        self._thread.join(drain_seconds)
        self._connection.close()

    def _run(self) -> None:
        while (event := self._waiting.get()) is not None:
            try:
                self._connection.send(json.dumps(event, ensure_ascii=False, separators=(",", ":")))
            except OSError:
                return
        self._connection.close()
