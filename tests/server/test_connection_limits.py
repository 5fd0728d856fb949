"""The connections of one address are limited, and unfinished TLS handshakes end soon."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.live_client import settings_of
from tests.support.program import REAL, Server, served, web_process
from tests.support.wait import wait_until
from whisper_appliance.core import server_threads
from whisper_appliance.server.gunicorn_worker import HANDSHAKE_SECONDS

pytestmark = pytest.mark.slow  # starts the real program

LIMIT = 20
HEADER_SECONDS = 15.0
SOCKET = "/socket.io/?EIO=4&transport=websocket"
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
HANDSHAKE_PATIENCE = 2 * HANDSHAKE_SECONDS
HALF_HANDSHAKE = b"\x16\x03\x01\x02\x00\x01\x00"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("connections")
    chosen = settings_of(tiny_en, folder) | {
        "MAX_CONNECTIONS_PER_ADDRESS": str(LIMIT),
        "MAX_WEBSOCKETS_PER_ADDRESS": str(LIMIT),
        "HEADER_SECONDS": str(HEADER_SECONDS),
    }
    with served(folder, REAL, **chosen) as running:
        yield running


def connect(server: Server, source: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10, source_address=(source, 0))


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has closed a connection that has sent no request."""
    connection.settimeout(0.05)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def request(server: Server, source: str, path: str, headers: str = "") -> tuple[ssl.SSLSocket, bytes]:
    """A connection from this address that has sent a request, and the begin of its response."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = context.wrap_socket(connect(server, source))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
    return connection, connection.recv(4096)


def health(server: Server, source: str) -> bytes:
    """The response to GET /health from this address."""
    connection, response = request(server, source, "/health", "Connection: close\r\n")
    connection.close()
    return response


def test_silent_connections_of_one_address_are_limited(server: Server) -> None:
    with ExitStack() as opened:
        silent = [opened.enter_context(connect(server, "127.0.0.2")) for _ in range(3 * LIMIT)]
        wait_until(lambda: sum(map(is_closed, silent)) == 2 * LIMIT)
        assert health(server, "127.0.0.3").startswith(b"HTTP/1.1 200")
    wait_until(lambda: health(server, "127.0.0.2").startswith(b"HTTP/1.1 200"))
    assert 'limit_refusals_total{limit="connections"}' in server.get("/metrics")[1]


def test_unfinished_handshakes_end_before_the_time_for_headers(server: Server) -> None:
    with ExitStack() as opened:
        half = [opened.enter_context(connect(server, "127.0.0.4")) for _ in range(LIMIT)]
        for connection in half:
            connection.sendall(HALF_HANDSHAKE)
        assert health(server, "127.0.0.5").startswith(b"HTTP/1.1 200")
        wait_until(lambda: all(map(is_closed, half)), HANDSHAKE_PATIENCE)


def test_a_connection_counts_until_it_is_closed(server: Server) -> None:
    with ExitStack() as opened:
        for _ in range(LIMIT):
            connection, response = request(server, "127.0.0.6", SOCKET, UPGRADE)
            opened.enter_context(connection)
            assert response.startswith(b"HTTP/1.1 101")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            health(server, "127.0.0.6")
        assert health(server, "127.0.0.7").startswith(b"HTTP/1.1 200")


def test_the_longest_idle_connection_of_an_address_makes_room_for_a_new_one(server: Server) -> None:
    with ExitStack() as opened:
        idle = [request(server, "127.0.0.8", "/health") for _ in range(LIMIT)]
        for connection, response in idle:
            opened.enter_context(connection)
            assert response.startswith(b"HTTP/1.1 200")
        assert health(server, "127.0.0.8").startswith(b"HTTP/1.1 200")
        wait_until(lambda: is_closed(idle[0][0]))


def test_a_handshake_that_does_not_move_costs_no_thread(server: Server) -> None:
    """The pool keeps each thread that it has ever needed."""
    addresses = [f"127.0.1.{number}" for number in range(1, 5)]
    worker = web_process(server)
    before = worker.num_threads()
    with ExitStack() as opened:
        half = [opened.enter_context(connect(server, each)) for each in addresses for _ in range(LIMIT)]
        for connection in half:
            connection.sendall(HALF_HANDSHAKE)
        wait_until(lambda: all(map(is_closed, half)), HANDSHAKE_PATIENCE)
    assert worker.num_threads() - before < len(half) // 2


def test_when_all_connections_are_taken_the_longest_silent_ones_make_room(
    tmp_path: Path, tiny_en: Path
) -> None:
    few = dict.fromkeys(("MAX_WEBSOCKETS", "MAX_EVENT_STREAMS", "MAX_WAITING_REQUESTS"), "1")
    few |= dict.fromkeys(("MAX_CONNECTIONS_PER_ADDRESS", "CONNECTION_RATE_PER_ADDRESS"), "0")
    threads = 3 + server_threads.SPARE
    with (
        served(tmp_path, REAL, **settings_of(tiny_en, tmp_path) | few, MAX_CONNECTIONS="50") as server,
        ExitStack() as opened,
    ):
        silent = [opened.enter_context(connect(server, "127.0.0.2")) for _ in range(threads + 36 + 7)]
        assert health(server, "127.0.0.3").startswith(b"HTTP/1.1 200")
        wait_until(lambda: is_closed(silent[0]))
        assert not is_closed(silent[-1])
