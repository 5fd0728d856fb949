"""A second proof that a request comes from a page of the appliance, for requests with a user's session.

The token is an HMAC of the session's id, so that it is good in all of its tabs, and for it alone. The form
functions of Flask-WTF would read whole bodies in search of it; uploads are read once, as they come.
"""

import hashlib
import hmac

from flask import current_app, request

from whisper_appliance.core.errors import NotAllowed

HEADER = "X-CSRF-Token"
STALE = "This page was opened before you signed in or out. Load it again."


def csrf_token(session: str) -> str:
    """The token of a session; "" without one."""
    if not session:
        return ""
    key = str(current_app.secret_key).encode()
    return hmac.new(key, f"csrf {session}".encode(), hashlib.sha256).hexdigest()


def check_csrf(session: str) -> None:
    """Raises `NotAllowed` unless the request carries the token in its header."""
    sent = request.headers.get(HEADER, "")
    if not hmac.compare_digest(sent.encode("utf-8", "replace"), csrf_token(session).encode()):
        raise NotAllowed(STALE)
