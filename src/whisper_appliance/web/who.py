"""Who asks, and whether they may: every route and every socket asks here."""

from flask import g

from whisper_appliance.accounts.access import APPLIANCE, Action, Thing, may
from whisper_appliance.accounts.people import Actor
from whisper_appliance.errors import DatabaseDamaged, NotAllowed, NotFound, SignInRequired, Unavailable
from whisper_appliance.web import csrf
from whisper_appliance.web.owner import SAFE_METHODS, owner
from whisper_appliance.web.parts import appliance

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
        "metrics.show",
    }
)
"""Endpoints for everybody, also where only people with an account may use the appliance."""

OTHER_TOKENS = frozenset({"captions.share", "captions.unshare", "metrics.show"})
"""Endpoints whose bearer token may be something else than a user's key."""

__all__ = ["actor", "require"]


def actor() -> Actor:
    """Whoever asks, found once a request."""
    if "actor" not in g:
        g.actor = Actor(owner())
    found: Actor = g.actor
    return found


def require(action: Action, thing: Thing = APPLIANCE) -> Actor:
    """Whoever asks, if they may.

    Raises `NotFound` for an object of somebody else, so that none tells that it exists; `SignInRequired`
    when an account could help; `NotAllowed` otherwise.
    """
    asking = actor()
    if may(asking, action, thing, openness="network"):
        return asking
    if asking.user is None and thing.kind in ("appliance", "account"):
        raise SignInRequired("Sign in to do this.")
    if thing.kind not in ("appliance", "account"):
        raise NotFound(f"There is no such {thing.kind}.")
    raise NotAllowed("Your account may not do this. Ask whoever runs the appliance.")
