"""Other sites whose pages may use the API: none, but for those that the operator names."""

import re
from collections.abc import Collection

from flask import Flask
from flask_cors import CORS

ADDRESSES = (r"/api/.*", r"/v1/.*", r"/transcribe", r"/health", r"/openapi\.json")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SENT = ("Accept", "Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID")
SHOWN = ("Location", "Retry-After", "X-Request-Id", "X-Transcript-Id", "Idempotent-Replayed")
PREFLIGHT_SECONDS = 600


def install(app: Flask, origins: Collection[str]) -> None:
    """Lets pages of `origins` alone read what the API answers, never with this site's cookies."""
    app.config["ALLOWED_ORIGINS"] = frozenset(origins)
    if not origins:
        return
    exactly = [re.compile(re.escape(origin) + r"\Z") for origin in origins]
    CORS(
        app,
        resources={
            address: {
                "origins": exactly,
                "methods": METHODS,
                "allow_headers": SENT,
                "expose_headers": SHOWN,
                "supports_credentials": False,
                "max_age": PREFLIGHT_SECONDS,
            }
            for address in ADDRESSES
        },
    )
