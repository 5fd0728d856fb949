"""The Idempotency-Key header: a request sent again with the same key gets the job of the first one (replay).

The official OpenAI client repeats requests after 408, 409, 429 and 5xx without a key; for requests without a
key, see `app.submit_recording`.
"""

from typing import Any

from flask import Response, request

from whisper_appliance.core.errors import InvalidRequest

HEADER = "Idempotency-Key"
REUSE_HEADER = "Reuse-Transcript"
MAX_KEY_CHARS = 255
PARAMETER: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": (
        "A name of your choice for this request. The same file and options with the same key again get the "
        "job of the first request, however long ago; with another file the key is refused. Without a key, "
        "the same file and options get that job while it is under way and shortly afterwards."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARS, "pattern": "^[!-~]+$"},
}
"""The OpenAPI parameter."""
REUSE_PARAMETER: dict[str, Any] = {
    "name": REUSE_HEADER,
    "in": "header",
    "required": False,
    "description": (
        "`true`: if one of your own transcripts is of the same recording with the same model and options, it "
        "is the answer, however old it is, and nothing is transcribed. The answer says "
        "`Idempotent-Replayed: true`, and its job `reused`."
    ),
    "schema": {"type": "string", "enum": ["true", "false"]},
}


def idempotency_key() -> str | None:
    """The key of this request, None without one. Raises `InvalidRequest` for a malformed key."""
    header = request.headers.get(HEADER)
    if header is None:
        return None
    key = header.strip().removeprefix('"').removesuffix('"')  # the draft standard quotes it (RFC 8941)
    if not 0 < len(key) <= MAX_KEY_CHARS or not (key.isascii() and key.isprintable()):
        raise InvalidRequest(
            "{header}: send 1 to {max_key_chars} printable ASCII characters.",
            header=HEADER,
            max_key_chars=MAX_KEY_CHARS,
            field=HEADER,
        )
    return key


def wants_reuse() -> bool:
    """Whether an earlier transcript of the same recording and options is wanted, if there is one."""
    return request.headers.get(REUSE_HEADER, "").strip().lower() == "true"


def mark_replayed(response: Response) -> Response:
    """Marks a response as that of an earlier request."""
    response.headers["Idempotent-Replayed"] = "true"
    return response
