"""HTTPS with the local CA: what devices accept, and when a certificate is renewed."""

import ssl
import stat
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.support.clock import Clock
from whisper_appliance.config import settings
from whisper_appliance.core.errors import BadSetting
from whisper_appliance.host import local_ca
from whisper_appliance.host.certificates import Certificates

Connect = Callable[[Certificates, bytes, str], None]


def ca_of(certificates: Certificates) -> bytes:
    pem = certificates.ca_pem()
    assert pem is not None
    return pem


@pytest.mark.parametrize("name", ["localhost", "attic", "attic.local", "192.168.1.20", "127.0.0.1", "::1"])
def test_a_device_that_trusts_the_authority_connects_by_every_name_and_address(
    certificates: Certificates, connect: Connect, name: str
) -> None:
    certificates.ensure()
    connect(certificates, ca_of(certificates), name)


def test_a_device_refuses_a_name_the_machine_does_not_have(
    certificates: Certificates, connect: Connect
) -> None:
    certificates.ensure()
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        connect(certificates, ca_of(certificates), "cellar")


def test_a_device_that_trusts_nothing_refuses(
    certificates: Certificates, connect: Connect, tmp_path: Path
) -> None:
    certificates.ensure()
    stranger = Certificates(tmp_path / "other", lambda: ["attic"])
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(certificates, ca_of(stranger), "attic")


def test_the_authority_cannot_sign_for_a_public_site(
    certificates: Certificates, connect: Connect, clock: Clock
) -> None:
    """A stolen key of the authority is of no use against other sites."""
    path = certificates.ensure()
    stolen = local_ca.load((path.parent / "ca.pem").read_bytes())
    forged = local_ca.sign_server_certificate(stolen, "attic", ["bank.example"], clock())
    path.write_bytes(forged.pem(stolen.certificate))
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        connect(certificates, local_ca.certificate_pem(stolen.certificate), "bank.example")


