"""A connected socket that one thread reads while another writes, over TLS as well.

An OpenSSL session must not be entered by two threads at once, and Python's sockets do not see to it: reading
and writing a WebSocket at the same time corrupts the connection now and then (python-engineio #461). Here
every call into the session is made under one lock, which is never held while waiting for the network.
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


class Duplex:
    """Whole messages out, whatever is there in; both give up when nothing moves for `idle_seconds`."""

    def __init__(self, sock: socket.socket, idle_seconds: float) -> None:
        """Takes over `sock`, which is left to its owner to close, after `close` of this."""
        sock.setblocking(False)
        self._sock = sock
        self._idle_seconds = idle_seconds
        self._closed = False
        self._session = threading.Lock()
        self._message = threading.Lock()

    def recv(self, count: int) -> bytes:
        """Up to `count` bytes; none at the end. Raises TimeoutError and other kinds of OSError."""
        return self._moved(partial(self._sock.recv, count), select.POLLIN)

    def send(self, data: bytes) -> int:
        """Sends all of `data`, in one piece beside what other threads send."""
        rest = memoryview(data)
        with self._message:
            while rest:
                rest = rest[self._moved(partial(self._sock.send, rest), select.POLLOUT) :]
        return len(data)

    def settimeout(self, idle_seconds: float | None) -> None:
        """Changes how long nothing may move."""
        self._idle_seconds = idle_seconds or self._idle_seconds

    def gettimeout(self) -> float:
        """How long nothing may move."""
        return self._idle_seconds

    def fileno(self) -> int:
        """Of the socket underneath."""
        return self._sock.fileno()

    def shutdown(self, _how: int = socket.SHUT_RDWR) -> None:
        """Ends the connection for both sides, and what threads wait for."""
        try:
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
        except OSError:
            return

    def close(self) -> None:
        """As `shutdown`, and no call reaches the descriptor any more: its number may soon be another's."""
        self.shutdown()
        with self._session:
            self._closed = True

    def _moved(self, act: Callable[[], Result], direction: int) -> Result:
        deadline = time.monotonic() + self._idle_seconds
        while True:
            with self._session:
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
            raise TimeoutError("nothing moved on the connection")
