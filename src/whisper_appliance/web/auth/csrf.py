"""Protection against cross-site request forgery (CSRF): a check of the origin for every unsafe request, and
a token for requests with a user's session.

The token is an HMAC of the session's id, so it is valid in all tabs of the session and nowhere else.
Flask-WTF is not used, because its form functions read the whole body to find a token, and uploads are
streamed.
"""

import hashlib
import hmac

from flask import current_app, request

from whisper_appliance.core.errors import NotAllowed
from whisper_appliance.web.cross_origin import is_cross_origin

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HEADER = "X-CSRF-Token"
STALE = "This page was opened before you signed in or out. Load it again."


def csrf_token(session: str) -> str:
    """The token of a session; "" without one."""
    if not session:
        return ""
    key = str(current_app.secret_key).encode()
    return hmac.new(key, f"csrf {session}".encode(), hashlib.sha256).hexdigest()


def check_csrf(session: str) -> None:
    """Raises `NotAllowed` unless the header of the request has the token."""
    sent = request.headers.get(HEADER, "")
    if not hmac.compare_digest(sent.encode("utf-8", "replace"), csrf_token(session).encode()):
        raise NotAllowed(STALE)


def reject_cross_origin() -> None:
    """A hook: rejects unsafe requests from pages of other sites, except the origins of CORS_ORIGINS."""
    if request.method in SAFE_METHODS:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if is_cross_origin(site, origin, request.host, current_app.config["ALLOWED_ORIGINS"]):
        raise NotAllowed(
            "This request comes from a page of another site. Open the appliance's own page instead."
        )
