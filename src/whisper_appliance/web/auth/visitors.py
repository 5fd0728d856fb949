"""Visitors: a browser without a signed-in user, identified by a signed cookie.

A browser gets its visitor id when it opens a page. A client without the cookie, a user's session or an API
key (see `authentication`) is anonymous (`""`): what it makes can be reached only by its 128-bit id, and is in
no list.
"""

from datetime import timedelta

from flask import Flask, Request, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import BadSignature

from whisper_appliance.core.clock import now
from whisper_appliance.core.ids import new_id

COOKIE_LIFETIME = timedelta(days=400)  # the longest that browsers keep a cookie
VISITOR = "owner"
"""The field of the cookie that holds the visitor id."""


class _VisitorCookies(SecureCookieSessionInterface):
    """Flask's signed cookies; under HTTPS the prefix of the name ties the cookie to this host and to TLS."""

    def get_cookie_name(self, app: Flask) -> str:
        return "__Host-appliance" if request.is_secure else "appliance"

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        """Accepts cookies from the future too, which exist after the clock was set back; Flask does not."""
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
    """Configures the visitor cookie, signed with `secret_key`."""
    app.secret_key = secret_key
    app.session_interface = _VisitorCookies()
    app.config.update(
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=COOKIE_LIFETIME,
    )


def visitor_id() -> str:
    """The visitor id of the browser; `""` for a client without the cookie."""
    return str(session.get(VISITOR, ""))


def set_visitor_cookie() -> None:
    """Gives the browser a visitor id, or extends the lifetime of the one it has."""
    session.setdefault(VISITOR, new_id())
    session.permanent = True
    session.modified = True
