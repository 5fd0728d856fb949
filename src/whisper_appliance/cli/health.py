"""`whisper-appliance health`: whether the appliance answers; for containers and installers."""

import http.client
import json
import ssl
import time
from typing import TYPE_CHECKING, Any

import click

from whisper_appliance.core.errors import Unavailable

if TYPE_CHECKING:
    from whisper_appliance.config.settings import Settings

ANSWER_SECONDS = 5.0
PAUSE_SECONDS = 0.5


@click.command()
@click.option("--wait", "wait_seconds", type=float, default=0.0, metavar="SECONDS", help="Try for so long.")
@click.option("--strict", is_flag=True, help="Exit code 1 also while it is degraded.")
def health(wait_seconds: float, strict: bool) -> int:
    """Show whether the appliance on this machine answers. Exit code 1 if it does not."""
    from whisper_appliance.cli.bootstrap import load_settings

    settings = load_settings()
    deadline = time.monotonic() + wait_seconds
    while (status := _status(settings)) is None and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
    if status is None:
        raise Unavailable(
            "Nothing answers on port {port}. Its last words are in the log: "
            "journalctl -u whisper-appliance, or docker logs.",
            port=settings.https_port,
        )
    click.echo("\n".join([status["status"], *map(str, status["reasons"])]))
    return 1 if strict and status["status"] != "ok" else 0


def _status(settings: "Settings") -> dict[str, Any] | None:
    """The answer of /health, or None. The certificate is not checked, because the address is this machine."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - it connects, it does not listen
    host = everywhere.get(settings.host, settings.host)
    connection: http.client.HTTPConnection
    if settings.https_enabled:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(
            host, settings.https_port, timeout=ANSWER_SECONDS, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, settings.https_port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/health")
        found: dict[str, Any] = json.load(connection.getresponse())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return found
