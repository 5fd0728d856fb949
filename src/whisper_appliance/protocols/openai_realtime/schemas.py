"""The HTTP bodies of realtime requests, for validation and for the OpenAPI document."""

from typing import Any, Literal

from flask_openapi3.types import ResponseDict
from pydantic import ConfigDict, Field

from whisper_appliance.core.schema import Schema


class RealtimeQuery(Schema):
    """The query of a realtime connection."""

    intent: str | None = Field(None, description="`transcription`; without it a session transcribes, too.")
    model: str | None = Field(None, description="The model of the transcription.", max_length=100)


class ExpiresAfter(Schema):
    """When a client secret expires."""

    anchor: Literal["created_at"] = "created_at"
    seconds: int = Field(default=600, ge=10, le=7200)


class ClientSecretBody(Schema):
    """A new client secret."""

    model_config = ConfigDict(extra="ignore")

    expires_after: ExpiresAfter = ExpiresAfter()
    session: dict[str, Any] = Field(
        default_factory=dict, description="The configuration of the sessions that the secret opens."
    )


class ClientSecretResponse(Schema):
    """A client secret, which cannot be shown again."""

    value: str = Field(description="The token.", examples=["ek_..."])
    expires_at: int = Field(description="Seconds of the epoch.")
    session: dict[str, Any]


class BetaExpiry(Schema):
    """When the secret of the older API expires."""

    expires_after: ExpiresAfter | None = None


class BetaSessionBody(Schema):
    """A session with the older flat names."""

    model_config = ConfigDict(extra="allow")

    client_secret: BetaExpiry = BetaExpiry()


class BetaSessionResponse(Schema):
    """A session with the older flat names, and the client secret that opens it."""

    model_config = ConfigDict(extra="allow")

    id: str
    client_secret: dict[str, Any]


class RealtimeErrorBody(Schema):
    """An error in the shape of OpenAI's API."""

    message: str
    type: str
    param: str | None
    code: str | None


class RealtimeErrorResponse(Schema):
    """Every error of these routes."""

    error: RealtimeErrorBody


FAILURES: ResponseDict = dict.fromkeys((400, 401, 403, 404, 413, 415, 429, 500, 503), RealtimeErrorResponse)
"""The error responses of all routes."""
