"""Who asks, and whether they may: every route and every socket asks here."""

from typing import cast

from flask import Flask, Response, g, request

from whisper_appliance.accounts.access import APPLIANCE, NEEDED_SCOPE, Action, Kind, Openness, Thing, may
from whisper_appliance.accounts.identity import Actor
from whisper_appliance.accounts.keys import PREFIX
from whisper_appliance.core.errors import DatabaseDamaged, NotAllowed, NotFound, SignInRequired, Unavailable
from whisper_appliance.web.auth import csrf
from whisper_appliance.web.auth.visitors import SAFE_METHODS, owner
from whisper_appliance.web.context import appliance

__all__ = ["actor", "known", "mine", "require"]

OPEN = frozenset(
    {
        "static",
        "status.health",
        "sign_in.show",
        "sign_in.read",
        "sign_in.begin",
        "setup.show",
        "setup.finish",
        "join.show",
        "join.accept",
        "pages.trust",
        "certificate.authority",
        "captions.show",
        "metrics.show",
        "shared.show",
        "shared.read",
    }
)
"""Endpoints for everybody, also where only people with an account may use the appliance."""

OTHER_TOKENS = frozenset({"captions.share", "captions.unshare", "metrics.show"})
"""Endpoints whose bearer token may be something else than a user's key."""

KEY_OF_SOCKET = "whisper_appliance.key"
ENDED = "Your session has ended. Sign in again."
BAD_KEY = "This key is not one of the appliance's. Make one in your account, or leave the header out."


def install(app: Flask) -> None:
    """Closes `app` to whom the appliance is closed, and tells templates who asks."""
    app.before_request(_gate)
    app.after_request(_take_cookie_back)
    app.context_processor(_for_every_page)


def actor() -> Actor:
    """Whoever asks, found once a request. Raises `SignInRequired` for a key that is not good."""
    if "actor" not in g:
        g.actor = _found()
    return cast(Actor, g.actor)


def known() -> Actor:
    """Whoever asks; nobody where a key is not good or no database answers. For what is open anyway."""
    try:
        return actor()
    except (SignInRequired, Unavailable, DatabaseDamaged):
        return Actor("")


def require(action: Action, thing: Thing = APPLIANCE) -> Actor:
    """Whoever asks, if they may.

    Raises `NotFound` for an object of somebody else, so that none tells that it exists; `SignInRequired`
    when an account could help; `NotAllowed` otherwise.
    """
    asking, open_to = actor(), openness()
    if may(asking, action, thing, openness=open_to):
        return asking
    if asking.user is None and (open_to == "accounts" or thing.kind in ("appliance", "account")):
        raise SignInRequired("Sign in to do this.")
    if NEEDED_SCOPE[action] not in asking.scopes:
        raise NotAllowed(f"This key may not do that: it needs the scope '{NEEDED_SCOPE[action]}'.")
    if thing.kind not in ("appliance", "account"):
        raise NotFound(f"There is no such {thing.kind}.")
    raise NotAllowed("Your account may not do this. Ask whoever runs the appliance.")


def mine(kind: Kind) -> Thing:
    """A thing of whoever asks: what lists, and views that look things up by their owner, ask about."""
    return Thing(kind, owner=actor().owner)


def openness() -> Openness:
    """Who may use the appliance."""
    return appliance().accounts.policy.openness()


def cookie_name() -> str:
    """Of the session of a user; under HTTPS the prefix ties it to this host and to TLS."""
    return "__Host-session" if request.is_secure else "session"


def hand_cookie(response: Response, token: str) -> Response:
    """Lets the browser keep the token of its new session."""
    response.set_cookie(
        cookie_name(),
        token,
        max_age=int(appliance().accounts.sessions.total_seconds),
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )
    return response


def take_cookie(response: Response) -> Response:
    """Lets the browser forget it."""
    response.delete_cookie(cookie_name(), secure=request.is_secure, httponly=True, samesite="Lax")
    return response


def _for_every_page() -> dict[str, object]:
    return {
        "asking": known,
        "csrf_token": lambda: csrf.token(known().session),
        "is_let_in": _is_let_in,
    }


def _is_let_in() -> bool:
    """Whether the page may show the way to what is inside; a page that tells of an error says no."""
    try:
        return known().user is not None or openness() == "network"
    except (Unavailable, DatabaseDamaged):
        return False


def _found() -> Actor:
    accounts = appliance().accounts
    given = request.authorization
    if given is not None and given.type == "bearer":
        key = given.token or ""
        if key.startswith(PREFIX):
            return accounts.by_key(key)
        if request.endpoint not in OTHER_TOKENS:
            raise SignInRequired(BAD_KEY)
    if key := request.environ.get(KEY_OF_SOCKET, ""):
        return accounts.by_key(key)
    if token := request.cookies.get(cookie_name()):
        found = accounts.by_session(token)
        if found:
            return found
        g.session_ended = True
    return Actor(owner())


def _gate() -> None:
    endpoint = request.endpoint
    if endpoint is None or endpoint == "static":
        return
    unsafe = request.method not in SAFE_METHODS
    if endpoint not in OPEN:
        asking = actor()
        if g.get("session_ended") and (unsafe or request.path.startswith("/api/")):
            raise SignInRequired(ENDED)
        if asking.user is None and openness() == "accounts":
            raise SignInRequired("Sign in to use this appliance.")
    if unsafe and actor().session:
        csrf.check(actor().session)


def _take_cookie_back(response: Response) -> Response:
    return take_cookie(response) if g.get("session_ended") and not _sets_session(response) else response


def _sets_session(response: Response) -> bool:
    return any(cookie.startswith(f"{cookie_name()}=") for cookie in response.headers.getlist("Set-Cookie"))
