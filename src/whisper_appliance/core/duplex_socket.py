"""A full-duplex socket: one thread reads while another writes, also over TLS.

Two threads must not use an OpenSSL session at once, and Python's sockets do not prevent it: reading and
writing a WebSocket at the same time corrupts the connection now and then (python-engineio #461). Here every
call into the session holds one lock, which is never held while waiting for the network.
"""

import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

Result = TypeVar("Result")


class DuplexSocket:
    """Sends whole messages, receives any bytes; both time out after `idle_seconds` without progress."""

    def __init__(self, sock: socket.socket, idle_seconds: float) -> None:
        """Takes over `sock`; its owner closes it after `close` of this."""
        sock.setblocking(False)
        self._sock = sock
        self._idle_seconds = idle_seconds
        self._closed = False
        self._session_lock = threading.Lock()
        self._message_lock = threading.Lock()

    def recv(self, count: int) -> bytes:
        """Up to `count` bytes; none at the end. Raises `TimeoutError` and other kinds of `OSError`."""
        return self._retry(partial(self._sock.recv, count), select.POLLIN)

    def send(self, data: bytes) -> int:
        """Sends all of `data`, not interleaved with what other threads send."""
        rest = memoryview(data)
        with self._message_lock:
            while rest:
                rest = rest[self._retry(partial(self._sock.send, rest), select.POLLOUT) :]
        return len(data)

    def settimeout(self, idle_seconds: float | None) -> None:
        """Changes the timeout; None keeps it."""
        self._idle_seconds = idle_seconds or self._idle_seconds

    def gettimeout(self) -> float:
        """The timeout."""
        return self._idle_seconds

    def fileno(self) -> int:
        """The descriptor of the socket."""
        return self._sock.fileno()

    def shutdown(self, _how: int = socket.SHUT_RDWR) -> None:
        """Ends the connection in both directions, which wakes waiting threads."""
        try:
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
        except OSError:
            return

    def close(self) -> None:
        """As `shutdown`; later calls do not use the descriptor, because its number may be reused."""
        self.shutdown()
        with self._session_lock:
            self._closed = True

    def _retry(self, act: Callable[[], Result], direction: int) -> Result:
        deadline = time.monotonic() + self._idle_seconds
        while True:
            with self._session_lock:
                if self._closed:
                    raise OSError("the connection is closed")
                try:
                    return act()
                except ssl.SSLWantReadError:
                    wanted = select.POLLIN
                except ssl.SSLWantWriteError:
                    wanted = select.POLLOUT
                except BlockingIOError:
                    wanted = direction
            self._wait(wanted, deadline)

    def _wait(self, wanted: int, deadline: float) -> None:
        poll = select.poll()
        try:
            poll.register(self._sock, wanted)
        except ValueError:
            raise OSError("the socket is closed") from None
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise TimeoutError("the connection made no progress")
