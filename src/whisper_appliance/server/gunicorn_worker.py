"""gunicorn's threaded worker (gthread), extended for networks without a reverse proxy.

- An HTTPS port also responds to plain HTTP with a redirect to HTTPS.
- Slow clients cannot block others (slowloris): an address has limits of open and of new connections, and
  turns; TLS handshakes and request headers have a deadline, request and response bodies have an idle timeout,
  and connections are closed in the thread pool, because closing may wait.
- A silent connection costs no thread: it waits in the poller before its first byte, between the steps of its
  TLS handshake, and until its next request.
- A new connection beyond a limit costs the one that has been idle the longest: of its address, or of all
  where the descriptors that accepted work needs are scarce. If none is idle, the new one is closed.
"""

import select
import selectors
import socket
import ssl
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog
from gunicorn import http, util
from gunicorn.workers.gthread import _DEFER, TConn, ThreadWorker

from whisper_appliance.core import descriptors, request_body, request_turn, server_threads
from whisper_appliance.core.network import client_network
from whisper_appliance.server import parse_errors
from whisper_appliance.server.client_turns import ClientTurns
from whisper_appliance.server.connection_limits import ConnectionLimits
from whisper_appliance.server.tls_handshake import begins_handshake, continue_handshake

HANDSHAKE_SECONDS = 3.0
ACCEPT_PAUSE_SECONDS = 0.2
IDLE_HEADERS_SECONDS = 1.0
GRACE_SECONDS = 8
LINGER_SECONDS = 2.0
LINGERING_AT_ONCE = 16
"""So many connections of proxies may wait for that; those of a client wait in its turns."""
UNREAD_BODY_SECONDS = 0.1
"""How long the response to a request whose body was not read waits for a small body to arrive."""
READS = ("GET", "HEAD")
CLOSED = object()
log = structlog.get_logger()


