"""The server: HTTPS and HTTP on one port, renewal, slow clients, starting and stopping."""

import http.client
import os
import resource
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import psutil
import pytest
import requests

from tests.support.program import SMALL_SERVER, Server, execute, served
from tests.support.wait import wait_until
from whisper_appliance.config import settings
from whisper_appliance.host.certificates import Certificates
from whisper_appliance.server import bind_port

pytestmark = pytest.mark.slow  # starts the real program


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests that leave it as it was."""
    with served(tmp_path_factory.mktemp("server"), MAX_CONNECTIONS_PER_ADDRESS="0") as running:
        yield running


def read_to_the_end(connection: socket.socket) -> bytes:
    """What comes until the server hangs up."""
    return b"".join(iter(lambda: connection.recv(1000), b""))


def read_until(connection: socket.socket, end: bytes) -> None:
    """Reads a response that ends with these bytes, from a connection that stays open."""
    received = b""
    while not received.endswith(end):
        piece = connection.recv(1000)
        assert piece, received
        received += piece


def sends(connection: socket.socket, data: bytes) -> bool:
    """Sends a little after a pause; false once the server has hung up."""
    connection.settimeout(0.2)
    try:
        connection.recv(1)
    except TimeoutError:
        connection.sendall(data)
        return True
    except OSError:
        return False
    return False


def test_https_answers_by_name_and_by_address(server: Server) -> None:
    assert server.get("/hello") == (200, "https /hello")
    assert server.get("/hello", host="127.0.0.1") == (200, "https /hello")


def test_plain_http_is_redirected_to_https_on_the_same_port(server: Server) -> None:
    status, headers, _ = server.get_plain("/a%20b?c=d")
    assert status == 308
    assert headers["Location"] == f"https://localhost:{server.port}/a%20b?c=d"


def test_bytes_of_no_protocol_close_the_connection(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(b"\x00\xff\n\n\r\n\r\n")
        assert raw.recv(100) in (b"", b"HTTP")
    assert server.get()[0] == 200


def test_a_forwarded_header_of_a_stranger_changes_nothing(server: Server) -> None:
    connection = http.client.HTTPSConnection("localhost", server.port, context=server.trusting, timeout=10)
    connection.request("GET", "/", headers={"X-Forwarded-Proto": "http", "SCRIPT_NAME": "/evil"})
    assert connection.getresponse().read() == b"https /"
    connection.close()


def test_a_refused_upload_gets_the_reason_while_it_still_sends(server: Server) -> None:
    connection = http.client.HTTPSConnection("localhost", server.port, context=server.trusting, timeout=20)
    connection.request("POST", "/refuse", body=bytes(20_000_000))
    assert connection.getresponse().status == 413
    connection.close()


def test_a_refused_upload_costs_the_client_no_further_request(server: Server) -> None:
    """A client with a pool, such as `requests`, sends its next request on a connection that may stay open."""
    with requests.Session() as session:
        session.trust_env, session.verify = False, str(server.data_dir / "certificates/server.pem")
        for _ in range(5):
            refused = session.post(f"{server.url}/refuse", data=bytes(200_000), timeout=20)
            assert (refused.status_code, refused.headers["Connection"]) == (413, "close")
            assert session.get(f"{server.url}/next", timeout=20).text == "https /next"


def test_a_small_body_that_was_not_read_keeps_the_connection(server: Server) -> None:
    with requests.Session() as session:
        session.trust_env, session.verify = False, str(server.data_dir / "certificates/server.pem")
        refused = session.post(f"{server.url}/refuse", data=bytes(1_000), timeout=20)
        assert (refused.status_code, refused.headers["Connection"]) == (413, "keep-alive")
        assert session.get(f"{server.url}/next", timeout=20).text == "https /next"


def test_the_last_request_of_a_client_that_ends_its_side_is_answered(server: Server) -> None:
    head = b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n"
    with server.connect() as connection:
        connection.sendall(head + b"a")
        read_until(connection, b"https /read")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)  # the end comes with the request
        connection.sendall(head + b"b")
        socket.socket.shutdown(connection, socket.SHUT_WR)
        read_until(connection, b"https /read")


def test_idle_connections_do_not_block_others(server: Server) -> None:
    """As many as there are threads; each may hold one for a moment only."""
    with ExitStack() as idle:
        for _ in range(150):
            idle.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        assert server.get()[0] == 200, "answered while the idle connections are open"


def test_clients_that_never_close_do_not_block_others(server: Server) -> None:
    with ExitStack() as lingering:
        for _ in range(5):
            connection = lingering.enter_context(server.connect())
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert connection.recv(20).startswith(b"HTTP/1.1 200")
        assert server.get()[0] == 200, "answered while the others are open"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that gives headers a second and a half, and bodies a second without a byte."""
    folder = tmp_path_factory.mktemp("strict")
    with served(folder, HEADER_SECONDS="1.5", BODY_IDLE_SECONDS="1") as running:
        yield running


def test_slow_request_headers_are_cut_off(strict: Server) -> None:
    with strict.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        wait_until(lambda: not sends(connection, b"X-A: b\r\n"), reason="the connection is still open")


