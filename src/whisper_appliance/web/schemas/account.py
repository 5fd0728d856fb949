"""Accounts, their keys, sessions and usage, as the API tells them."""

from pydantic import BaseModel, Field

from whisper_appliance.accounts.identity import Role, Scope
from whisper_appliance.accounts.keys import Key
from whisper_appliance.accounts.sessions import Session
from whisper_appliance.accounts.usage import Used
from whisper_appliance.web.schemas.transcript import TimeOfDay

EMPTY_IS_FOREVER = Field(None, description="UTC, ISO 8601; null: until it is revoked.")


class QuotaAnswer(BaseModel):
    """What may be used; null: no limit."""

    minutes_per_month: float | None
    storage_bytes: int | None
    waiting_jobs: int | None


class UsedAnswer(BaseModel):
    """What was used on one day, by one key or without one."""

    day: str = Field(examples=["2026-03-01"])
    key: str | None = Field(
        None, description="Name of the key; its id where it is no more; null without one."
    )
    jobs: int
    audio_seconds: float
    processing_seconds: float


class AccountAnswer(BaseModel):
    """The account of whoever asks."""

    id: str
    name: str
    role: Role
    created: str = TimeOfDay
    quota: QuotaAnswer
    storage_bytes: int = Field(description="What recordings and transcripts take, the trash included.")
    month_seconds: float = Field(description="Audio of this month.")
    days: list[UsedAnswer] = Field(description="Of the last 31 days.")


class OwnSessionAnswer(BaseModel):
    """A browser in which somebody is signed in."""

    id: str
    created: str = TimeOfDay
    last_seen: str = TimeOfDay
    address: str
    agent: str = Field(description="What the browser calls itself.")
    current: bool = Field(description="Whether it is the one that asks.")


class OwnSessionList(BaseModel):
    """Sessions, those used last first."""

    sessions: list[OwnSessionAnswer]


class KeyAnswer(BaseModel):
    """An API key, without its secret."""

    id: str
    name: str
    hint: str = Field(description="How it begins.")
    scopes: list[Scope]
    created: str = TimeOfDay
    expires: str | None = EMPTY_IS_FOREVER
    last_used: str | None = None


class NewKeyAnswer(KeyAnswer):
    """A new API key, and its secret, which is told this once."""

    token: str = Field(examples=["wa_3kQ…"])


class KeyList(BaseModel):
    """Keys, the newest first."""

    keys: list[KeyAnswer]


def session_answer(session: Session, current: str) -> dict[str, object]:
    """A session as JSON."""
    return OwnSessionAnswer(
        id=session.id,
        created=session.created,
        last_seen=session.last_seen,
        address=session.address,
        agent=session.agent,
        current=session.id == current,
    ).model_dump()


def key_answer(key: Key) -> dict[str, object]:
    """A key as JSON."""
    return KeyAnswer(
        id=key.id,
        name=key.name,
        hint=key.hint,
        scopes=sorted(key.scopes),
        created=key.created,
        expires=key.expires,
        last_used=key.last_used,
    ).model_dump()


def used_answer(used: Used, names: dict[str, str]) -> UsedAnswer:
    """A day's use as JSON; `names` are those of the keys."""
    return UsedAnswer(
        day=used.day,
        key=names.get(used.key_id, used.key_id) or None,
        jobs=used.jobs,
        audio_seconds=round(used.audio_seconds, 3),
        processing_seconds=round(used.processing_seconds, 3),
    )
