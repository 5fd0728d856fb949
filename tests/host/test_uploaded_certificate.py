"""Uploaded certificates: validated before they are stored, then served."""

import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.certificates import Made, make
from whisper_appliance.core.errors import Conflict, InvalidRequest, NotFound
from whisper_appliance.host.certificates import Certificates
from whisper_appliance.host.uploaded_certificate import validate

Connect = Callable[[Certificates, bytes, str], None]


@pytest.fixture(scope="module")
def root() -> Made:
    return make("Attic Root")


@pytest.fixture(scope="module")
def middle(root: Made) -> Made:
    return make("Attic Office", root)


@pytest.fixture(scope="module")
def server(middle: Made) -> Made:
    return make("attic", middle, names=["attic", "attic.example.org"])


def refused(chain: bytes, key: bytes) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        validate(chain, key, datetime.now(UTC))
    return caught.value


def test_an_upload_is_served_at_once_and_the_generated_one_returns_after_its_removal(
    certificates: Certificates, connect: Connect, root: Made, middle: Made, server: Made, tmp_path: Path
) -> None:
    made = certificates.ensure().read_bytes()
    certificates.put_own(server.pem + middle.pem, server.key_pem())
    connect(certificates, root.pem, "attic.example.org")
    info = certificates.info()
    assert (info.kind, info.uploaded, info.issuer) == ("own", True, "Attic Office")
    assert info.names == ("attic", "attic.example.org")
    assert certificates.ca_pem() is None
    assert stat.S_IMODE(certificates.key_path.stat().st_mode) == 0o600
    assert not certificates.renew_if_due(force=True)
    certificates.remove_own()
    assert certificates.chain_path.read_bytes() == made
    assert (certificates.info().kind, certificates.info().uploaded) == ("generated", False)
    with pytest.raises(NotFound):
        certificates.remove_own()


def test_an_upload_survives_a_restart(
    certificates: Certificates, middle: Made, server: Made, tmp_path: Path
) -> None:
    certificates.put_own(server.pem + middle.pem, server.key_pem())
    again = Certificates(tmp_path / "certificates", lambda: ["attic"])
    again.ensure()
    assert again.info().uploaded


def test_an_uploaded_chain_is_sorted(
    certificates: Certificates, connect: Connect, root: Made, middle: Made, server: Made
) -> None:
    certificates.put_own(root.pem + middle.pem + server.pem, server.key_pem())
    connect(certificates, root.pem, "attic")


def test_a_later_upload_replaces_it(certificates: Certificates, middle: Made, server: Made) -> None:
    certificates.put_own(server.pem + middle.pem, server.key_pem())
    before = certificates.info().fingerprint
    later = make("attic", middle, names=["attic"])
    certificates.put_own(later.pem + middle.pem, later.key_pem())
    assert certificates.info().fingerprint != before


def test_a_refused_upload_changes_nothing(certificates: Certificates, middle: Made, server: Made) -> None:
    certificates.put_own(server.pem + middle.pem, server.key_pem())
    before = certificates.info().fingerprint
    with pytest.raises(InvalidRequest):
        certificates.put_own(middle.pem, server.key_pem())
    assert certificates.info().fingerprint == before


def test_a_certificate_for_another_machine_is_accepted_with_a_warning(
    certificates: Certificates, root: Made
) -> None:
    other = make("cellar", root, names=["cellar"])
    certificates.put_own(other.pem, other.key_pem())
    assert "none of them this machine's" in certificates.info().warnings[0]


def test_a_damaged_upload_is_renamed_and_the_start_continues(
    certificates: Certificates, middle: Made, server: Made, tmp_path: Path
) -> None:
    certificates.put_own(server.pem + middle.pem, server.key_pem())
    certificates.chain_path.write_bytes(b"half")
    certificates.ensure()
    assert certificates.info().kind == "generated"
    assert (tmp_path / "certificates/own.damaged").read_bytes() == b"half"


def test_the_certificate_of_the_settings_takes_precedence(tmp_path: Path, middle: Made, server: Made) -> None:
    (tmp_path / "set.pem").write_bytes(server.key_pem() + server.pem)
    given = Certificates(tmp_path / "c", lambda: ["attic"], own=(tmp_path / "set.pem", tmp_path / "set.pem"))
    with pytest.raises(Conflict, match="SSL_CERT_PATH"):
        given.put_own(server.pem, server.key_pem())
    with pytest.raises(Conflict, match="SSL_CERT_PATH"):
        given.remove_own()


def test_an_unusable_certificate_is_refused_with_the_reason(root: Made, middle: Made, server: Made) -> None:
    chain, key = server.pem + middle.pem, server.key_pem()
    assert "no certificate in PEM" in refused(b"hello", key).message
    assert "no private key" in refused(chain, b"hello").message
    assert "passphrase" in refused(chain, server.key_pem(b"secret")).message
    stranger = refused(chain, make("x").key_pem())
    assert ("belongs to none" in stranger.message, stranger.field) == (True, "key")
    assert "Attic Root is in the chain" in refused(server.pem + root.pem, key).message
    many = server.pem + middle.pem * 10
    assert "11 certificates" in refused(many, key).message


def test_an_expired_or_future_or_nameless_certificate_is_refused(middle: Made, root: Made) -> None:
    ended = make("attic", middle, names=["attic"], begins=-90, days=-1)
    assert "expired on" in refused(ended.pem, ended.key_pem()).message
    coming = make("attic", middle, names=["attic"], begins=2)
    assert "is not valid before" in refused(coming.pem, coming.key_pem()).message
    nameless = make("attic", root)
    assert "names no host" in refused(nameless.pem, nameless.key_pem()).message
    old = make("Old Office", root, begins=-90, days=-1)
    under = make("attic", old, names=["attic"])
    assert "Old Office expired" in refused(under.pem + old.pem, under.key_pem()).message