def test_key_and_chain_stand_in_one_file_that_only_the_owner_reads(certificates: Certificates) -> None:
    path = certificates.ensure()
    assert certificates.key_path == path
    for file in (path, path.parent / "ca.pem"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"PRIVATE KEY" in path.read_bytes()
    assert b"PRIVATE KEY" not in ca_of(certificates)


def test_a_second_start_keeps_the_certificate(certificates: Certificates) -> None:
    before = certificates.ensure().read_bytes()
    assert certificates.ensure().read_bytes() == before
    assert not certificates.renew_if_due()


def test_thirty_days_before_the_end_it_is_renewed_and_the_authority_stays(
    certificates: Certificates, clock: Clock
) -> None:
    certificates.ensure()
    ca, first = ca_of(certificates), certificates.info()
    clock.forward(days=397 - 32)
    assert not certificates.renew_if_due()
    clock.forward(days=2)
    assert certificates.renew_if_due()
    assert certificates.info().fingerprint != first.fingerprint
    assert certificates.info().not_after - first.not_after > timedelta(days=300)
    assert ca_of(certificates) == ca


def test_a_new_address_is_in_a_new_certificate_of_the_same_authority(
    certificates: Certificates, machine: list[str], connect: Connect
) -> None:
    certificates.ensure()
    ca = ca_of(certificates)
    machine.append("10.9.8.7")
    assert certificates.renew_if_due()
    connect(certificates, ca, "10.9.8.7")


def test_an_address_that_went_away_changes_nothing(certificates: Certificates, machine: list[str]) -> None:
    certificates.ensure()
    machine.remove("192.168.1.20")
    assert not certificates.renew_if_due()


def test_a_name_the_authority_may_not_sign_brings_a_new_authority(
    certificates: Certificates, machine: list[str], connect: Connect
) -> None:
    certificates.ensure()
    before = ca_of(certificates)
    machine.append("whisper.example.org")
    certificates.ensure()
    assert ca_of(certificates) != before
    connect(certificates, ca_of(certificates), "whisper.example.org")


def test_showing_or_exporting_it_with_settings_of_a_shell_changes_no_certificate(
    certificates: Certificates, clock: Clock
) -> None:
    folder = certificates.ensure().parent
    ca, before = ca_of(certificates), certificates.info()
    shell = Certificates(folder, lambda: ["whisper.example.org"], clock=clock)
    assert ca_of(shell) == ca
    assert shell.info().fingerprint == before.fingerprint
    assert certificates.info() == before


def test_an_authority_near_its_end_is_replaced(certificates: Certificates, clock: Clock) -> None:
    certificates.ensure()
    before = ca_of(certificates)
    clock.forward(days=3650 - 397)
    certificates.ensure()
    assert ca_of(certificates) != before
    assert certificates.info().not_after > clock() + timedelta(days=300)


@pytest.mark.parametrize("name", ["server.pem", "ca.pem"])
def test_a_damaged_file_is_replaced(certificates: Certificates, connect: Connect, name: str) -> None:
    path = certificates.ensure().parent / name
    path.write_bytes(path.read_bytes()[:100])
    certificates.ensure()
    connect(certificates, ca_of(certificates), "attic")


def test_the_certificate_meets_the_rules_of_phones(certificates: Certificates) -> None:
    """Apple: SAN, serverAuth, at most 398 days; everybody: CA:true and a path length."""
    leaf, ca = x509.load_pem_x509_certificates(certificates.ensure().read_bytes())
    extensions = leaf.extensions
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=398)
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        x509.oid.ExtendedKeyUsageOID.SERVER_AUTH
    ]
    assert extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(
        False, None
    )
    above = ca.extensions.get_extension_for_class(x509.BasicConstraints)
    assert above.critical
    assert above.value == x509.BasicConstraints(ca=True, path_length=0)
    assert ca.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_info_shows_names_end_and_fingerprints(certificates: Certificates, machine: list[str]) -> None:
    info = certificates.info()
    assert info.kind == "generated"
    assert set(machine) <= set(info.names)
    assert len(info.fingerprint.split(":")) == 32
    assert info.authority_fingerprint not in (None, info.fingerprint)
    assert info.warnings == ()


@pytest.fixture
def own(tmp_path: Path, clock: Clock) -> Certificates:
    """An operator's certificate, in two files, for a machine named cellar."""
    made = Certificates(tmp_path / "elsewhere", lambda: ["cellar"], clock=clock)
    pem = made.ensure().read_bytes()
    key, marker, chain = pem.partition(b"-----BEGIN CERTIFICATE-----")
    (tmp_path / "own.key").write_bytes(key)
    (tmp_path / "own.crt").write_bytes(marker + chain)
    pair = (tmp_path / "own.crt", tmp_path / "own.key")
    return Certificates(tmp_path / "certificates", lambda: ["cellar", "10.0.0.9"], own=pair, clock=clock)


def test_an_own_certificate_is_served_and_never_written(
    own: Certificates, clock: Clock, tmp_path: Path
) -> None:
    before = (tmp_path / "own.crt").read_bytes(), (tmp_path / "own.key").read_bytes()
    clock.forward(days=500)
    assert own.ensure() == tmp_path / "own.crt"
    assert not own.renew_if_due(force=True)
    assert ((tmp_path / "own.crt").read_bytes(), (tmp_path / "own.key").read_bytes()) == before
    assert own.ca_pem() is None
    assert not (tmp_path / "certificates").exists()


def test_an_own_certificate_is_warned_about_before_and_after_its_end(own: Certificates, clock: Clock) -> None:
    assert own.info().warnings == ()
    clock.forward(days=397 - 10)
    assert "expires in" in own.info().warnings[0]
    clock.forward(days=20)
    assert "expired on" in own.info().warnings[0]


