"""gunicorn's threaded worker, with what a machine in a home or an office network needs beside it.

- A port that speaks HTTPS also answers plain HTTP, with the way to HTTPS: the first byte tells which it is
  (22 begins a TLS handshake, RFC 8446 §5.1).
- Slow clients lose their connection, not everybody's: headers have a deadline, bodies must move, and
  connections are closed in a thread of the pool rather than in the loop that accepts the next one.
"""

import socket
import ssl
import sys
import time
from concurrent.futures import Future
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import structlog
from gunicorn import http, util
from gunicorn.workers.gthread import _DEFER, TConn, ThreadWorker

from whisper_appliance.server import parse_errors

FIRST_BYTES_SECONDS = 0.1
GRACE_SECONDS = 8
LINGER_SECONDS = 2.0
TLS_HANDSHAKE = b"\x16"
CLOSED = object()
log = structlog.get_logger()


class ApplianceWorker(ThreadWorker):  # type: ignore[misc] # gunicorn publishes no types
    """One worker process: `cfg.threads` connections at work, `cfg.worker_connections` open."""

    alive: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._heads: dict[TConn, float] = {}
        self._leaving = False

    def init_process(self) -> None:
        """Builds the application in this process, serves, and closes it however serving ends."""
        self.cfg.set(
            "graceful_timeout", GRACE_SECONDS
        )  # ours; the arbiter's leaves time to close the application
        try:
            super().init_process()
        finally:
            self._leaving = True
            self.app.close()

    def handle_exit(self, sig: int, frame: object) -> None:
        """SIGTERM: streams and waiting requests are told, so that they need not be cut off."""
        if self.alive:
            self.app.stopping.set()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: object) -> None:
        """Ctrl-C: leaves at once, and only once. Takes no lock that the main loop may hold just now."""
        if self._leaving:
            return
        self._leaving = True
        if self.alive:
            self.alive = False
            self.app.stopping.set()
        sys.exit(0)

    def handle(self, conn: TConn) -> object:
        """One request of one connection, in a thread of the pool."""
        if not conn.initialized and not conn.data_ready and not conn.wait_for_data(FIRST_BYTES_SECONDS):
            return _DEFER
        self._heads[conn] = time.monotonic() + self.app.settings.header_seconds
        try:
            result = self._answer_plain(conn) if self._speaks_plain(conn) else super().handle(conn)
        finally:
            self._heads.pop(conn, None)
        return result or self._close(conn)

    def handle_request(self, request: Any, conn: TConn) -> bool:
        """The headers are there; from here on every read and write must move, or the connection is closed."""
        self._heads.pop(conn, None)
        idle_seconds = self.app.settings.body_idle_seconds
        conn.sock.settimeout(idle_seconds)
        try:
            return bool(super().handle_request(request, conn))
        except TimeoutError:
            log.info("connection closed: it stood still", seconds=idle_seconds)
            return False

    def handle_error(self, request: Any, client: socket.socket, address: Any, error: Exception) -> None:
        """A device that does not trust the certificate yet is nothing to write to, nor to warn about."""
        if isinstance(error, ssl.SSLError):
            self.log.debug("TLS with %s failed: %s", address, error)
        elif parse_errors.is_bad_request(error):
            log.info("request cannot be read", address=address and address[0], reason=str(error)[:200])
            with suppress(OSError):
                client.sendall(parse_errors.raw_response(error))
        else:
            super().handle_error(request, client, address, error)

    def finish_request(self, conn: TConn, future: "Future[object]") -> None:
        """In the main loop: connections that are closed already only need to be counted out."""
        if not future.cancelled() and future.exception() is None and future.result() is CLOSED:
            self.nr_conns -= 1
        else:
            super().finish_request(conn, future)

    def murder_pending(self) -> None:
        """Each turn of the main loop: also end the connections whose headers take too long."""
        super().murder_pending()
        now = time.monotonic()
        for conn in [conn for conn, deadline in list(self._heads.items()) if deadline < now]:
            self._heads.pop(conn, None)
            _wake(conn.sock)

    def _speaks_plain(self, conn: TConn) -> bool:
        if conn.initialized or not self.cfg.is_ssl:
            return False
        try:
            first: bytes = conn.sock.recv(1, socket.MSG_PEEK)
        except OSError:
            return True
        return first != TLS_HANDSHAKE

    def _answer_plain(self, conn: TConn) -> bool:
        """308 to the same address with https, or 400 where HTTP_REDIRECT is off."""
        try:
            conn.sock.setblocking(True)
            request = next(http.get_parser(self.cfg, conn.sock, conn.client))
            host = dict(request.headers).get("HOST") or "{}:{}".format(*conn.sock.getsockname()[:2])
            path = request.path + (f"?{request.query}" if request.query else "")
            conn.sock.sendall(_way_to_https(f"https://{host}{path}", redirect=self.app.redirect))
        except (http.errors.ParseException, StopIteration, OSError) as error:
            self.log.debug("Not HTTP from %s: %s", conn.client, error)
        return False

    def _close(self, conn: TConn) -> object:
        """Lets the client read the answer to its end first, even while it still sends a body nobody wants."""
        try:
            conn.sock.setblocking(True)
        except OSError:
            return CLOSED
        util.close_graceful(conn.sock, timeout=LINGER_SECONDS, max_drain=2**30)
        return CLOSED


def _way_to_https(url: str, *, redirect: bool) -> bytes:
    status = HTTPStatus.PERMANENT_REDIRECT if redirect else HTTPStatus.BAD_REQUEST
    body = f"This port speaks HTTPS. Open {url}\n".encode()
    head = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *([f"Location: {url}"] if redirect else []),
    ]
    return "\r\n".join(head).encode("latin-1", "replace") + b"\r\n\r\n" + body


def _wake(sock: socket.socket) -> None:
    """Ends the read that a thread is blocked in; its TLS state is left to that thread."""
    try:
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        return
