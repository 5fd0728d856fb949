"""Authorized resources: loads the resource of a URL and checks access; 404 for anyone who may not see it."""

from whisper_appliance.accounts.access import Action, Resource, ShareRole, is_allowed
from whisper_appliance.accounts.identity import User
from whisper_appliance.jobs.job import Job
from whisper_appliance.library.transcript_rows import TranscriptSummary
from whisper_appliance.web.auth.authentication import access_mode, current_actor, require
from whisper_appliance.web.context import appliance


def authorized_transcript(transcript_id: str, action: Action, *, deleted: bool = False) -> TranscriptSummary:
    """The transcript, if the actor may do `action`. Raises `NotFound` otherwise."""
    summary = appliance().transcripts.metadata(transcript_id, deleted=deleted)
    user = current_actor().user
    is_of_another = user is not None and summary.owner not in ("", user.id)
    role = share_role(summary) if is_of_another else None
    roles = {user.id: role} if user is not None and role is not None else {}
    require(action, Resource("transcript", owner=summary.owner, shared_with=roles))
    return summary


def share_role(summary: TranscriptSummary) -> ShareRole | None:
    """What the actor may do with a transcript of somebody else by its shares; None without one."""
    user = current_actor().user
    return appliance().shares.role_of(user.id, summary.id, summary.folder_id) if user else None


def authorized_job(job_id: str, action: Action) -> Job:
    """The job, if the actor may do `action`. Raises `NotFound` otherwise.

    Of a job that translates a transcript, only its end does not need the right to the transcript too.
    """
    job = appliance().queue.get(job_id)
    require(action, Resource("job", owner=job.owner))
    if job.translation_of and action != "cancel":
        authorized_transcript(job.translation_of, "read" if action == "read" else "edit")
    return job


def authorized_account(user_id: str, action: Action) -> User:
    """The account, if the actor may do `action`. Raises `NotFound`, `NotAllowed`."""
    user = appliance().accounts.users.get(user_id)
    require(action, _account(user))
    return user


def can_manage(user: User) -> bool:
    """True if the actor may change this account."""
    return is_allowed(current_actor(), "manage", _account(user), access_mode=access_mode())


def _account(user: User) -> Resource:
    return Resource("account", owner=user.id, role=user.role)
