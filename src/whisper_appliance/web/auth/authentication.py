"""Who asks, and whether they may: every route and every socket asks here."""

from typing import cast

from flask import Flask, Response, g, request

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
from whisper_appliance.web.auth import csrf
from whisper_appliance.web.auth.visitors import SAFE_METHODS, visitor_id
from whisper_appliance.web.context import appliance

__all__ = ["current_actor", "current_actor_or_anonymous", "own_resource", "require"]

OPEN = frozenset(
    {
        "static",
        "status.get_health",
        "sign_in.sign_in_page",
        "sign_in.get_session",
        "sign_in.create_session",
        "setup.setup_page",
        "setup.complete_setup",
        "join.join_page",
        "join.accept_invitation",
        "pages.trust_page",
        "certificate.get_ca_certificate",
        "captions.captions_page",
        "metrics.get_metrics",
        "shared.shared_page",
        "shared.get_shared_transcript",
    }
)
"""Endpoints for everybody, also where only people with an account may use the appliance."""

OTHER_TOKENS = frozenset(
    {"captions.create_captions_link", "captions.delete_captions_link", "metrics.get_metrics"}
)
"""Endpoints whose bearer token may be something else than a user's key."""

SOCKET_KEY = "whisper_appliance.key"
ENDED = "Your session has ended. Sign in again."
BAD_KEY = "This key is not one of the appliance's. Make one in your account, or leave the header out."


def install(app: Flask) -> None:
    """Closes `app` to whom the appliance is closed, and tells templates who asks."""
    app.before_request(_gate)
    app.after_request(_take_cookie_back)
    app.context_processor(_for_every_page)


def current_actor() -> Actor:
    """Whoever asks, found once a request. Raises `SignInRequired` for a key that is not good."""
    if "actor" not in g:
        g.actor = _found()
    return cast(Actor, g.actor)


def current_actor_or_anonymous() -> Actor:
    """Whoever asks; nobody where a key is not good or no database answers. For what is open anyway."""
    try:
        return current_actor()
    except (SignInRequired, Unavailable, DatabaseDamaged):
        return Actor("")


def require(action: Action, thing: Resource = APPLIANCE) -> Actor:
    """Whoever asks, if they may.

    Raises `NotFound` for an object of somebody else, so that none tells that it exists; `SignInRequired`
    when an account could help; `NotAllowed` otherwise.
    """
    asking, open_to = current_actor(), access_mode()
    if is_allowed(asking, action, thing, access_mode=open_to):
        return asking
    if asking.user is None and (open_to == "accounts" or thing.kind in ("appliance", "account")):
        raise SignInRequired("Sign in to do this.")
    if REQUIRED_SCOPE[action] not in asking.scopes:
        raise NotAllowed(f"This key may not do that: it needs the scope '{REQUIRED_SCOPE[action]}'.")
    if thing.kind not in ("appliance", "account"):
        raise NotFound(f"There is no such {thing.kind}.")
    raise NotAllowed("Your account may not do this. Ask whoever runs the appliance.")


def own_resource(kind: ResourceKind) -> Resource:
    """A thing of whoever asks: what lists, and views that look things up by their owner, ask about."""
    return Resource(kind, owner=current_actor().owner)


def access_mode() -> AccessMode:
    """Who may use the appliance."""
    return appliance().accounts.access_mode.get()


def session_cookie_name() -> str:
    """Of the session of a user; under HTTPS the prefix ties it to this host and to TLS."""
    return "__Host-session" if request.is_secure else "session"


def set_session_cookie(response: Response, token: str) -> Response:
    """Lets the browser keep the token of its new session."""
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
    """Lets the browser forget it."""
    response.delete_cookie(session_cookie_name(), secure=request.is_secure, httponly=True, samesite="Lax")
    return response


def _for_every_page() -> dict[str, object]:
    return {
        "asking": current_actor_or_anonymous,
        "csrf_token": lambda: csrf.csrf_token(current_actor_or_anonymous().session),
        "is_let_in": _is_let_in,
    }


def _is_let_in() -> bool:
    """Whether the page may show the way to what is inside; a page that tells of an error says no."""
    try:
        return current_actor_or_anonymous().user is not None or access_mode() == "network"
    except (Unavailable, DatabaseDamaged):
        return False


def _found() -> Actor:
    accounts = appliance().accounts
    given = request.authorization
    if given is not None and given.type == "bearer":
        key = given.token or ""
        if key.startswith(KEY_PREFIX):
            return accounts.actor_for_key(key)
        if request.endpoint not in OTHER_TOKENS:
            raise SignInRequired(BAD_KEY)
    if key := request.environ.get(SOCKET_KEY, ""):
        return accounts.actor_for_key(key)
    if token := request.cookies.get(session_cookie_name()):
        found = accounts.actor_for_session(token)
        if found:
            return found
        g.session_ended = True
    return Actor(visitor_id())


def _gate() -> None:
    endpoint = request.endpoint
    if endpoint is None or endpoint == "static":
        return
    unsafe = request.method not in SAFE_METHODS
    if endpoint not in OPEN:
        asking = current_actor()
        if g.get("session_ended") and (unsafe or request.path.startswith("/api/")):
            raise SignInRequired(ENDED)
        if asking.user is None and access_mode() == "accounts":
            raise SignInRequired("Sign in to use this appliance.")
    if unsafe and current_actor().session:
        csrf.check_csrf(current_actor().session)


def _take_cookie_back(response: Response) -> Response:
    return (
        clear_session_cookie(response) if g.get("session_ended") and not _sets_session(response) else response
    )


def _sets_session(response: Response) -> bool:
    return any(
        cookie.startswith(f"{session_cookie_name()}=") for cookie in response.headers.getlist("Set-Cookie")
    )
