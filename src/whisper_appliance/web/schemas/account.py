"""The JSON of accounts, API keys, sessions and usage."""

from typing import Any

from pydantic import Field

from whisper_appliance.accounts.identity import Role, Scope
from whisper_appliance.accounts.keys import ApiKey
from whisper_appliance.accounts.sessions import Session
from whisper_appliance.accounts.usage import UsageRow
from whisper_appliance.core.schema import Schema
from whisper_appliance.web.schemas.transcript import UtcTime

EXPIRES_FIELD = Field(None, description="UTC, ISO 8601; null: until it is revoked.")


class QuotaResponse(Schema):
    """What may be used; null: no limit."""

    minutes_per_month: float | None
    storage_bytes: int | None
    waiting_jobs: int | None


class UsageDayResponse(Schema):
    """What was used on one day, by one key or without one."""

    day: str = Field(examples=["2026-03-01"])
    key: str | None = Field(
        None, description="Name of the key; its id where it is no more; null without one."
    )
    jobs: int
    audio_seconds: float
    processing_seconds: float


class AccountResponse(Schema):
    """The account of the caller."""

    id: str
    name: str
    role: Role
    created: str = UtcTime
    model: str | None = Field(
        None, description="For recordings whose request names none; null: the appliance's."
    )
    quota: QuotaResponse
    storage_bytes: int = Field(description="What recordings and transcripts take, the trash included.")
    month_seconds: float = Field(description="Audio of this month.")
    days: list[UsageDayResponse] = Field(description="Of the last 31 days.")


class OwnSessionResponse(Schema):
    """A browser in which somebody is signed in."""

    id: str
    created: str = UtcTime
    last_seen: str = UtcTime
    address: str
    agent: str = Field(description="What the browser calls itself.")
    current: bool = Field(description="Whether it is the session of this request.")


class OwnSessionList(Schema):
    """Sessions, those used last first."""

    sessions: list[OwnSessionResponse]


class KeyResponse(Schema):
    """An API key, without its secret."""

    id: str
    name: str
    hint: str = Field(description="How it begins.")
    scopes: list[Scope]
    created: str = UtcTime
    expires: str | None = EXPIRES_FIELD
    last_used: str | None = None


class NewKeyResponse(KeyResponse):
    """A new API key, and its secret, which is shown only in this response."""

    token: str = Field(examples=["wa_3kQ…"])


class KeyList(Schema):
    """Keys, the newest first."""

    keys: list[KeyResponse]


class WebAuthnOptions(Schema):
    """Options for the browser."""

    public_key: dict[str, Any] = Field(description="JSON of WebAuthn, for `parse…OptionsFromJSON`.")


def session_response(session: Session, current: str) -> dict[str, object]:
    """A session as JSON."""
    return OwnSessionResponse(
        id=session.id,
        created=session.created,
        last_seen=session.last_seen,
        address=session.address,
        agent=session.agent,
        current=session.id == current,
    ).model_dump()


def key_response(key: ApiKey) -> dict[str, object]:
    """A key as JSON."""
    return KeyResponse(
        id=key.id,
        name=key.name,
        hint=key.hint,
        scopes=sorted(key.scopes),
        created=key.created,
        expires=key.expires,
        last_used=key.last_used,
    ).model_dump()


def usage_day_response(used: UsageRow, names: dict[str, str]) -> UsageDayResponse:
    """A day's use as JSON; `names` are those of the keys."""
    return UsageDayResponse(
        day=used.day,
        key=names.get(used.key_id, used.key_id) or None,
        jobs=used.jobs,
        audio_seconds=round(used.audio_seconds, 3),
        processing_seconds=round(used.processing_seconds, 3),
    )
