"""Which requests are one request that was sent again, because its answer was lost on the way.

A client names it with an Idempotency-Key. One that has none (the official OpenAI client sends again after
a 408, 409, 429 or 5xx without one) is known by who it is, its file and its options.
"""

import hashlib
import json
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from flask import Response, request

from whisper_appliance.core.clock import written
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.engines.contract import Options
from whisper_appliance.jobs.job import IdempotencyKey
from whisper_appliance.web.auth.authentication import current_actor
from whisper_appliance.web.context import appliance
from whisper_appliance.web.limits.rates import client_network
from whisper_appliance.web.multipart_form import Upload

HEADER = "Idempotency-Key"
LONGEST_KEY = 255
PARAMETER: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": (
        "A name of your choice for this request. The same file and options with the same key again get the "
        "job of the first request, however long ago; with another file the key is refused. Without a key, "
        "the same file and options get that job while it is under way and shortly afterwards."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"},
}
"""For the document of the API."""


def idempotency_key(upload: Upload, options: Options, model: str | None) -> IdempotencyKey | None:
    """How this request would be known again. Raises `InvalidRequest` for a key that is none."""
    wanted = [upload.sha256, upload.name, model or appliance().models.default, asdict(options)]
    fingerprint = _digest(json.dumps(wanted, sort_keys=True))
    whose = current_actor().owner or f"nobody at {client_network()}"
    if (given := _key()) is not None:
        return IdempotencyKey(_digest(whose, "key", given), fingerprint)
    seconds = appliance().settings.repeat_seconds
    if not seconds:
        return None
    since = upload.received_at - timedelta(seconds=seconds)
    return IdempotencyKey(_digest(whose, "content", fingerprint), fingerprint, written(since))


def mark_replayed(response: Response) -> Response:
    """Says of an answer that a request before this one has made it."""
    response.headers["Idempotent-Replayed"] = "true"
    return response


def _key() -> str | None:
    given = request.headers.get(HEADER)
    if given is None:
        return None
    key = given.strip().removeprefix('"').removesuffix('"')  # a string of RFC 8941, as the draft has it
    if not 0 < len(key) <= LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise InvalidRequest(f"{HEADER}: send 1 to {LONGEST_KEY} printable ASCII characters.", field=HEADER)
    return key


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
