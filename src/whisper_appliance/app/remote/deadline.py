"""The end of all requests for one recording: no slow server holds a thread longer."""

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Any

from whisper_appliance.core.errors import InvalidRequest


class Deadline:
    """Shuts the connections of requests down when their time is over. `trace` is the extension of httpx."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._shut_down)
        self._timer.daemon = True

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._timer.cancel()

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return self._end - time.monotonic()

    def check(self) -> None:
        """Raises `InvalidRequest` when the time is over."""
        if self.left <= 0:
            raise InvalidRequest("Fetching this recording took too long.", field="url")

    def trace(self, event: str, details: dict[str, Any]) -> None:
        """Notes each connection, and its TLS connection, which has another socket."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            with self._lock:
                self._sockets.append(details["return_value"].get_extra_info("socket"))
            if self.left <= 0:
                self._shut_down()

    def _shut_down(self) -> None:
        with self._lock:
            for connected in self._sockets:
                with suppress(OSError):  # it is closed
                    socket.socket.shutdown(connected, socket.SHUT_RDWR)  # as TCP, whatever TLS waits for
