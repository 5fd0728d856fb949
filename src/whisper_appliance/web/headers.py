"""Headers of every response: the request id, the security headers, and a Cache-Control."""

import secrets

import structlog
from flask import Response, g, request

from whisper_appliance.web.response_format import SECURITY_HEADERS


def assign_request_id() -> None:
    """A hook: gives the request an id, for its log lines, its errors and its response."""
    g.request_id = secrets.token_hex(8)
    structlog.contextvars.bind_contextvars(request_id=g.request_id, method=request.method, path=logged_path())


def logged_path() -> str:
    """The path of this request for the log, without tokens, because a token gives access."""
    path = request.path
    for name, value in (request.view_args or {}).items():
        if "token" in name:
            path = path.replace(str(value), f"<{name}>")
    return path


def add_headers(response: Response) -> Response:
    """A hook: adds the headers that the view did not set."""
    response.headers["X-Request-Id"] = g.get("request_id", "")
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store" if request.path.startswith("/api/") else "no-cache"
    return response


def unbind_request_id(_error: BaseException | None) -> None:
    """A hook: removes the request id from the log context of this thread."""
    structlog.contextvars.unbind_contextvars("request_id", "method", "path")
