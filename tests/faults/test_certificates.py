"""Certificates that expire or are replaced while clients are connected."""

import ssl
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509

from tests.support.faults import Serve
from tests.support.https_client import Visitor
from tests.support.live_client import client
from tests.support.program import SMALL_SERVER, Server, served
from tests.support.speech import silence, spoken
from tests.support.wait import wait_until
from whisper_appliance.config import settings
from whisper_appliance.host.certificates import Certificates

pytestmark = pytest.mark.slow  # starts the real program

LONG_AGO = datetime.now(UTC) - timedelta(days=500)


def served_certificate(server: Server) -> x509.Certificate:
    """The certificate of a new connection, without verification of its dates."""
    pem = ssl.get_server_certificate(("127.0.0.1", server.port), timeout=20)
    return x509.load_pem_x509_certificate(pem.encode())


def has_more_than(answers: list[int], than: int) -> bool:
    """Whether there are more responses than this number."""
    return len(answers) > than


def test_an_expired_certificate_is_renewed_by_the_start(tmp_path: Path) -> None:
    loaded = settings.load(data_dir=tmp_path / "data", host="127.0.0.1")
    old = Certificates.from_settings(lambda: loaded, clock=lambda: LONG_AGO)
    old.ensure()
    authority = old.ca_pem()
    [expired, _] = x509.load_pem_x509_certificates(old.chain_path.read_bytes())
    assert expired.not_valid_after_utc < datetime.now(UTC)
    with served(tmp_path, SMALL_SERVER) as server:
        assert served_certificate(server).not_valid_after_utc > datetime.now(UTC) + timedelta(days=300)
        assert server.get("/hello") == (200, "https /hello"), "a device that trusts the authority connects"
        assert old.ca_pem() == authority


def test_a_certificate_renewed_under_load_is_served_at_once_and_ends_no_session(serve: Serve) -> None:
    with serve() as server, client(server) as speaker:
        opened = speaker.start()
        have = speaker.stream(opened, spoken(1, 6))
        first = served_certificate(server)
        over = threading.Event()
        answers: list[int] = []

        def keep_requesting() -> None:
            visitor = Visitor(server)
            while not over.is_set():
                answers.append(visitor.request("/health").status)

        load = [threading.Thread(target=keep_requesting) for _ in range(4)]
        for thread in load:
            thread.start()
        data = settings.load(data_dir=server.folder / "data", host="127.0.0.1")
        for _ in range(5):
            enough = len(answers) + 8
            assert Certificates.from_settings(lambda: data).renew_if_due(force=True)
            wait_until(partial(has_more_than, answers, enough))
        over.set()
        for thread in load:
            thread.join()
        assert set(answers) == {200}, "nobody was refused on the way"
        assert served_certificate(server) != first
        have = speaker.stream(opened, spoken(6, 9) + silence(1), have)
        assert not speaker.disconnected.is_set(), "it is the connection of before"
        assert speaker.stop(opened, have)["text"] == "w1 w2 w3 w4 w5 w6 w7 w8"


def test_an_expired_own_certificate_is_served_with_a_warning(serve: Serve, tmp_path: Path) -> None:
    own = Certificates(tmp_path / "own", lambda: ["localhost"], clock=lambda: LONG_AGO).ensure()
    before = own.read_bytes()
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    with serve(SSL_CERT_PATH=str(own), SSL_KEY_PATH=str(own)) as server:
        visitor = Visitor(server, unchecked)
        state = wait_until(lambda: visitor.request("/api/status").json["certificate"])
        assert state["kind"] == "own"
        assert "expired on" in state["warnings"][0]
        assert visitor.health()["status"] == "ok"
        assert served_certificate(server).not_valid_after_utc < datetime.now(UTC)
    assert own.read_bytes() == before
    assert not (tmp_path / "data/certificates").exists()