class ApplianceWorker(ThreadWorker):  # type: ignore[misc] # gunicorn publishes no types
    """One worker process: `cfg.threads` requests at once, `cfg.worker_connections` open connections."""

    alive: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reading_headers: dict[TConn, float] = {}
        self._handshakes: dict[TConn, float] = {}
        settings = self.app.settings
        self._limits = ConnectionLimits(
            min(settings.max_connections_per_address, self.worker_connections // 2),
            settings.connection_rate_per_address,
            remembered=self.worker_connections,
        )
        self._turns: ClientTurns[TConn] = ClientTurns(
            super().enqueue_req, threads_at_once=settings.requests_at_once_per_address
        )
        self._handled: set[TConn] = set()
        self._lingering = threading.BoundedSemaphore(LINGERING_AT_ONCE)
        # gunicorn would keep no connection of anybody while one client has that many; see `finish_request`
        self._most_idle = self.worker_connections - self.cfg.threads
        self.max_keepalived = self.worker_connections
        self._exiting = False
        self._stopping = False
        self._accept_after = 0.0

    def init_process(self) -> None:
        """Builds the application in this process, serves it, and always closes it."""
        # The arbiter's timeout is longer, which leaves time to close the application.
        self.cfg.set("graceful_timeout", GRACE_SECONDS)
        try:
            super().init_process()
        finally:
            self._exiting = True
            self.app.close()

    def handle_exit(self, sig: int, frame: object) -> None:
        """SIGTERM: sets the stop event first, so that streams and waiting requests end by themselves.

        A second SIGTERM may interrupt this (a service manager and the arbiter each send one). Only the first
        sets the event, because the second would wait for the lock that the first holds.
        """
        if self.alive and not self._stopping:
            self._stopping = True
            self.app.stopping.set()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: object) -> None:
        """Ctrl-C: exits at once, and only once. Takes no lock, because the main loop may hold it now."""
        if self._exiting:
            return
        self._exiting = True
        if self.alive:
            self.alive = False
            self.app.stopping.set()
        sys.exit(0)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accepts connections, except for a moment after there was no descriptor for one."""
        super().set_accept_enabled(enabled and time.monotonic() >= self._accept_after)

    def accept(self, listener: socket.socket) -> None:
        """Accepts a connection. Without a descriptor for it, it waits while idle ones are closed."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in descriptors.EXHAUSTED:
                raise
            self._accept_after = time.monotonic() + ACCEPT_PAUSE_SECONDS
            self.set_accept_enabled(False)
            self._close_idle()

    def enqueue_req(self, conn: TConn) -> None:
        """Hands a connection that has sent something to the pool. A new one waits for that, or is refused."""
        if not conn.data_ready:
            self._admit(conn)
            return
        if client := self._client(conn):
            self._turns.take(client, conn)
        else:
            super().enqueue_req(conn)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Runs in the main loop, until something happens or the next turn may begin."""
        soon = self._turns.advance()
        timeout = min(timeout, HANDSHAKE_SECONDS / 10) if self._handshakes else timeout
        super().wait_for_and_dispatch_events(timeout if soon is None else min(timeout, soon))

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Takes the next request of a connection, unless it was closed in this turn to make room."""
        if conn in self.keepalived_conns:
            super().on_client_socket_readable(conn, client)

    def on_pending_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Takes the first request of a connection, unless it was closed in this turn to make room."""
        if conn in self.pending_conns:
            super().on_pending_socket_readable(conn, client)

    def handle(self, conn: TConn) -> object:
        """Handles one request of a connection, or goes on with its TLS handshake, in a thread of the pool."""
        self._handled.add(conn)
        try:
            return self._handle(conn)
        finally:
            self._handled.discard(conn)

    def _handle(self, conn: TConn) -> object:
        if self.cfg.is_ssl and not conn.initialized and begins_handshake(conn.sock):
            self._handshakes.setdefault(conn, time.monotonic())
            try:
                if has_left(conn.sock, half=True):  # it cannot finish
                    return self._close(conn)
                if not continue_handshake(conn):
                    return _DEFER
            except OSError as error:
                self.log.debug("TLS with %s failed: %s", conn.client, error)
                return self._close(conn)
        self._reading_headers[conn] = time.monotonic()
        try:
            is_plain = self.cfg.is_ssl and not conn.initialized
            result = self._redirect_to_https(conn) if is_plain else super().handle(conn)
        finally:
            self._reading_headers.pop(conn, None)
        return result or self._close(conn)

    def handle_request(self, request: Any, conn: TConn) -> bool:
        """Runs after the headers were read: from here on, the idle timeout of the body applies.

        A least pace applies too; uploads have one of their own.
        """
        self._reading_headers.pop(conn, None)
        settings = self.app.settings
        idle_seconds = settings.body_idle_seconds
        conn.sock.settimeout(idle_seconds)
        if request.method in READS and has_left(conn.sock):
            return False
        server_threads.free.set(self.cfg.threads - len(self._handled))
        _announce_pieces(request.unreader)
        _close_if_unread(request, conn)
        pace = request_body.least_pace(settings.upload_pace, settings.header_seconds)
        turn = request_turn.left_by(partial(self.method_queue.defer, self._end_turn, conn))
        try:
            with turn, request_body.watched_by(pace):
                return bool(super().handle_request(request, conn))
        except TimeoutError as error:
            log.info("connection closed: too slow", idle_seconds=idle_seconds, reason=str(error))
            self._count_refused("body_idle_seconds")
            return False

    def handle_error(self, request: Any, client: socket.socket, address: Any, error: Exception) -> None:
        """Responds to requests that cannot be parsed. Logs broken TLS at debug level."""
        if isinstance(error, ssl.SSLError):
            self.log.debug("TLS with %s failed: %s", address, error)
        elif parse_errors.is_bad_request(error):
            log.info("request cannot be parsed", address=address and address[0], reason=str(error)[:200])
            with suppress(OSError):
                client.sendall(parse_errors.raw_response(error))
        else:
            super().handle_error(request, client, address, error)

    def finish_request(self, conn: TConn, future: "Future[object]") -> None:
        """Runs in the main loop. A connection that `_close` has closed only leaves the count."""
        self._end_turn(conn)
        if not future.cancelled() and future.exception() is None and future.result() is CLOSED:
            self.nr_conns -= 1
        else:
            super().finish_request(conn, future)
        if conn.initialized or conn.sock.fileno() < 0:
            self._handshakes.pop(conn, None)
        if len(self.keepalived_conns) > self._most_idle:
            self._close_one_of_most_idle()

    def murder_pending(self) -> None:
        """Runs in each turn of the main loop: also ends connections whose headers are overdue.

        If no more can be accepted, the one that has been idle the longest makes room.
        """
        super().murder_pending()
        if self.alive and self.nr_conns >= self.worker_connections and self._close_idle():
            self._count_refused("connections_in_all")
        now = time.monotonic()
        for conn, since in list(self._handshakes.items()):
            if conn.sock.fileno() < 0 and conn not in self._handled:  # TLS detaches it for a moment
                self._handshakes.pop(conn, None)
            elif now - since > HANDSHAKE_SECONDS and conn in self.pending_conns:
                self._count_refused("handshake_seconds")
                self._close_waiting(conn)
        for conn, since in list(self._reading_headers.items()):
            if now - since > self.app.settings.header_seconds:
                self._count_refused("header_seconds")
                self._reading_headers.pop(conn, None)
                _shut_down(conn.sock)

    def _admit(self, conn: TConn) -> None:
        """Lets a new connection wait for its first bytes, or closes it."""
        if self._is_within_limit(conn) and self._has_descriptor(conn):
            conn.set_timeout()
            self.pending_conns.append(conn)
            wakes = partial(self.on_pending_socket_readable, conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, wakes)
        else:
            self.nr_conns -= 1
            conn.close()

    def _close_one_of_most_idle(self) -> None:
        """Closes the connection that is idle the longest, of the client with the most of them.

        Behind a proxy none is closed, because the proxy may be sending a request on it.
        """
        clients = [self._client(each) for each in self.keepalived_conns]
        for most, _ in Counter(filter(None, clients)).most_common(1):
            self._close_waiting(self.keepalived_conns[clients.index(most)])

    def _end_turn(self, conn: TConn) -> None:
        if client := self._client(conn):
            self._turns.end(client, conn)

    def _client(self, conn: TConn) -> str | None:
        """The network of a client; None behind a proxy, where all connections are the proxy's."""
        if self.app.settings.trusted_proxies or not isinstance(conn.client, tuple):
            return None
        return client_network(conn.client[0])

    def _is_within_limit(self, conn: TConn) -> bool:
        """Counts a new connection for its address."""
        if self._client(conn) is None:
            return True
        limit = self._limits.refusal(conn.client[0], conn, self._close_idle)
        if limit:
            self._count_refused(limit)
        return limit is None

    def _has_descriptor(self, conn: TConn) -> bool:
        """Whether a new connection may keep its descriptor, where few are left."""
        left = descriptors.count_above(conn.sock.fileno())
        if left >= descriptors.RESERVED or self._close_idle() or left >= descriptors.RESERVED // 2:
            return True
        self._count_refused("descriptors")
        return False

    def _close_idle(self, client: str | None = None) -> bool:
        """Closes the connection, of a client or of all, that is idle the longest; False if there is none."""
        since = time.monotonic() - IDLE_HEADERS_SECONDS
        for conn in self._idle(since, of_all=client is None):
            if client is not None and self._client(conn) != client:
                continue
            if conn in self.keepalived_conns or conn in self.pending_conns:
                self._close_waiting(conn)
                return True
            if self._reading_headers.pop(conn, None):
                _shut_down(conn.sock)
                return True
        return False

    def _idle(self, since: float, *, of_all: bool) -> Iterator[TConn]:
        """The connections that serve nobody: those that wait for a request, and slow handshakes and heads.

        A connection that has not sent anything yet may just have been opened by a client that shares its
        address with others. `of_all`: there is no time to tell it from a silent one.
        """
        new_until = since + self.cfg.keepalive
        pending = [conn for conn in self.pending_conns if of_all or conn.timeout < new_until]
        waiting = (pending, self.keepalived_conns) if of_all else (self.keepalived_conns, pending)
        for conns in waiting:
            yield from conns
        for conn, began in list(self._reading_headers.items()):
            if began < since:
                yield conn

    def _close_waiting(self, conn: TConn) -> None:
        """Closes a connection that waits for its first or next request."""
        (self.keepalived_conns if conn in self.keepalived_conns else self.pending_conns).remove(conn)
        with suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self._handshakes.pop(conn, None)
        self.nr_conns -= 1
        conn.close()

    def _count_refused(self, limit: str) -> None:
        from whisper_appliance.web import context  # here, because both processes would hold what it loads

        extensions = getattr(self.wsgi, "extensions", {})
        if found := extensions.get(context.EXTENSION):
            found.appliance.metrics.count_refused(limit)

    def _redirect_to_https(self, conn: TConn) -> bool:
        """Sends a 308 to the same URL with https, or a 400 if HTTP_REDIRECT is off."""
        try:
            conn.sock.setblocking(True)
            request = next(http.get_parser(self.cfg, conn.sock, conn.client))
            host = dict(request.headers).get("HOST") or "{}:{}".format(*conn.sock.getsockname()[:2])
            path = request.path + (f"?{request.query}" if request.query else "")
            conn.sock.sendall(_https_redirect(f"https://{host}{path}", redirect=self.app.redirect))
        except (http.errors.ParseException, StopIteration, OSError) as error:
            self.log.debug("Not HTTP from %s: %s", conn.client, error)
        return False

    def _close(self, conn: TConn) -> object:
        """Closes after the client has read the response, even if it still sends a rejected body."""
        try:
            conn.sock.setblocking(True)
        except OSError:
            return CLOSED
        with ExitStack() as lingering:
            seconds = LINGER_SECONDS
            if self._client(conn) is None:
                if self._lingering.acquire(blocking=False):
                    lingering.callback(self._lingering.release)
                else:
                    seconds = 0
            util.close_graceful(conn.sock, timeout=seconds, max_drain=2**30)
        return CLOSED


