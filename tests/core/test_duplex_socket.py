"""A connected socket that is read and written at once, also over TLS."""

import hashlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from whisper_appliance.core.duplex_socket import DuplexSocket
from whisper_appliance.host.certificates import Certificates

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=["plain", "tls"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    """Two ends of a connection."""
    left, right = socket.socketpair()
    if request.param == "tls":
        left, right = encrypted(left, right, tmp_path)
    with closing(left), closing(right):
        yield left, right


def encrypted(left: socket.socket, right: socket.socket, folder: Path) -> Pair:
    certificates = Certificates(folder, lambda: ("localhost",))
    chain = certificates.ensure()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, certificates.key_path)
    client = ssl.create_default_context(cadata=(certificates.ca_pem() or b"").decode())
    served: list[ssl.SSLSocket] = []
    shaking = threading.Thread(target=lambda: served.append(server.wrap_socket(left, server_side=True)))
    shaking.start()
    wrapped = client.wrap_socket(right, server_hostname="localhost")
    shaking.join()
    return served[0], wrapped


def test_both_sides_send_and_receive_at_once_without_a_wrong_byte(pair: Pair) -> None:
    ends = [DuplexSocket(end, 10) for end in pair]
    messages = [bytes([number % 251]) * (1 + number * 37 % 5000) for number in range(1500)]
    total = sum(map(len, messages))
    received: dict[int, str] = {}

    def send(end: DuplexSocket) -> None:
        for message in messages:
            assert end.send(message) == len(message)

    def receive(number: int) -> None:
        digest, count = hashlib.sha256(), 0
        while count < total:
            data = ends[number].recv(4096)
            assert data
            digest.update(data)
            count += len(data)
        received[number] = digest.hexdigest()

    threads = [threading.Thread(target=send, args=(end,)) for end in ends]
    threads += [threading.Thread(target=receive, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    whole = hashlib.sha256(b"".join(messages)).hexdigest()
    assert received == {0: whole, 1: whole}


def test_an_idle_connection_times_out(pair: Pair) -> None:
    with pytest.raises(TimeoutError):
        DuplexSocket(pair[0], 0.1).recv(1)


def test_a_peer_that_does_not_read_times_out(pair: Pair) -> None:
    end = DuplexSocket(pair[0], 0.1)
    with pytest.raises(TimeoutError):
        end.send(bytes(16 * 1024 * 1024))


def test_shutting_down_wakes_a_reader(pair: Pair) -> None:
    end = DuplexSocket(pair[0], 30)
    woken: list[object] = []

    def read() -> None:
        try:
            woken.append(end.recv(1))
        except OSError as error:
            woken.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    end.shutdown()
    reader.join(60)
    assert len(woken) == 1


def test_a_closed_socket_does_not_use_its_descriptor_again(pair: Pair) -> None:
    """The number may be another connection's by then."""
    end = DuplexSocket(pair[0], 5)
    end.close()
    with pytest.raises(OSError, match="closed"):
        end.recv(1)
    with pytest.raises(OSError, match="closed"):
        end.send(b"for somebody else")
