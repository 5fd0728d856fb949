"""Audio retention: for how many days recordings are kept, by the settings and the choice of their owner."""

from collections.abc import Callable
from contextlib import suppress

from whisper_appliance.accounts.users import Users
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import NotFound
from whisper_appliance.library.recordings import DaysOf

NOT_KEPT = 0


def retention(settings: Callable[[], Settings], users: Callable[[], Users]) -> DaysOf:
    """Returns the function that `Recordings` calls with an owner."""

    def days_of(owner: str) -> int | None:
        chosen, has_account = None, False
        if owner:
            with suppress(NotFound):  # a visitor
                chosen, has_account = users().get(owner).recording_days, True
        return days_kept(settings(), chosen, has_account=has_account)

    return days_of


def days_kept(settings: Settings, chosen: int | None, *, has_account: bool) -> int | None:
    """The days for which a recording is kept: 0 for not at all, None for no end.

    A user can choose fewer days than the appliance allows, not more.
    """
    if settings.keep_audio == "nobody" or (settings.keep_audio == "accounts" and not has_account):
        return NOT_KEPT
    allowed = settings.audio_retention_days or None
    if chosen is None or allowed is None:
        return allowed if chosen is None else chosen
    return min(chosen, allowed)
