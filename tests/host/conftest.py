"""A machine with names, a clock that tests set, and a TLS server."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.clock import Clock
from whisper_appliance.host.certificates import Certificates


@pytest.fixture
def clock() -> Clock:
    """The time of now, because certificates are checked by it too."""
    return Clock(datetime.now(UTC))


@pytest.fixture
def machine() -> list[str]:
    """The names of the machine; a test may add to them."""
    return ["localhost", "attic", "attic.local", "192.168.1.20", "127.0.0.1", "::1"]


@pytest.fixture
def certificates(tmp_path: Path, clock: Clock, machine: list[str]) -> Certificates:
    return Certificates(tmp_path / "certificates", lambda: machine, clock=clock)


@contextmanager
def tls_server(chain: Path, key: Path) -> Iterator[int]:
    """A TLS server on the loopback that completes every handshake; gives its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_shake_hands, args=(listener, context))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with client:
            try:
                context.wrap_socket(client, server_side=True).close()
            except OSError:
                continue


@pytest.fixture
def connect() -> Callable[[Certificates, bytes, str], None]:
    """Connect as a device that trusts only `ca_pem` and asks for `name`; raises what the device would see."""

    def connect_to(certificates: Certificates, ca_pem: bytes, name: str) -> None:
        client = ssl.create_default_context(cadata=ca_pem.decode())
        client.verify_flags |= ssl.VERIFY_X509_STRICT
        with (
            tls_server(certificates.chain_path, certificates.key_path) as port,
            socket.create_connection(("127.0.0.1", port), timeout=5) as raw,
            client.wrap_socket(raw, server_hostname=name),
        ):
            pass

    return connect_to