def test_an_idle_body_is_cut_off_and_a_slow_one_is_not(strict: Server) -> None:
    """A slow one of an upload, which has a pace of its own."""
    head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\nConnection: close\r\n\r\n"
    with strict.connect() as still, strict.connect() as moving:
        still.sendall(head % b"/read" + b"a")
        moving.sendall(head % b"/watched")
        for _ in range(8):
            select.select([moving], [], [], 0.2)  # the pause between two bytes
            moving.sendall(b"b")
        assert read_to_the_end(moving).endswith(b"https /watched")
        with suppress(OSError):
            assert b"200 OK" not in read_to_the_end(still)


def test_a_body_that_drips_is_cut_off(strict: Server) -> None:
    with strict.connect() as connection:
        connection.sendall(b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n")
        wait_until(lambda: not sends(connection, b"a"), reason="the connection is still open")


def _has_line(log: Path, line: str, times: int) -> bool:
    return log.read_text().count(line) == times


def test_the_pieces_of_a_body_are_counted_as_they_arrive(server: Server) -> None:
    head = b"POST /watched HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
    with server.connect() as connection:
        for request in (1, 2):  # on the same connection, a piece still counts once
            connection.sendall(head)
            for piece in (b"aa", b"bbb", b"cccc"):
                connection.sendall(piece)
                wait_until(partial(_has_line, server.log, f"arrived {len(piece)}\n", request))
            read_until(connection, b"https /watched")


def test_a_renewed_certificate_is_shown_without_a_restart(tmp_path: Path) -> None:
    with served(tmp_path) as server, server.connect() as before:
        first = before.getpeercert(binary_form=True)
        loaded = settings.load(data_dir=tmp_path / "data", host="127.0.0.1")
        assert Certificates.from_settings(lambda: loaded).renew_if_due(force=True)
        with server.connect() as after:
            assert after.getpeercert(binary_form=True) != first
        before.sendall(b"GET /old HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert before.recv(20).startswith(b"HTTP/1.1 200")


def test_the_redirect_can_be_switched_off(tmp_path: Path) -> None:
    with served(tmp_path, HTTP_REDIRECT="false") as server:
        status, headers, body = server.get_plain("/a")
        assert (status, headers["Location"]) == (400, None)
        assert f"https://localhost:{server.port}/a" in body


def test_plain_http_by_setting_makes_no_certificate(tmp_path: Path) -> None:
    with served(tmp_path, HTTPS_ENABLED="false") as server:
        assert server.get_plain("/a")[::2] == (200, "http /a")
    assert not (tmp_path / "data/certificates").exists()


def test_sigterm_lets_a_request_finish_and_closes_the_application(tmp_path: Path) -> None:
    with served(tmp_path) as server, server.connect() as connection:
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert server.process.stdout
        while "began /slow" not in server.process.stdout.readline():
            pass
        server.process.send_signal(signal.SIGTERM)
        assert read_to_the_end(connection).endswith(b"https /slow")
        assert server.process.wait(60) == 0
        assert server.process.stdout.read().endswith("closed\n")


def test_sigterm_ends_open_streams_with_their_last_event(tmp_path: Path) -> None:
    with served(tmp_path) as server, server.connect() as connection:
        connection.sendall(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        heard = b""
        while b"hello" not in heard:
            heard += connection.recv(1000)
        assert server.stop() == 0
        assert b"goodbye" in read_to_the_end(connection)


def test_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    with served(tmp_path) as server, server.connect() as connection:
        connection.sendall(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert server.stop(signal.SIGINT) == 0


def test_a_worker_that_was_killed_is_replaced(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        worker = psutil.Process(server.process.pid).children()[0]
        os.kill(worker.pid, signal.SIGKILL)
        wait_until(lambda: psutil.Process(server.process.pid).children() not in ([], [worker]))
        assert server.get()[0] == 200


def ended(folder: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    """Exit code and the last words on stderr of a program that cannot start."""
    process = execute(folder, arguments or SMALL_SERVER, **variables)
    process.communicate(timeout=60)
    return process.returncode, (folder / "stderr").read_text()


def test_a_port_in_use_ends_the_start_before_anything_is_loaded(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        before = processor_seconds()
        code, said = ended(tmp_path, "-m", "whisper_appliance", "serve", HTTPS_PORT=port)
    assert code == 1
    assert said == f"Error: Port {port} is in use. {bind_port.ADVICE}\n"
    assert processor_seconds() - before < 2


def processor_seconds() -> float:
    """Of the programs that have ended; other than time, it is the same on a busy machine."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_a_setting_that_cannot_be_used_ends_the_start_and_is_named(tmp_path: Path) -> None:
    code, said = ended(tmp_path, "-m", "whisper_appliance", "serve", TRASH_DAYS="soon")
    assert code == 2
    assert "TRASH_DAYS" in said
    assert "Traceback" not in said


def test_an_invalid_own_certificate_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("not a certificate")
    pem = str(tmp_path / "a.pem")
    code, said = ended(tmp_path, "-m", "whisper_appliance", "serve", SSL_CERT_PATH=pem, SSL_KEY_PATH=pem)
    assert code == 2
    assert said.startswith("Error: SSL_CERT_PATH")
    assert "Traceback" not in said


def test_a_failed_start_ends_the_server_with_its_message(tmp_path: Path) -> None:
    code, said = ended(tmp_path, WHISPER_MODEL="taken")
    assert code == 1
    assert said.startswith("Error: The data folder is in use.\n")
    assert "Traceback" not in said
