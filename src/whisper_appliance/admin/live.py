"""The live sessions of all users: owner, duration and lag, never the text."""

from typing import Literal

from flask import Response, jsonify
from pydantic import Field

from whisper_appliance.admin.admin_only import ADMIN, ADMIN_ERRORS, admin_only
from whisper_appliance.admin.owner_names import NameOf, OwnerResponse, owner_names
from whisper_appliance.core.schema import Schema
from whisper_appliance.jobs.admin_queries import HANDLE_REGEX
from whisper_appliance.live.admin import SessionSummary
from whisper_appliance.web.auth.authentication import require
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import error_responses
from whisper_appliance.web.schemas.transcript import UtcTime

blueprint = admin_only(LazyBlueprint("admin_live", __name__, url_prefix="/api/admin/live", abp_tags=[ADMIN]))


class SessionHandlePath(Schema):
    """The address of somebody's live session."""

    handle: str = Field(description="The first 16 digits of the session's id.", pattern=HANDLE_REGEX)


class SessionRow(Schema):
    """A live session without its words."""

    handle: str
    owner: OwnerResponse
    created: str = UtcTime
    model: str
    language: str | None = Field(description="The requested language; null: detected by the model.")
    state: Literal["on", "away", "ending"] = Field(
        description="`away`: the speaker is not connected, and may come back."
    )
    audio_seconds: float = Field(description="Seconds of audio so far.")
    lag_seconds: float = Field(description="How far the captions are behind.")
    shared: bool = Field(description="Whether others may read along by a link.")


class SessionRows(Schema):
    """All live sessions, the newest first."""

    sessions: list[SessionRow]
    limit: int = Field(description="How many there may be at once.")


@blueprint.get("", responses={200: SessionRows, **error_responses(*ADMIN_ERRORS, 503)})
def list_sessions() -> Response:
    """Everybody's live sessions; never their words."""
    return jsonify(session_rows(owner_names(appliance().accounts.users.list_users())).model_dump())


def session_rows(name_of: NameOf) -> SessionRows:
    """All live sessions as rows, with the names of their owners."""
    sessions = appliance().live_admin.open_sessions()
    rows = [_row(session, name_of(session.owner)) for session in sessions]
    return SessionRows(sessions=rows, limit=appliance().live.counts().limit)


@blueprint.delete(
    "/<handle>",
    responses={204: None, **error_responses(*ADMIN_ERRORS, 404, 503)},
    operation_id="admin_live_end__handle__delete",
)
def end_session(path: SessionHandlePath) -> tuple[str, int]:
    """Ends somebody's live session; what was said so far is kept for them."""
    actor = require("oversee")
    appliance().live_admin.stop(path.handle)
    appliance().audit.record(actor, "live.end", path.handle)
    return "", 204


def _row(session: SessionSummary, owner: OwnerResponse) -> SessionRow:
    return SessionRow(
        handle=session.handle,
        owner=owner,
        created=session.created,
        model=session.model,
        language=session.language,
        state=session.state,
        audio_seconds=session.audio_seconds,
        lag_seconds=session.lag_seconds,
        shared=session.shared,
    )