def has_left(client: socket.socket, *, half: bool = False) -> bool:
    """Whether a connection was reset, or both of its sides ended. `half`: or the client ended its own.

    A client may end its own side after a request, and still read the response (RFC 9112, 9.6).
    """
    poll = select.poll()
    # poll always reports errors and the end of both sides
    poll.register(client, select.POLLRDHUP if half else 0)
    return bool(poll.poll(0))


def _announce_pieces(unreader: Any) -> None:
    """Makes gunicorn's reader call `request_body.received` for each piece of the body.

    It refers weakly to the reader, so that the buffers of TLS go with the connection, not some time later.
    """
    if "chunk" in vars(unreader):  # a connection has one reader for all its requests
        return
    receive, reader = type(unreader).chunk, weakref.proxy(unreader)

    def chunk(size_hint: int | None = None) -> bytes:
        piece: bytes = receive(reader, size_hint)
        request_body.received(len(piece))
        return piece

    unreader.chunk = chunk


def _close_if_unread(request: Any, conn: TConn) -> None:
    """Makes a response that is sent before the body has arrived say `Connection: close` (RFC 9112, 9.6).

    The rest of a refused body is read for some time only. Without the header, the client would send its next
    request on a connection that closes. The references are weak, as those of `_announce_pieces`.
    """
    closes, message, parser = type(request).should_close, weakref.proxy(request), weakref.proxy(conn.parser)

    def closes_or_is_unread() -> bool:
        if closes(message):
            return True
        try:
            return not parser.finish_body(deadline=time.monotonic() + UNREAD_BODY_SECONDS)
        except (http.errors.ParseException, OSError):
            return True

    request.should_close = closes_or_is_unread


def _https_redirect(url: str, *, redirect: bool) -> bytes:
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


def _shut_down(sock: socket.socket) -> None:
    """Ends the blocked read of another thread. The TLS state stays with that thread."""
    try:
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        return
