"""Authentication and authorization: finds the actor of a request (session, API key or visitor cookie), and
checks what the actor may do. Every route and every socket uses it."""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

from flask import Response, current_app, g, request

from whisper_appliance.accounts.access import (
    APPLIANCE,
    REQUIRED_SCOPE,
    AccessMode,
    Action,
    Resource,
    ResourceKind,
    is_allowed,
)
from whisper_appliance.accounts.identity import Actor
from whisper_appliance.accounts.keys import KEY_PREFIX
from whisper_appliance.core.errors import DatabaseDamaged, NotAllowed, NotFound, SignInRequired, Unavailable
from whisper_appliance.core.i18n import N_
from whisper_appliance.core.network import client_network
from whisper_appliance.web import http_api
from whisper_appliance.web.auth import confirmation, csrf, second_factor
from whisper_appliance.web.auth.visitors import visitor_id
from whisper_appliance.web.context import appliance

NOT_THERE: dict[ResourceKind, str] = {
    "transcript": N_("There is no such transcript."),
    "job": N_("There is no such job."),
    "live session": N_("There is no such live session."),
}
PUBLIC_ENDPOINTS = frozenset(
    {
        "static",
        "status.get_health",
        "sign_in.sign_in_page",
        "sign_in.get_session",
        "sign_in.create_session",
        "sign_in.begin_passkey_sign_in",
        "sign_in.create_session_with_passkey",
        "single_sign_on.begin",
        "single_sign_on.callback",
        "single_sign_on.signed_out",
        "single_sign_on.end_sessions",
        "setup.setup_page",
        "setup.complete_setup",
        "join.join_page",
        "join.accept_invitation",
        "confirm_email.confirm_email_page",
        "confirm_email.confirm_email",
        "confirm_email.email_confirmed_page",
        "pages.trust_page",
        "installed_app.get_manifest",
        "installed_app.get_share_worker",
        "certificate.get_ca_certificate",
        "captions.captions_page",
        "captions.captions_code",
        "metrics.get_metrics",
        "shared.shared_page",
        "shared.get_shared_transcript",
        "shared.get_shared_audio",
        "shared.get_shared_peaks",
    }
)
"""Endpoints that need no account, even if the access mode is "accounts"."""

OTHER_BEARER_TOKENS = frozenset(
    {"captions.create_captions_link", "captions.delete_captions_link", "metrics.get_metrics"}
)
"""Endpoints that accept a bearer token which is not an API key."""

KEY_SCHEMES = ("bearer", "token")
"""Schemes of the Authorization header that carry an API key; Deepgram's clients send `Token`."""

SOCKET_KEY = "whisper_appliance.key"
"""The WSGI environment key under which a socket keeps the API key it was authenticated with."""
ENDED = "Your session has ended. Sign in again."
BAD_KEY = "This API key is not valid. Create one in your account, or leave the header out."


def current_actor() -> Actor:
    """The actor of this request, found once. Raises `SignInRequired` if its API key is not valid."""
    if "actor" not in g:
        g.actor = replace(_authenticate(), network=client_network(request.remote_addr or ""))
    return cast(Actor, g.actor)


def reauthenticate() -> Actor:
    """The actor of this request, checked anew.

    Raises `SignInRequired` if its session or key has ended, `SecondFactorMissing` if it needs one meanwhile.
    """
    for name in ("actor", "session_ended"):
        g.pop(name, None)
    actor = current_actor()
    if g.get("session_ended"):
        raise SignInRequired(ENDED)
    second_factor.check_present(actor)
    return actor


def later(check: Callable[[], object]) -> Callable[[], None]:
    """`check`, which runs in a context like that of this request, so that it authenticates its actor anew.

    For connections that outlive the moment in which they were authorized; any thread may call it.
    """
    app, environ = current_app._get_current_object(), dict(request.environ)  # type: ignore[attr-defined] # a proxy

    def check_again() -> None:
        with app.request_context(dict(environ)):
            reauthenticate()
            check()

    return check_again


def current_actor_or_anonymous() -> Actor:
    """The actor; anonymous if the key is not valid or the database fails. For public endpoints."""
    try:
        return current_actor()
    except (SignInRequired, Unavailable, DatabaseDamaged):
        return Actor("", network=client_network(request.remote_addr or ""))


