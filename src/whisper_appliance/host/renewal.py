"""Renews the certificate in the background while the server runs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.host.certificates import Certificates

CHECK_SECONDS = 300.0
log = structlog.get_logger()


@contextmanager
def renew_in_background(certificates: Certificates, check_seconds: float = CHECK_SECONDS) -> Iterator[None]:
    """Checks every `check_seconds` whether the certificate expires soon or lacks a new address."""
    stopped = threading.Event()
    thread = threading.Thread(
        target=_renew_loop, args=(certificates, check_seconds, stopped), name="certificate-renewal"
    )
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _renew_loop(certificates: Certificates, check_seconds: float, stopped: threading.Event) -> None:
    warned: tuple[str, ...] = ()
    while not stopped.wait(check_seconds):
        try:
            if certificates.renew_if_due():
                log.info("certificate renewed", names=",".join(certificates.info().names))
            if (warnings := certificates.info().warnings) != warned:
                warned = warnings
                for warning in warnings:
                    log.warning("certificate", warning=warning)
        except (OSError, ValueError, ApplianceError) as error:
            log.warning("certificate not renewed", reason=str(error))
