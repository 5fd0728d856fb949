"""What every answer carries: a request id, and headers that hold browsers back."""

import secrets

import structlog
from flask import Flask, Response, g, request

from whisper_appliance.web.response_format import SECURITY_HEADERS


def install(app: Flask) -> None:
    """Gives every request an id, in its logs and on its answer, and every answer the security headers."""
    app.before_request(_name_request)
    app.after_request(_finish)
    app.teardown_request(_forget)


def _name_request() -> None:
    g.request_id = secrets.token_hex(8)
    structlog.contextvars.bind_contextvars(request_id=g.request_id, method=request.method, path=logged_path())


def logged_path() -> str:
    """The path of this request as logs may have it: what opens a door is left out."""
    path = request.path
    for name, value in (request.view_args or {}).items():
        if "token" in name:
            path = path.replace(str(value), f"<{name}>")
    return path


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("request_id", "")
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store" if request.path.startswith("/api/") else "no-cache"
    return response


def _forget(_error: BaseException | None) -> None:
    structlog.contextvars.unbind_contextvars("request_id", "method", "path")
