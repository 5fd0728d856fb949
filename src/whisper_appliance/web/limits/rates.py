"""Rate limits: requests and uploads a minute of a client network, a user and an API key (memory or Redis)."""

import time
from collections.abc import Callable, Iterator

from flask import Flask, Response, request
from flask_limiter import ApplicationLimit, Limiter, RateLimitExceeded
from limits.errors import ConfigurationError

from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import ApplianceError, BadSetting
from whisper_appliance.core.network import client_network
from whisper_appliance.web.auth.authentication import current_actor
from whisper_appliance.web.errors import error_response

UNLIMITED_ENDPOINTS = frozenset({"status.get_health", "static"})
"""Endpoints without a limit, because health checks must work and pages need their styles."""
REDIS_SECONDS = 1.0
KeyFunction = Callable[[], str]


def install(app: Flask, settings: Settings) -> None:
    """Rejects requests above a limit with 429 and Retry-After. Raises `BadSetting` for a bad REDIS_URL."""
    redis = settings.redis_url.get_secret_value() if settings.redis_url else ""
    try:
        limiter = Limiter(
            request_network,
            app=app,
            application_limits=list(_limits(settings)),
            strategy="moving-window",
            storage_uri=redis or "memory://",
            storage_options={"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}  # type: ignore[dict-item] # redis takes fractions
            if redis
            else {},
            in_memory_fallback_enabled=bool(redis),
            key_prefix="whisper-appliance",
        )
    except ConfigurationError as error:
        raise BadSetting(f"REDIS_URL cannot be used: {error}") from None
    limiter.request_filter(lambda: request.endpoint in UNLIMITED_ENDPOINTS)

    def refuse(_error: RateLimitExceeded) -> Response:
        limit = limiter.current_limit
        return error_response(
            429,
            "busy",
            "Too many requests in a minute. Wait a moment, and send fewer at once.",
            retry_after_seconds=limit.reset_at - time.time() if limit else None,
        )

    app.register_error_handler(RateLimitExceeded, refuse)


def request_network() -> str:
    """The client of this request for counting: an IPv4 address or an IPv6 /64 network."""
    return client_network(request.remote_addr or "nowhere")


def _limits(settings: Settings) -> Iterator[ApplicationLimit]:
    yield from _limit("requests", settings.requests_per_minute, request_network)
    for key in (_user_key, _api_key):
        yield from _limit("requests", settings.requests_per_minute_per_user, key)
    for key in (request_network, _user_key, _api_key):
        yield from _limit("uploads", settings.uploads_per_minute, key)


def _limit(scope: str, per_minute: int, key: KeyFunction) -> Iterator[ApplicationLimit]:
    if per_minute:
        yield ApplicationLimit(
            limit_provider=f"{per_minute}/minute",
            scope=scope,
            key_function=key,
            exempt_when=lambda: not key() or (scope == "uploads" and not _is_upload()),
        )


def _is_upload() -> bool:
    return request.method == "POST" and request.mimetype == "multipart/form-data"


def _user_key() -> str:
    try:
        user = current_actor().user
    except ApplianceError:
        return ""  # an invalid key is rejected by the route; its address has been counted
    return f"user {user.id}" if user else ""


def _api_key() -> str:
    try:
        actor = current_actor()
    except ApplianceError:
        return ""
    return f"key {actor.key}" if actor.key else ""
