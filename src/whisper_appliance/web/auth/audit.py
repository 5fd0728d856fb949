"""Audit records of views: adds the actor and the client address to what the audit log stores."""

from flask import request

from whisper_appliance.web.auth.authentication import current_actor
from whisper_appliance.web.context import appliance


def record(action: str, target: str = "", **details: object) -> None:
    """Records that the current actor did `action` to `target`."""
    appliance().audit.record(current_actor(), action, target, details)


def bind_client_address() -> None:
    """A hook: gives the audit log the client address of this request."""
    appliance().audit.set_client_address(request.remote_addr or "")
