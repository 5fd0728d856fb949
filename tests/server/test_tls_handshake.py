"""A TLS handshake goes on in steps, and costs no thread in between."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.workers.gthread import TConn

from tests.support.certificates import make
from whisper_appliance.server.tls_handshake import begins_handshake, continue_handshake

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
SERVER_PARTS_SIZE = 2**14
Wires = tuple[socket.socket, socket.socket]


class TlsClient:
    """A TLS client whose bytes the test carries."""

    def __init__(self, wire: socket.socket) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._wire = wire
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._received, self._to_send)

    def next_part(self) -> bytes:
        """What the client sends next in its handshake."""
        with suppress(BlockingIOError):
            self._received.write(self._wire.recv(SERVER_PARTS_SIZE))
        with suppress(ssl.SSLWantReadError):
            self._tls.do_handshake()
        return self._to_send.read()

    def encrypted(self, data: bytes) -> bytes:
        self._tls.write(data)
        return self._to_send.read()


@pytest.fixture
def wires() -> Iterator[Wires]:
    """The client's end of a connection, and the server's."""
    client, server = socket.socketpair()
    with closing(client), closing(server):
        client.setblocking(False)
        yield client, server


@pytest.fixture
def conn(tmp_path: Path, wires: Wires) -> Iterator[Any]:
    certificate, key, config = make("server", names=["localhost"]), tmp_path / "key.pem", Config()
    key.write_bytes(certificate.key_pem() + certificate.pem)
    config.set("certfile", str(key))
    with closing(TConn(config, wires[1], ("127.0.0.1", 1), ("127.0.0.1", 2))) as conn:
        yield conn


def test_the_first_byte_tells_tls_from_plain_http(wires: Wires) -> None:
    client, server = wires
    client.sendall(TlsClient(client).next_part())
    assert begins_handshake(server)
    server.recv(SERVER_PARTS_SIZE)
    client.sendall(REQUEST)
    assert not begins_handshake(server)


def test_it_goes_on_with_each_part_and_waits_for_the_request(wires: Wires, conn: Any) -> None:
    client = TlsClient(wires[0])
    hello = client.next_part()
    for part in (hello[:7], hello[7:], b""):
        wires[0].sendall(part)
        assert not continue_handshake(conn)
        assert not conn.initialized
    wires[0].sendall(client.next_part())
    assert not continue_handshake(conn), "no request yet"
    assert conn.initialized
    wires[0].sendall(client.encrypted(REQUEST))
    conn.sock.setblocking(True)
    assert next(conn.parser).path == "/"


def test_a_request_that_comes_with_the_last_part_is_there(wires: Wires, conn: Any) -> None:
    client = TlsClient(wires[0])
    wires[0].sendall(client.next_part())
    assert not continue_handshake(conn)
    wires[0].sendall(client.next_part() + client.encrypted(REQUEST))
    assert continue_handshake(conn)


def test_what_is_no_handshake_fails(wires: Wires, conn: Any) -> None:
    wires[0].sendall(b"\x16" + bytes(100))
    with pytest.raises(ssl.SSLError):
        continue_handshake(conn)
