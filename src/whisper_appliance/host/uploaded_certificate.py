"""Validates an operator's certificate before it is stored, so that a stored one can always be served."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import NameOID

from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.core.i18n import N_

MOST_CERTIFICATES = 10


def validate(chain: bytes, key: bytes, now: datetime) -> bytes:
    """Key and chain as one PEM, the server's certificate first. Raises `InvalidRequest` with the reason."""
    private = _key(key)
    certificates = _certificates(chain)
    ordered = _ordered(_certificate_of(private, certificates), certificates)
    for certificate in ordered:
        _check_dates(certificate, now)
    if not _has_names(ordered[0]):
        raise _wrong(N_("it names no host or address (subject alternative name), which browsers require"))
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem + b"".join(each.public_bytes(serialization.Encoding.PEM) for each in ordered)


def common_name(name: x509.Name) -> str:
    """The common name of a certificate's subject or issuer, else its organization."""
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        if found := name.get_attributes_for_oid(kind):
            return str(found[0].value)
    return name.rfc4514_string()


def _key(pem: bytes) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        raise _wrong(N_("its key has a passphrase; give the key without one"), field="key") from None
    except (ValueError, UnsupportedAlgorithm):
        raise _wrong(
            N_("the key is no private key in PEM (-----BEGIN PRIVATE KEY-----)"), field="key"
        ) from None


def _certificates(pem: bytes) -> list[x509.Certificate]:
    try:
        certificates = x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise _wrong(N_("the chain holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")) from None
    if len(certificates) > MOST_CERTIFICATES:
        raise _wrong(
            N_("the chain holds {count} certificates; give the server's and those above it"),
            count=len(certificates),
        )
    return certificates


def _certificate_of(key: PrivateKeyTypes, certificates: Sequence[x509.Certificate]) -> x509.Certificate:
    for certificate in certificates:
        if certificate.public_key() == key.public_key():
            return certificate
    raise _wrong(N_("the key belongs to none of its certificates"), field="key")


def _ordered(leaf: x509.Certificate, certificates: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """The chain from the server's certificate upwards, for any order in the file."""
    chain, left = [leaf], [each for each in certificates if each != leaf]
    while above := next((each for each in left if _issued(chain[-1], each)), None):
        chain.append(above)
        left.remove(above)
    if left:
        unrelated = ", ".join(common_name(each.subject) for each in left)
        raise _wrong(
            N_("{names} is in the chain, but signed none of the certificates below"), names=unrelated
        )
    return chain


def _issued(certificate: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _check_dates(certificate: x509.Certificate, now: datetime) -> None:
    subject = common_name(certificate.subject)
    if certificate.not_valid_after_utc <= now:
        raise _wrong(
            N_("{subject} expired on {day}"),
            subject=subject,
            day=f"{certificate.not_valid_after_utc:%Y-%m-%d}",
        )
    if certificate.not_valid_before_utc > now:
        raise _wrong(
            N_("{subject} is not valid before {day}"),
            subject=subject,
            day=f"{certificate.not_valid_before_utc:%Y-%m-%d}",
        )


def _has_names(certificate: x509.Certificate) -> bool:
    try:
        return bool(list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value))
    except (x509.ExtensionNotFound, ValueError):
        return False


def _wrong(reason: str, *, field: str = "chain", **params: Any) -> InvalidRequest:
    return InvalidRequest(
        "This certificate cannot be used: {reason}.", reason=InvalidRequest(reason, **params), field=field
    )
