"""The TLS context of new connections: reloads the certificate when its files change, without a restart."""

import ssl
from collections.abc import Callable
from pathlib import Path

import structlog

log = structlog.get_logger()
Files = tuple[Path, Path]
Stamp = tuple[tuple[str, int, int, int], ...]


class ReloadingSSLContext:
    """Provides an SSL context for the certificate on disk. Open connections keep their context."""

    def __init__(self, files: Callable[[], Files]) -> None:
        """`files` returns the paths of chain and key at each connection. Raises OSError, ssl.SSLError."""
        self._files = files
        paths = files()
        self._stamp = _stamp_of(paths)
        self._context = _load(paths)

    def current(self) -> ssl.SSLContext:
        """The newest valid context. While chain and key do not match yet, the previous one stays."""
        try:
            files = self._files()
            stamp = _stamp_of(files)
            if stamp != self._stamp:
                self._stamp = stamp
                self._context = _load(files)
                log.info("certificate loaded", file=str(files[0]))
        except OSError as error:
            log.warning("certificate not usable, the previous one stays", reason=str(error))
        return self._context


def _stamp_of(files: Files) -> Stamp:
    return tuple(
        (str(file), stat.st_mtime_ns, stat.st_ino, stat.st_size) for file in files for stat in (file.stat(),)
    )


def _load(files: Files) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(*files, password="")  # without a password, OpenSSL would prompt on the terminal
    return context
