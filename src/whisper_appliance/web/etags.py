"""Entity tags: ETag names a version of what can be edited, and If-Match rejects an edit of an older one.

RFC 9110, sections 8.8.3, 13.1.1 and 13.1.2.
"""

import hashlib
from typing import Any

from flask import Response, request

from whisper_appliance.core.errors import PreconditionFailed

IF_MATCH: dict[str, Any] = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": (
        "`ETag` of the version that was edited: if somebody else changed it in the meantime, the answer is "
        "412 and nothing changes. Without it, the last edit wins."
    ),
    "schema": {"type": "string", "maxLength": 1000},
}
"""The OpenAPI parameter."""
NOT_MODIFIED = {"description": "Not modified: `If-None-Match` has its `ETag`."}
"""The OpenAPI response 304."""


def etag_of(version: bytes | str) -> str:
    """The tag of a version: of the bytes of its JSON, or of its revision."""
    content = version.encode() if isinstance(version, str) else version
    return hashlib.sha256(content).hexdigest()[:32]


def with_etag(response: Response, etag: str | None = None) -> Response:
    """The response with its tag, by default that of its body; 304 if the client has this version."""
    response.set_etag(etag or etag_of(response.get_data()))
    response.make_conditional(request)
    return response


def check_if_match(etag: str) -> None:
    """Raises `PreconditionFailed` if the request has If-Match without the tag of the present version."""
    if "If-Match" in request.headers and not request.if_match.contains(etag):
        raise PreconditionFailed(
            "Somebody else has changed this in the meantime. Load it again, then repeat your change.",
            field="If-Match",
        )
