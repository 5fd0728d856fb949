"""The things that addresses name, for those who may have them; for all others they are not there."""

from whisper_appliance.accounts.access import Action, Thing, may
from whisper_appliance.accounts.identity import User
from whisper_appliance.jobs.job import Job
from whisper_appliance.library.transcript_rows import Entry
from whisper_appliance.web.auth.authentication import actor, openness, require
from whisper_appliance.web.context import appliance


def transcript(id: str, action: Action, *, deleted: bool = False) -> Entry:
    """A transcript to which whoever asks may do this. Raises `NotFound` for all others."""
    entry = appliance().history.find(id, deleted=deleted)
    user = actor().user
    stranger = user is not None and entry.owner not in ("", user.id)
    readers = appliance().shares.readers(id) if stranger else frozenset()
    require(action, Thing("transcript", owner=entry.owner, readers=readers))
    return entry


def job(id: str, action: Action) -> Job:
    """A job to which whoever asks may do this. Raises `NotFound` for all others."""
    found = appliance().queue.get(id)
    require(action, Thing("job", owner=found.owner))
    return found


def account(id: str, action: Action) -> User:
    """An account to which whoever asks may do this. Raises `NotFound`, `NotAllowed`."""
    user = appliance().accounts.users.get(id)
    require(action, Thing("account", owner=user.id, role=user.role))
    return user


def may_manage(user: User) -> bool:
    """Whether whoever asks may change this account."""
    thing = Thing("account", owner=user.id, role=user.role)
    return may(actor(), "manage", thing, openness=openness())
