"""A TLS handshake that costs no thread while the client is silent."""

import select
import socket
import ssl
import time

from gunicorn import http
from gunicorn.sock import ssl_wrap_socket
from gunicorn.workers.gthread import TConn

STEP_SECONDS = 0.02
"""A client nearby finishes its handshake, and sends its request, within so long. A thread waits for
that, because the way through the poller and back takes longer on a busy machine."""
TLS_HANDSHAKE = b"\x16"
"""The first byte of a TLS connection (RFC 8446 §5.1)."""


def begins_handshake(client: socket.socket) -> bool:
    """Whether a client that has sent something speaks TLS."""
    if isinstance(client, ssl.SSLSocket):
        return True
    try:
        return client.recv(1, socket.MSG_PEEK) == TLS_HANDSHAKE
    except OSError:
        return False


def continue_handshake(conn: TConn) -> bool:
    """Goes on with the handshake of a connection, for about `STEP_SECONDS`.

    True: it is finished, and a request arrives. False: the client has to send more.
    Raises OSError (ssl.SSLError is one) if it failed.
    """
    until = time.monotonic() + STEP_SECONDS
    if not isinstance(conn.sock, ssl.SSLSocket):
        conn.sock = ssl_wrap_socket(conn.sock, conn.cfg)
    while not conn.initialized:
        try:
            conn.sock.do_handshake()
            conn.initialized, conn.parser = True, http.get_parser(conn.cfg, conn.sock, conn.client)
        except ssl.SSLWantReadError:  # never SSLWantWriteError: a server's part is smaller than a send buffer
            if not _has_bytes(conn.sock, until):
                return False
    return _has_bytes(conn.sock, until)


def _has_bytes(client: ssl.SSLSocket, until: float) -> bool:
    """Waits until the client has sent something, or it is too late."""
    poll = select.poll()
    poll.register(client, select.POLLIN)
    left = max(0.0, until - time.monotonic())
    return bool(client.pending() or poll.poll(left * 1000))
