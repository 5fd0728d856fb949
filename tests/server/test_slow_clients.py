"""Forty clients that dawdle and sixty that upload at once keep nobody from an answer."""

import http.client
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.support.live_client import settings_of
from tests.support.program import Server, served

pytestmark = pytest.mark.slow

DAWDLERS, UPLOADS, SECONDS = 40, 60, 5.0
PATIENCE_SECONDS = 5.0
"""Half of what the shortest wait for a client takes in the server: whoever waited behind one is noticed.
The promise is 200 ms where clients do not share the cores with the server; the test prints what it was."""
HEAD = b"POST /transcribe HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
PART = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("slow")
    plain = {"HTTPS_ENABLED": "false", "REQUESTS_PER_MINUTE": "0", "UPLOADS_PER_MINUTE": "0"}
    plain |= dict.fromkeys(("MAX_CONNECTIONS_PER_ADDRESS", "CONNECTION_RATE_PER_ADDRESS"), "0")
    plain["REQUESTS_AT_ONCE_PER_ADDRESS"] = "0"
    plain |= dict.fromkeys(("UPLOADS_AT_ONCE", "UPLOADS_PER_ADDRESS", "UPLOADS_PER_USER"), "100")
    plain |= dict.fromkeys(
        (
            "QUEUE_LIMIT_PER_USER",
            "QUEUE_LIMIT_PER_ADDRESS",
            "WAITING_REQUESTS_PER_CLIENT",
            "MAX_WAITING_REQUESTS",
        ),
        "100",
    )
    with served(
        folder, ("-m", "whisper_appliance", "serve"), **(settings_of(tiny_en, folder) | plain)
    ) as running:
        yield running


def dawdle(connections: list[socket.socket], until: float) -> None:
    """Half of them never finish their headers, half never their body: a byte now and then."""
    for number, connection in enumerate(connections):
        whole = number % 2 == 0
        connection.sendall(HEAD + (b"Content-Length: 900000\r\n\r\n" + PART if whole else b""))
    while time.monotonic() < until:
        time.sleep(0.5)
        for number, connection in enumerate(connections):
            with suppress(OSError):
                connection.sendall(b"a" if number % 2 == 0 else b"X-A: b\r\n")


def upload(port: int) -> int:
    """The status of the answer to a mebibyte of noise."""
    body = PART + bytes(2**20) + b"\r\n--x--\r\n"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/transcribe", body, {"Content-Type": "multipart/form-data; boundary=x"})
        return connection.getresponse().status
    finally:
        connection.close()


def ask(port: int, path: str, until: float) -> list[float]:
    """How long each answer took, over a new connection each time."""
    took = []
    while time.monotonic() < until:
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", path)
        assert connection.getresponse().status == 200
        connection.close()
        took.append(time.monotonic() - began)
        time.sleep(0.02)
    return sorted(took)


def test_health_and_status_answer_beside_slow_clients_and_many_uploads(server: Server) -> None:
    until = time.monotonic() + SECONDS
    with ExitStack() as opened, ThreadPoolExecutor(UPLOADS + 2) as clients:
        slow = [
            opened.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            for _ in range(DAWDLERS)
        ]
        dawdling = threading.Thread(target=dawdle, args=(slow, until), daemon=True)
        dawdling.start()
        asked = [clients.submit(ask, server.port, path, until) for path in ("/health", "/api/status")]
        statuses = Counter(clients.map(upload, [server.port] * UPLOADS))
        for answers in asked:
            took = answers.result()
            median, slowest = (took[int(len(took) * share)] * 1000 for share in (0.5, 0.99))
            print(f"{len(took)} answers: median {median:.0f} ms, p99 {slowest:.0f} ms")
            assert slowest < PATIENCE_SECONDS * 1000
        dawdling.join()
    assert statuses == {422: UPLOADS}  # all were taken, decoded, and found to be no sound
    assert server.get_plain("/health")[0] == 200
