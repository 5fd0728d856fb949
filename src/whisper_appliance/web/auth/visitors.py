"""Visitors: a browser that nobody is signed in to is known by a signed cookie.

It gets its id when it opens a page. A client without the cookie, and without a user's session or key (see
`who`), is nobody (`""`): what it makes is reachable by its 128-bit id only and is in no list.
"""

import secrets
from datetime import timedelta

from flask import Flask, Request, current_app, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import BadSignature

from whisper_appliance.core.clock import now
from whisper_appliance.core.errors import NotAllowed
from whisper_appliance.web.auth.origins import is_cross_origin

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
COOKIE_LIFETIME = timedelta(days=400)  # the longest that browsers keep one


class _Sessions(SecureCookieSessionInterface):
    """Flask's signed cookies; under HTTPS the name's prefix ties the cookie to this host and to TLS."""

    def get_cookie_name(self, app: Flask) -> str:
        return "__Host-appliance" if request.is_secure else "appliance"

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        """Flask's own refuses a cookie from the future, as it is after the clock has been set back."""
        signed = request.cookies.get(self.get_cookie_name(app))
        serializer = self.get_signing_serializer(app)
        if not signed or serializer is None:
            return self.session_class()
        try:
            data, since = serializer.loads(signed, return_timestamp=True)
        except BadSignature:
            return self.session_class()
        return self.session_class(data if now() - since < app.permanent_session_lifetime else {})


def install(app: Flask, secret_key: str) -> None:
    """Sessions signed with `secret_key`, and no unsafe request from another site."""
    app.secret_key = secret_key
    app.session_interface = _Sessions()
    app.config.update(
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=COOKIE_LIFETIME,
    )
    app.before_request(_refuse_other_sites)


def visitor_id() -> str:
    """The id of the browser that asks, `""` for a client without the cookie."""
    return str(session.get("owner", ""))


def set_visitor_cookie() -> None:
    """Gives the browser that opened a page its id, or more time for the one it has."""
    session.setdefault("owner", secrets.token_hex(16))
    session.permanent = True
    session.modified = True


def _refuse_other_sites() -> None:
    """Only pages of the appliance, and of the origins that were let in by name, may change anything."""
    if request.method in SAFE_METHODS:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if is_cross_origin(site, origin, request.host, current_app.config["ALLOWED_ORIGINS"]):
        raise NotAllowed(
            "This request comes from a page of another site. Open the appliance's own page instead."
        )
