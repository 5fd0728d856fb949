"""The parts of the OpenAPI 3.1 document: tags, security schemes, and the documentation of responses."""

from collections.abc import Container
from typing import Any

from flask_openapi3 import Info, Tag
from flask_openapi3.models import OPENAPI3_REF_PREFIX
from flask_openapi3.types import ResponseDict, SecuritySchemesDict
from pydantic import BaseModel, Field

from whisper_appliance import __version__
from whisper_appliance.core.schema import Schema

PAGES = Tag(name="Pages", description="What people open in a browser.")
SPEECH = Tag(name="Speech to text", description="Audio in, words out.")
LIVE = Tag(
    name="Live speech",
    description="A microphone that is on now. Audio and words go over WebSockets: "
    "[/docs/sockets](/docs/sockets) has every message, [/docs/live](/docs/live) explains ours.",
)
JOBS = Tag(name="Jobs", description="Work that waits or runs, and its progress.")
TRANSCRIPTS = Tag(name="Transcripts", description="What was transcribed, kept for its owner.")
SIGN_IN = Tag(name="Sign-in", description="Signing in and out, invitations, the first start.")
ACCOUNT = Tag(name="Account", description="One's own account: password, sessions, keys, use, data.")
SYSTEM = Tag(name="System", description="Models, health and the certificate.")
ADMIN = Tag(name="Administration", description="For those who run the appliance.")
TAGS = (SPEECH, LIVE, JOBS, TRANSCRIPTS, SIGN_IN, ACCOUNT, SYSTEM, ADMIN, PAGES)
"""In the order in which the document shows them."""

INFO = Info(
    title="Whisper Appliance",
    version=__version__,
    description=(
        "A self-hosted speech-to-text box around OpenAI's Whisper models. What other programs need is at "
        "[Connect a program](/connect), the messages of WebSockets are at [/docs/sockets](/docs/sockets).\n\n"
        "Programs use a key of a user, in the header `Authorization: Bearer wa_…`; its scopes (`transcribe`, "
        "`read`, `write`, `admin`) say what it may do. Pages use the session of the signed-in user. What "
        "is made with either is that user's, and to everybody else it is not found.\n\n"
        "Where the appliance is open to its network, neither is needed to transcribe: a browser that opened "
        "a page has a visitor's cookie, which owns what it makes, and a client without one reaches its jobs "
        "and transcripts by their ids only: keep them. Where it is for people with an account, anything else "
        "is 401.\n\n"
        "Programs use the base address `/api/v1`: `/api/v1/jobs` is `/api/jobs`, `/api/v1/transcribe` is "
        "`/transcribe`, `/api/v1/health` is `/health`. These addresses keep their meaning when a later "
        "version changes those below, where each route is listed once, without its version.\n\n"
        "Every error, from every route, has the shape of `ErrorResponse`. Times are UTC (ISO 8601), "
        "durations are seconds."
    ),
)

SECURITY_SCHEMES: SecuritySchemesDict = {
    "browser": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-appliance",
        "description": (
            "Names a visitor: a browser without an account gets it when it opens a page (`appliance` over "
            "plain HTTP)."
        ),
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-session",
        "description": (
            "The session of a user, from signing in (`session` over plain HTTP). Requests that change "
            "something need the page's token in `X-CSRF-Token` as well."
        ),
    },
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key of a user, `wa_…`. It may do what its scopes say, never more than its user.",
    },
}

SECURITY: tuple[dict[str, list[str]], ...] = ({}, {"key": []}, {"session": []}, {"browser": []})
"""Every route accepts any of these; `auth.authentication` decides which one is needed."""


class ErrorBody(Schema):
    """What went wrong, for programs and for people."""

    code: str = Field(description="Stable and machine-readable.", examples=["too_large"])
    message: str = Field(description="What happened and what to do.")
    field: str | None = Field(None, description="The input that was wrong.")
    request_id: str = Field(description="Names this request in the appliance's log.")


class ErrorResponse(Schema):
    """Every error, from every route."""

    error: ErrorBody


_EXAMPLES: dict[int, tuple[str, str, str | None]] = {
    400: ("invalid_request", "language: 'xx' is not a language that Whisper knows.", "language"),
    401: ("sign_in_required", "Sign in to do this.", None),
    403: ("not_allowed", "This request comes from a page of another site.", None),
    404: ("not_found", "There is no such transcript.", None),
    408: ("too_slow", "The upload took longer than 1800 seconds.", None),
    409: ("conflict", "The job has already ended.", None),
    411: ("length_required", "Say how long the upload is (Content-Length) or send it in chunks.", None),
    423: ("locked", "Another request sends bytes of this upload. Try again in a moment.", None),
    460: ("checksum_mismatch", "The bytes that arrived are not those that were sent. Send them again.", None),
    412: ("precondition_failed", "Somebody else has changed this in the meantime.", "If-Match"),
    413: ("too_large", "The file is larger than 100 MB, the limit of this appliance.", "file"),
    415: ("unsupported_media", "Files named .txt are not taken.", "file"),
    422: ("undecodable", "This file holds nothing that can be read as audio.", None),
    428: ("precondition_required", "Send the revision that you read in If-Match, in quotes.", "If-Match"),
    429: ("busy", "Too many uploads at once. Try again in a moment.", None),
    500: ("internal", "Something went wrong inside the appliance.", None),
    503: ("model_unavailable", "The model 'base' is not on this machine yet.", None),
    507: ("disk_full", "Not enough free disk space to take this file.", None),
}


_UPLOAD_FAILURES = (400, 401, 403, 404, 411, 413, 415, 422, 429, 500, 503, 507)


def upload_failures(shape: type[BaseModel], *, without: Container[int] = ()) -> ResponseDict:
    """Every status with which a recording may be refused, in the error shape of another program."""
    return {status: shape for status in _UPLOAD_FAILURES if status not in without}


def transcript_responses(failures: ResponseDict, *media_types: str) -> ResponseDict:
    """A transcript as JSON or as text of one of these types, or one of the failures."""
    content = {media: {"schema": {"type": "string"}} for media in media_types}
    return {
        200: {
            "description": "The transcript in the requested format.",
            "content": {**content, "application/json": {"schema": {"type": "object"}}},
        },
        **failures,
    }


def error_responses(*statuses: int) -> ResponseDict:
    """The error responses of a route, with examples; every route may respond with 400, 429 and 500."""
    return {status: _failure(status) for status in sorted({*statuses, 400, 429, 500})}


def _failure(status: int) -> dict[str, Any]:
    code, message, field = _EXAMPLES[status]
    example = {"error": {"code": code, "message": message, "field": field, "request_id": "9f2c61d0a7b3e845"}}
    response: dict[str, Any] = {
        "description": message,
        "content": {"application/json": {"schema": reference(ErrorResponse), "example": example}},
    }
    if status in (429, 503):
        response["headers"] = {
            "Retry-After": {"description": "Seconds after which to try again.", "schema": {"type": "integer"}}
        }
    return response


def reference(model: type[BaseModel]) -> dict[str, str]:
    """A reference to the schema of `model`."""
    return {"$ref": f"{OPENAPI3_REF_PREFIX}/{model.__name__}"}


def text_response(description: str, *media_types: str) -> dict[str, Any]:
    """A response with text of one of these types."""
    return {
        "description": description,
        "content": {each: {"schema": {"type": "string"}} for each in media_types},
    }


def page_response(description: str, *statuses: int) -> ResponseDict:
    """The responses of an HTML page, with these error statuses."""
    return {200: text_response(description, "text/html"), **error_responses(*statuses)}
