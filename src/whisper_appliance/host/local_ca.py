"""A local certificate authority (CA) and the server certificates that it signs. No files, no clock.

iOS, Android, Windows and browsers accept this profile from a CA that a user installed: RFC 5280 with Apple's
limits for server certificates (SAN, serverAuth, at most 398 days). Its name constraints (RFC 5280 §4.2.1.10)
permit only local names, private addresses and the names it was created for, because a stolen key must not
work for other sites on the devices that trust it. Of mail addresses and URIs they permit a domain that cannot
exist (RFC 2606), and so none: OpenSSL knows no excluded subtree that means all of them.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
SERVER_DAYS = 397
SKEW = timedelta(days=1)  # clients whose clock is behind
HOST_NAME = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*")
LOCAL_DOMAINS = ("localhost", "local", "lan", "home", "internal", "home.arpa")
PRIVATE_NETWORKS = (
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16",
    "::1/128", "fc00::/7", "fe80::/10",
)  # fmt: skip

NO_DOMAIN = ".invalid"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class KeyPair:
    """A private key and its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def pem(self, *chain: x509.Certificate) -> bytes:
        """Key, certificate and the certificates above it, as one PEM."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return key + b"".join(certificate_pem(each) for each in (self.certificate, *chain))


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """The certificate alone, as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def load(pem: bytes) -> KeyPair:
    """Reads the output of `KeyPair.pem`. Raises ValueError if it is damaged or key and certificate differ."""
    key = serialization.load_pem_private_key(pem, password=None)
    certificate = x509.load_pem_x509_certificates(pem)[0]
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ValueError("the key is not the certificate's")
    return KeyPair(key, certificate)


def create_authority(host: str, names: Iterable[str], now: datetime) -> KeyPair:
    """Creates an authority, named after the host, that may sign local names and `names`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(f"Whisper Appliance CA on {host}")
    usage = _key_usage(key_cert_sign=True, crl_sign=True)
    builder = (
        _builder(subject, key, now, AUTHORITY_DAYS)
        .issuer_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        # Servers only: a stolen key signs neither programs nor mail.
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_constraints(names), critical=True)
    )
    return KeyPair(key, builder.sign(key, hashes.SHA256()))


def sign_server_certificate(authority: KeyPair, host: str, names: Sequence[str], now: datetime) -> KeyPair:
    """Creates a server certificate for `names` with a new key."""
    key = ec.generate_private_key(ec.SECP256R1())
    above = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _builder(_subject(f"Whisper Appliance on {host}"), key, now, SERVER_DAYS)
        .issuer_name(authority.certificate.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(above), critical=False)
    )
    return KeyPair(key, builder.sign(authority.key, hashes.SHA256()))


def may_sign(authority: x509.Certificate, names: Iterable[str]) -> bool:
    """Whether the authority's name constraints permit every name."""
    permitted = (
        authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    )
    domains = [name.value for name in permitted if isinstance(name, x509.DNSName)]
    networks = [name.value for name in permitted if isinstance(name, x509.IPAddress)]
    return all(_within(name, domains, networks) for name in names)


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names and addresses in a certificate (SAN)."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in found if isinstance(name, x509.DNSName | x509.IPAddress))


def canonical_host_name(name: str) -> str | None:
    """A host name or address as certificates spell it; None if it cannot be in one."""
    address = _address(name)
    if address:
        return str(address)
    try:
        ascii_name = name.strip().rstrip(".").lower().encode("idna").decode("ascii")
    except UnicodeError:
        return None
    return ascii_name if HOST_NAME.fullmatch(ascii_name) else None


def _address(name: str) -> Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _general_name(name: str) -> x509.GeneralName:
    address = _address(name)
    return x509.IPAddress(address) if address else x509.DNSName(name)


def _subject(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now - SKEW + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _constraints(names: Iterable[str]) -> x509.NameConstraints:
    wanted = [name.removeprefix("*.") for name in names]
    domains = dict.fromkeys([*LOCAL_DOMAINS, *(name for name in wanted if not _address(name))])
    networks: dict[Network, None] = dict.fromkeys(
        ipaddress.ip_network(network) for network in PRIVATE_NETWORKS
    )
    networks |= dict.fromkeys(ipaddress.ip_network(name) for name in wanted if _address(name))
    permitted: list[x509.GeneralName] = [x509.DNSName(domain) for domain in domains]
    permitted += [x509.IPAddress(network) for network in networks]
    permitted += [x509.RFC822Name(NO_DOMAIN), x509.UniformResourceIdentifier(NO_DOMAIN)]
    return x509.NameConstraints(permitted, None)


def _within(name: str, domains: Iterable[str], networks: Iterable[object]) -> bool:
    address = _address(name)
    if address:
        return any(isinstance(network, Network) and address in network for network in networks)
    bare = name.removeprefix("*.")
    return any(bare == domain or bare.endswith("." + domain) for domain in domains)
