"""The TLS context of new connections; follows the certificate's files, so that renewal needs no restart."""

import ssl
from collections.abc import Callable
from pathlib import Path

import structlog

log = structlog.get_logger()
Files = tuple[Path, Path]
Stamp = tuple[tuple[str, int, int, int], ...]


class ReloadingSSLContext:
    """A context for the certificate as it is on disk now. Open connections keep the one they began with."""

    def __init__(self, files: Callable[[], Files]) -> None:
        """`files` tells, at each connection, which chain and key count. Raises OSError or ssl.SSLError."""
        self._files = files
        chosen = files()
        self._stamp = _seen(chosen)
        self._context = _load(chosen)

    def current(self) -> ssl.SSLContext:
        """The newest context that works: half-replaced files are left alone until they fit together."""
        try:
            files = self._files()
            stamp = _seen(files)
            if stamp != self._stamp:
                self._stamp = stamp
                self._context = _load(files)
                log.info("certificate loaded", file=str(files[0]))
        except OSError as error:
            log.warning("certificate not usable, the previous one stays", reason=str(error))
        return self._context


def _seen(files: Files) -> Stamp:
    return tuple(
        (str(file), stat.st_mtime_ns, stat.st_ino, stat.st_size) for file in files for stat in (file.stat(),)
    )


def _load(files: Files) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(*files, password="")  # a passphrase would be asked for on the terminal
    return context
