"""HTTPS by itself: an authority and a server certificate that exist, cover this machine and never run out."""

import fcntl
import os
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import BadSetting, Conflict, InvalidRequest, NotFound
from whisper_appliance.host import addresses, local_ca, uploaded_certificate

RENEW_BEFORE = timedelta(days=30)
WARN_BEFORE = timedelta(days=21)
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class CertificateInfo:
    """What people are told about the certificate in use."""

    kind: Literal["generated", "own"]
    names: tuple[str, ...]
    not_after: datetime
    fingerprint: str
    """SHA-256 of the server's certificate, as browsers show it: upper-case pairs with colons."""
    authority_fingerprint: str | None
    """The same of the authority, as phones show it when asked to trust it; None with an own certificate."""
    issuer: str = ""
    uploaded: bool = False
    """An own certificate that was uploaded, not one of the settings."""
    warnings: tuple[str, ...] = ()


def _now() -> datetime:
    return datetime.now(UTC)


class Certificates:
    """The certificate of the server: the operator's `own`, else an uploaded one, else the appliance's.

    `names` is asked each time, since addresses come and go. An own certificate is never written over by
    itself, only warned about. What is kept in `folder` has key and certificate in ONE file, so that a swap is
    atomic.
    """

    def __init__(
        self,
        folder: Path,
        names: Callable[[], Sequence[str]],
        own: tuple[Path, Path] | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._folder = folder
        self._names = names
        self._given = own
        self._clock = clock
        self._lock = threading.Lock()

    @classmethod
    def from_settings(
        cls, ask: Callable[[], Settings], clock: Callable[[], datetime] = _now
    ) -> "Certificates":
        """As the settings say, which are asked for each time: names may be added. Raises `BadSetting`."""
        settings = ask()
        cert, key = settings.ssl_cert_path, settings.ssl_key_path
        check_names(settings)

        def names() -> list[str]:
            now = ask()
            return [*addresses.names(), *addresses.addresses(now.host), *now.certificate_names]

        return cls(settings.data_dir / "certificates", names, (cert, key) if cert and key else None, clock)

    @property
    def chain_path(self) -> Path:
        """The file with the server's certificate and what stands above it."""
        return self._files[0]

    @property
    def key_path(self) -> Path:
        """The file with its key: the same one, unless the certificate is the operator's."""
        return self._files[1]

    def ensure(self) -> Path:
        """Make what is missing or no longer fits, and say where the chain is.

        Raises `BadSetting` for an own pair that cannot be served.
        """
        if self._given:
            _check_pair(*self._given)
        elif self._own and not _is_usable(self._uploaded):
            self._uploaded.replace(self._uploaded.with_suffix(".damaged"))
        self.renew_if_due()
        return self.chain_path

    def renew_if_due(self, *, force: bool = False) -> bool:
        """Renew near the end, or when this machine got a new name or address. True when it was renewed."""
        return False if self._own else self._renew(force=force)

    def put_own(self, chain: bytes, key: bytes) -> None:
        """Takes an operator's certificate, for new connections from now on; an earlier one goes.

        Raises `InvalidRequest` when it cannot be served, `Conflict` when SSL_CERT_PATH goes before it.
        """
        self._check_not_given()
        pem = uploaded_certificate.checked(chain, key, self._clock())
        with self._locked():
            new = self._folder / "own.new"
            _write(new, pem)
            try:
                _check_pair(new, new)
                new.replace(self._uploaded)
            except BadSetting as error:
                raise InvalidRequest(f"This certificate cannot be served: {error.message}") from None
            finally:
                new.unlink(missing_ok=True)

    def remove_own(self) -> None:
        """Goes back to the appliance's own making. Raises `NotFound`, `Conflict`."""
        self._check_not_given()
        if not self._uploaded.is_file():
            raise NotFound("No certificate was uploaded.")
        self._renew(force=False)  # it is there before the other one goes
        self._uploaded.unlink(missing_ok=True)

    def _renew(self, *, force: bool) -> bool:
        wanted = self._wanted()
        with self._locked():
            ca = self._authority(wanted)
            path = self._folder / "server.pem"
            current = _read(path)
            if not force and current and self._still_good(current.certificate, ca.certificate, wanted):
                return False
            server = local_ca.sign(ca, addresses.host_name(), wanted, self._clock())
            _write(path, server.pem(ca.certificate))
        return True

    def ca_pem(self) -> bytes | None:
        """The authority's certificate, for phones and computers to trust; None with an own certificate."""
        if self._own:
            return None
        with self._locked():
            return local_ca.certificate_pem(self._authority(self._wanted()).certificate)

    def info(self) -> CertificateInfo:
        """The certificate in use now, with what will soon be wrong with it."""
        if not self._own:
            self.renew_if_due()
        chain = x509.load_pem_x509_certificates(self.chain_path.read_bytes())
        info = CertificateInfo(
            kind="own" if self._own else "generated",
            names=local_ca.names_of(chain[0]),
            not_after=chain[0].not_valid_after_utc,
            fingerprint=_fingerprint(chain[0]),
            authority_fingerprint=None if self._own else _fingerprint(chain[-1]),
            issuer=uploaded_certificate.common_name(chain[0].issuer),
            uploaded=self._own is not None and self._given is None,
        )
        return replace(info, warnings=tuple(self._warnings(info)))

    @property
    def _files(self) -> tuple[Path, Path]:
        made = self._folder / "server.pem"
        return self._own or (made, made)

    @property
    def _uploaded(self) -> Path:
        return self._folder / "own.pem"

    @property
    def _own(self) -> tuple[Path, Path] | None:
        if self._given is None and self._uploaded.is_file():
            return self._uploaded, self._uploaded
        return self._given

    def _check_not_given(self) -> None:
        if self._given:
            raise Conflict(
                "SSL_CERT_PATH is set in the environment, which goes before the panel. Change it there."
            )

    def _wanted(self) -> list[str]:
        names = (local_ca.canonical(name) for name in self._names())
        return list(dict.fromkeys(name for name in names if name))

    def _authority(self, names: Sequence[str]) -> local_ca.Identity:
        """The authority on disk, or a new one when it cannot sign `names` for a server certificate's life."""
        path = self._folder / "ca.pem"
        current = _read(path)
        if current:
            life_left = current.certificate.not_valid_after_utc - self._clock()
            if life_left > timedelta(days=local_ca.SERVER_DAYS) and local_ca.may_sign(
                current.certificate, names
            ):
                return current
        new = local_ca.create(addresses.host_name(), names, self._clock())
        _write(path, new.pem())
        return new

    def _still_good(self, server: x509.Certificate, ca: x509.Certificate, names: Sequence[str]) -> bool:
        return (
            server.not_valid_after_utc - self._clock() > RENEW_BEFORE
            and set(names) <= set(local_ca.names_of(server))
            and server.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
            == ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        )

    def _warnings(self, info: CertificateInfo) -> Iterator[str]:
        days_left = (info.not_after - self._clock()).days
        replace_it = f"replace {self.chain_path}; no restart is needed."
        if info.uploaded:
            replace_it = "upload a new one in the admin panel; no restart is needed."
        if days_left < 0:
            yield f"The certificate ended on {info.not_after:%Y-%m-%d}: {replace_it}"
        elif days_left < WARN_BEFORE.days:
            yield f"The certificate ends in {days_left} days: {replace_it}"
        if own := self._own:
            try:
                _check_pair(*own)
            except BadSetting as error:
                yield error.message
        if not any(_covers(info.names, name) for name in self._wanted() if name not in LOOPBACK):
            yield f"The certificate is for {', '.join(info.names) or 'no name'}, none of them this machine's."

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time, among threads and among processes."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._lock, (self._folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def check_names(settings: Settings) -> None:
    """Raises `BadSetting` for a name in CERTIFICATE_NAMES that no certificate can be for."""
    for name in settings.certificate_names:
        if local_ca.canonical(name) is None:
            raise BadSetting(f"CERTIFICATE_NAMES: {name} is no host name or address.")


def _read(path: Path) -> local_ca.Identity | None:
    """What is there; None when nothing is, or when it is damaged and must be made anew."""
    try:
        return local_ca.load(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _write(path: Path, pem: bytes) -> None:
    """Whole or not at all, readable by the owner alone."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _check_pair(cert: Path, key: Path) -> None:
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key, password="")  # a passphrase would be asked for on the terminal
    except (OSError, ValueError) as error:
        known = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        reason = str(known).replace("_", " ").lower()
        raise BadSetting(
            f"SSL_CERT_PATH {cert} and SSL_KEY_PATH {key} cannot be used: {reason}. "
            "Give a PEM chain and its key without a passphrase, or unset both for a certificate made here."
        ) from None


def _is_usable(path: Path) -> bool:
    try:
        _check_pair(path, path)
    except BadSetting:
        return False
    return True


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def _covers(names: Sequence[str], name: str) -> bool:
    return name in names or f"*.{name.partition('.')[2]}" in names