def require(action: Action, resource: Resource = APPLIANCE) -> Actor:
    """The actor, if the action is allowed.

    Raises `NotFound` for a resource of another owner, because a 403 would reveal that it exists;
    `SignInRequired` if an account could help; `NotAllowed` otherwise.
    """
    actor, mode = current_actor(), access_mode()
    if is_allowed(actor, action, resource, access_mode=mode):
        return actor
    if actor.user is None and (mode == "accounts" or resource.kind in ("appliance", "account")):
        raise SignInRequired("Sign in to do this.")
    if REQUIRED_SCOPE[action] not in actor.scopes:
        raise NotAllowed(
            "This key may not do that: it needs the scope '{required_scope}'.",
            required_scope=REQUIRED_SCOPE[action],
        )
    if resource.kind not in ("appliance", "account"):
        raise NotFound(NOT_THERE[resource.kind])
    raise NotAllowed("Your account may not do this. Ask an administrator.")


def own_resource(kind: ResourceKind) -> Resource:
    """A resource of the actor, for lists and for views that select by owner."""
    return Resource(kind, owner=current_actor().owner)


def access_mode() -> AccessMode:
    """Who may use the appliance: everybody on its network, or only users with an account."""
    return appliance().accounts.access_mode.get()


def session_cookie_name() -> str:
    """The name of the session cookie; under HTTPS its prefix ties the cookie to this host and to TLS."""
    return "__Host-session" if request.is_secure else "session"


def set_session_cookie(response: Response, token: str) -> Response:
    """Adds the cookie of a new session."""
    response.set_cookie(
        session_cookie_name(),
        token,
        max_age=int(appliance().accounts.sessions.total_seconds),
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )
    return response


def clear_session_cookie(response: Response) -> Response:
    """Deletes the session cookie."""
    response.delete_cookie(session_cookie_name(), secure=request.is_secure, httponly=True, samesite="Lax")
    return response


def check_access() -> None:
    """A hook: rejects requests of actors who may not use the appliance, requests without CSRF token, and
    dangerous actions that were not confirmed."""
    endpoint = request.endpoint
    if endpoint is None or endpoint == "static" or _is_allowed_preflight():
        return
    is_unsafe = request.method not in csrf.SAFE_METHODS
    if endpoint not in PUBLIC_ENDPOINTS:
        actor = current_actor()
        if g.get("session_ended") and (
            is_unsafe or request.path.startswith("/api/") or http_api.requested_api()
        ):
            raise SignInRequired(ENDED)
        if actor.user is None and access_mode() == "accounts":
            raise SignInRequired("Sign in to use this appliance.")
        if endpoint not in second_factor.SET_UP_ENDPOINTS:
            second_factor.check_present(actor)
    if is_unsafe and current_actor().session:
        csrf.check_csrf(current_actor().session)
    if confirmation.is_dangerous(endpoint):
        confirmation.check_confirmed(current_actor())


def _is_allowed_preflight() -> bool:
    """Whether this is a preflight of a site in CORS_ORIGINS, which browsers send without credentials."""
    origin = request.headers.get("Origin", "").lower()
    return request.method == "OPTIONS" and origin in current_app.config["ALLOWED_ORIGINS"]


def clear_ended_session(response: Response) -> Response:
    """A hook: deletes the cookie of a session that has ended, unless the response sets a new one."""
    if g.get("session_ended") and not _sets_session(response):
        return clear_session_cookie(response)
    return response


def template_globals() -> dict[str, object]:
    """What every template may call."""
    return {
        "current_actor": current_actor_or_anonymous,
        "csrf_token": lambda: csrf.csrf_token(current_actor_or_anonymous().session),
        "has_access": _has_access,
    }


def _has_access() -> bool:
    """True if the page may link to the others. Never raises, because error pages use it too."""
    try:
        actor = current_actor_or_anonymous()
        return not second_factor.is_missing(actor) and (actor.user is not None or access_mode() == "network")
    except (Unavailable, DatabaseDamaged):
        return False


def _authenticate() -> Actor:
    accounts = appliance().accounts
    authorization = request.authorization
    if authorization is not None and authorization.type in KEY_SCHEMES:
        key = authorization.token or ""
        if key.startswith(KEY_PREFIX):
            return accounts.actor_for_key(key)
        if http_api.requested_api():
            return _without_key()
        if request.endpoint not in OTHER_BEARER_TOKENS:
            raise SignInRequired(BAD_KEY)
    if key := request.environ.get(SOCKET_KEY, ""):
        return accounts.actor_for_key(key)
    if token := request.cookies.get(session_cookie_name()):
        if actor := accounts.actor_for_session(token):
            return actor
        g.session_ended = True
    return Actor(visitor_id())


def _without_key() -> Actor:
    """Nobody: a program of another API that needs some key, whatever it is, where none is required."""
    if access_mode() == "accounts":
        raise SignInRequired(BAD_KEY)
    return Actor("")


def _sets_session(response: Response) -> bool:
    prefix = f"{session_cookie_name()}="
    return any(cookie.startswith(prefix) for cookie in response.headers.getlist("Set-Cookie"))
