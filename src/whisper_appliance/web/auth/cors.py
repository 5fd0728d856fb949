"""Cross-origin resource sharing (CORS): only pages of the sites in CORS_ORIGINS may use the API."""

import re
from collections.abc import Collection

from flask import Flask
from flask_cors import CORS

PATHS = (r"/api/.*", r"/v1/.*", r"/transcribe", r"/health", r"/openapi\.json")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
REQUEST_HEADERS = (
    "Accept", "Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match",
    "Last-Event-ID", "Reuse-Transcript",
    "Tus-Resumable", "Upload-.*",
    "OpenAI-.*", "X-Stainless-.*",  # sent by the official OpenAI client
)  # fmt: skip
RESPONSE_HEADERS = (
    "ETag", "Location", "Retry-After", "X-Request-Id", "X-Transcript-Id", "X-Words-Aligned",
    "Idempotent-Replayed", "X-Should-Retry",
    "Tus-Resumable", "Upload-Offset", "Upload-Length", "Upload-Expires", "X-Job-Id",
)  # fmt: skip
PREFLIGHT_SECONDS = 600


def install(app: Flask, origins: Collection[str]) -> None:
    """Lets pages of `origins` read responses of the API, without the cookies of this site."""
    app.config["ALLOWED_ORIGINS"] = frozenset(origins)
    if not origins:
        return
    patterns = [re.compile(re.escape(origin) + r"\Z") for origin in origins]
    CORS(
        app,
        resources={
            path: {
                "origins": patterns,
                "methods": METHODS,
                "allow_headers": REQUEST_HEADERS,
                "expose_headers": RESPONSE_HEADERS,
                "supports_credentials": False,
                "max_age": PREFLIGHT_SECONDS,
            }
            for path in PATHS
        },
    )
