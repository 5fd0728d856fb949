"""What views tell the audit log: who asks and from where is known here."""

from flask import Flask, request

from whisper_appliance.web.auth.authentication import current_actor
from whisper_appliance.web.context import appliance


def install(app: Flask) -> None:
    """The log knows the address of every request."""
    app.before_request(_tell_address)


def record(action: str, object: str = "", **details: object) -> None:
    """Writes down that whoever asks did this."""
    appliance().audit.record(current_actor(), action, object, details)


def _tell_address() -> None:
    appliance().audit.set_client_address(request.remote_addr or "")
