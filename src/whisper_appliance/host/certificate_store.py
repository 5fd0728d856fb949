"""Certificate files: read, checked and written under a lock, key and certificate in one PEM file.

One file for both makes each replacement atomic.
"""

import fcntl
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whisper_appliance.core.atomic_files import write_private
from whisper_appliance.core.errors import BadSetting
from whisper_appliance.host import local_ca


class CertificateStore:
    """The folder of the authority (`ca.pem`), the generated certificate and an uploaded one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self.authority = folder / "ca.pem"
        self.generated = folder / "server.pem"
        self.uploaded = folder / "own.pem"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one writer at a time, among threads and among processes."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._lock, (self._folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def replace_uploaded(self, pem: bytes) -> None:
        """Stores an uploaded certificate. Raises `BadSetting` if it cannot be served. Call it when locked."""
        new = self._folder / "own.new"
        write_private(new, pem)
        try:
            check_pair(new, new)
            new.replace(self.uploaded)
        finally:
            new.unlink(missing_ok=True)


def read_key_pair(path: Path) -> local_ca.KeyPair | None:
    """The key and certificate in a file; None if the file is missing or damaged."""
    try:
        return local_ca.load(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def check_pair(cert: Path, key: Path) -> None:
    """Raises `BadSetting` unless a TLS server can use this chain and key."""
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key, password="")  # without it, OpenSSL would prompt on the terminal
    except (OSError, ValueError) as error:
        detail = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        reason = str(detail).replace("_", " ").lower()
        raise BadSetting(
            "SSL_CERT_PATH {cert} and SSL_KEY_PATH {key} cannot be used: {reason}. Give a "
            "PEM chain and its key without a passphrase, or unset both for a certificate "
            "made here.",
            cert=cert,
            key=key,
            reason=reason,
        ) from None


def is_usable(path: Path) -> bool:
    """Whether a TLS server can use the chain and key in this file."""
    try:
        check_pair(path, path)
    except BadSetting:
        return False
    return True
