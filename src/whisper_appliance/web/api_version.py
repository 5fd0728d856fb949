"""The version of the native API: an address under /api/v1 is the same route as the one without a version.

Programs use the versioned addresses, because these keep their meaning when a later version changes the
others.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Response, request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PREFIX = "/api/v1"
OUTSIDE_API = frozenset({"/transcribe", "/health", "/openapi.json"})
"""Routes of the native API whose address without a version does not begin with /api."""
VERSIONED = "whisper_appliance.api_version"
"""The WSGI environment key of a request to a versioned address."""


class VersionedAddresses:
    """A WSGI middleware: rewrites a versioned address to the one of its route."""

    def __init__(self, application: "WSGIApplication") -> None:
        self._application = application

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(f"{PREFIX}/"):
            rest = path.removeprefix(PREFIX)
            environ["PATH_INFO"] = rest if rest in OUTSIDE_API else f"/api{rest}"
            environ[VERSIONED] = "1"
        return self._application(environ, start_response)


def keep_version(response: Response) -> Response:
    """A hook: a response to a versioned address points to versioned addresses."""
    location = response.headers.get("Location", "")
    if VERSIONED in request.environ and location.startswith("/api/"):
        response.headers["Location"] = f"{PREFIX}{location.removeprefix('/api')}"
    return response
