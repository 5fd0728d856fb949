"""The requirement of a second factor: who must have one and has none can only set it up."""

from whisper_appliance.accounts.identity import Actor, User
from whisper_appliance.core.errors import SecondFactorMissing
from whisper_appliance.web.context import appliance

SET_UP_ENDPOINTS = frozenset(
    {
        "second_factor.second_factor_page",
        "second_factor.enrol",
        "second_factor.activate",
        "sign_in.confirm_session",
        "sign_in.delete_session",
    }
)
"""What such a user needs, beside the endpoints that need no account."""


def is_required(user: User) -> bool:
    """Whether SECOND_FACTOR_REQUIRED includes this user."""
    who = appliance().settings.second_factor_required
    return who == "everyone" or (who == "admins" and user.role != "member")


def is_missing(actor: Actor) -> bool:
    """Whether this is the session of a user who must have a second factor and has none. API keys go on."""
    if actor.user is None or not actor.session or not is_required(actor.user):
        return False
    if not actor.user.has_password:
        return False  # the provider with which they sign in requires its own
    return not appliance().accounts.second_factors.is_on(actor.user.id)


def check_present(actor: Actor) -> None:
    """Raises `SecondFactorMissing` if `actor` has to set up a second factor first."""
    if is_missing(actor):
        raise SecondFactorMissing("This appliance asks you for a second factor. Set it up in your account.")