def test_an_own_certificate_for_another_machine_is_warned_about(own: Certificates, tmp_path: Path) -> None:
    elsewhere = Certificates(
        tmp_path / "x", lambda: ["attic"], own=(tmp_path / "own.crt", tmp_path / "own.key")
    )
    assert "none of them this machine's" in elsewhere.info().warnings[0]


def test_an_own_key_of_another_certificate_stops_the_start(own: Certificates, tmp_path: Path) -> None:
    other = Certificates(tmp_path / "third", lambda: ["cellar"]).ensure()
    (tmp_path / "own.key").write_bytes(other.read_bytes())
    with pytest.raises(BadSetting, match=r"SSL_CERT_PATH .*own.crt"):
        own.ensure()
    assert any("cannot be used" in warning for warning in own.info().warnings)


def test_a_missing_own_certificate_stops_the_start(tmp_path: Path) -> None:
    pair = (tmp_path / "none.crt", tmp_path / "none.key")
    with pytest.raises(BadSetting, match="no such file"):
        Certificates(tmp_path, lambda: ["attic"], own=pair).ensure()


def test_names_from_the_settings_are_in_the_certificate(tmp_path: Path) -> None:
    loaded = settings.load(data_dir=tmp_path, certificate_names="Whisper.Example.ORG,büro.local, 203.0.113.7")
    names = Certificates.from_settings(lambda: loaded).info().names
    assert {"whisper.example.org", "xn--bro-hoa.local", "203.0.113.7", "localhost", "127.0.0.1"} <= set(names)


def test_an_invalid_certificate_name_stops_the_start(tmp_path: Path) -> None:
    loaded = settings.load(data_dir=tmp_path, certificate_names="good.local,not a name")
    with pytest.raises(BadSetting, match="CERTIFICATE_NAMES: not a name"):
        Certificates.from_settings(lambda: loaded)


SERVER = (x509.DNSName("attic.local"), ExtendedKeyUsageOID.SERVER_AUTH, "sslserver")


@pytest.mark.parametrize(
    ("name", "usage", "purpose", "reason"),
    [
        (*SERVER, ""),
        (x509.RFC822Name("ada@bank.example"), ExtendedKeyUsageOID.SERVER_AUTH, "any", "permitted subtree"),
        (x509.RFC822Name("ada@attic.local"), ExtendedKeyUsageOID.SERVER_AUTH, "any", "permitted subtree"),
        (
            x509.UniformResourceIdentifier("https://bank.example/"),
            ExtendedKeyUsageOID.SERVER_AUTH,
            "any",
            "permitted subtree",
        ),
        (SERVER[0], ExtendedKeyUsageOID.EMAIL_PROTECTION, "smimesign", "certificate purpose"),
        (SERVER[0], ExtendedKeyUsageOID.CLIENT_AUTH, "sslclient", "certificate purpose"),
    ],
)
def test_the_authority_may_sign_servers_only(
    certificates: Certificates,
    clock: Clock,
    tmp_path: Path,
    name: x509.GeneralName,
    usage: x509.ObjectIdentifier,
    purpose: str,
    reason: str,
) -> None:
    """OpenSSL refuses what somebody with the stolen key would sign for mail, programs or clients."""
    stolen = local_ca.load((certificates.ensure().parent / "ca.pem").read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    forged = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(stolen.certificate.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(clock() - timedelta(days=1))
        .not_valid_after(clock() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([name]), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .sign(stolen.key, hashes.SHA256())
    )
    for file, certificate in (("ca.pem", stolen.certificate), ("forged.pem", forged)):
        (tmp_path / file).write_bytes(local_ca.certificate_pem(certificate))
    verified = subprocess.run(
        ["openssl", "verify", "-attime", str(int(clock().timestamp())), "-purpose", purpose,
         "-CAfile", tmp_path / "ca.pem", tmp_path / "forged.pem"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (verified.returncode == 0) == (not reason), verified.stderr
    assert reason in verified.stderr
