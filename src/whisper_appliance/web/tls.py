"""The TLS context of new connections; follows the certificate's files, so that renewal needs no restart."""

import ssl
from pathlib import Path

import structlog

log = structlog.get_logger()
Stamp = tuple[tuple[int, int, int], ...]


class FollowingContext:
    """A context for the certificate as it is on disk now. Open connections keep the one they began with."""

    def __init__(self, chain: Path, key: Path) -> None:
        """Raises OSError or ssl.SSLError when the files cannot be used."""
        self._files = (chain, key)
        self._stamp = self._seen()
        self._context = self._load()

    def current(self) -> ssl.SSLContext:
        """The newest context that works: half-replaced files are left alone until they fit together."""
        try:
            stamp = self._seen()
            if stamp != self._stamp:
                self._stamp = stamp
                self._context = self._load()
                log.info("certificate loaded", file=str(self._files[0]))
        except OSError as error:
            log.warning("certificate not usable, the previous one stays", reason=str(error))
        return self._context

    def _seen(self) -> Stamp:
        return tuple(
            (stat.st_mtime_ns, stat.st_ino, stat.st_size) for stat in (file.stat() for file in self._files)
        )

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*self._files, password="")  # a passphrase would be asked for on the terminal
        return context
