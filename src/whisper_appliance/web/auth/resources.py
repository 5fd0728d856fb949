"""The things that addresses name, for those who may have them; for all others they are not there."""

from whisper_appliance.accounts.access import Action, Resource, is_allowed
from whisper_appliance.accounts.identity import User
from whisper_appliance.jobs.job import Job
from whisper_appliance.library.transcript_rows import TranscriptSummary
from whisper_appliance.web.auth.authentication import access_mode, current_actor, require
from whisper_appliance.web.context import appliance


def authorized_transcript(id: str, action: Action, *, deleted: bool = False) -> TranscriptSummary:
    """A transcript to which whoever asks may do this. Raises `NotFound` for all others."""
    entry = appliance().transcripts.metadata(id, deleted=deleted)
    user = current_actor().user
    stranger = user is not None and entry.owner not in ("", user.id)
    readers = appliance().shares.reader_ids(id) if stranger else frozenset()
    require(action, Resource("transcript", owner=entry.owner, readers=readers))
    return entry


def authorized_job(id: str, action: Action) -> Job:
    """A job to which whoever asks may do this. Raises `NotFound` for all others."""
    found = appliance().queue.get(id)
    require(action, Resource("job", owner=found.owner))
    return found


def authorized_account(id: str, action: Action) -> User:
    """An account to which whoever asks may do this. Raises `NotFound`, `NotAllowed`."""
    user = appliance().accounts.users.get(id)
    require(action, Resource("account", owner=user.id, role=user.role))
    return user


def can_manage(user: User) -> bool:
    """Whether whoever asks may change this account."""
    thing = Resource("account", owner=user.id, role=user.role)
    return is_allowed(current_actor(), "manage", thing, access_mode=access_mode())
