"""Who asks, and whether they may: every route and every socket asks here."""

from flask import g

from whisper_appliance.accounts.access import APPLIANCE, Action, Thing, may
from whisper_appliance.accounts.people import Actor
from whisper_appliance.errors import NotAllowed, NotFound, SignInRequired
from whisper_appliance.web.owner import owner

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
