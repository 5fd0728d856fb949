"""Rate limits: requests and uploads a minute of a client network, a user and an API key (memory or Redis)."""

import time
from collections.abc import Callable, Iterator

from flask import Flask, Response, request
from flask_limiter import ApplicationLimit, Limiter, RateLimitExceeded
from limits.errors import ConfigurationError

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import ApplianceError, BadSetting
from whisper_appliance.core.network import client_network
from whisper_appliance.web.errors import error_response

UNLIMITED_ENDPOINTS = frozenset({"status.get_health", "static"})
"""Endpoints without a limit, because health checks must work and pages need their styles."""
REDIS_SECONDS = 1.0
MAX_JSON_BYTES = 64 * 1024
KeyFunction = Callable[[], str]


def install(
    app: Flask,
    settings: Settings,
    current_actor: Callable[[], Actor],
    on_refused: Callable[[str], None] = lambda limit: None,
) -> None:
    """Rejects requests above a limit with 429 and Retry-After. Raises `BadSetting` for a bad REDIS_URL.

    `current_actor` returns the actor of the request; it may raise an `ApplianceError`. `on_refused` is called
    with the name of the limit.
    """
    redis = settings.redis_url.get_secret_value() if settings.redis_url else ""
    try:
        limiter = Limiter(
            request_network,
            app=app,
            application_limits=list(_limits(settings, current_actor)),
            strategy="moving-window",
            storage_uri=redis or "memory://",
            storage_options={"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}  # type: ignore[dict-item] # redis takes fractions
            if redis
            else {},
            in_memory_fallback_enabled=bool(redis),
            key_prefix="whisper-appliance",
        )
    except ConfigurationError as error:
        raise BadSetting("REDIS_URL cannot be used: {error}", error=error) from None
    limiter.request_filter(lambda: request.endpoint in UNLIMITED_ENDPOINTS)

    def reject(error: RateLimitExceeded) -> Response:
        limit = limiter.current_limit
        on_refused(f"{error.limit.scope}_per_minute")
        return error_response(
            429,
            "busy",
            "Too many requests in a minute. Wait a moment, and send fewer at once.",
            retry_after_seconds=limit.reset_at - time.time() if limit else None,
        )

    app.register_error_handler(RateLimitExceeded, reject)


def request_network() -> str:
    """The client of this request for counting: an IPv4 address or an IPv6 /64 network."""
    return client_network(request.remote_addr or "nowhere")


def _limits(settings: Settings, current_actor: Callable[[], Actor]) -> Iterator[ApplicationLimit]:
    def user_key() -> str:
        user = actor().user
        return f"user {user.id}" if user else ""

    def api_key() -> str:
        key = actor().key
        return f"key {key}" if key else ""

    def actor() -> Actor:
        try:
            return current_actor()
        except ApplianceError:
            return Actor("")  # an invalid key is rejected by the route; its address has been counted

    yield from _limit("requests", settings.requests_per_minute, request_network)
    for key in (user_key, api_key):
        yield from _limit("requests", settings.requests_per_minute_per_user, key)
    for key in (request_network, user_key, api_key):
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
    """Whether the body is a recording: a form, or as some APIs take it, anything but a small JSON."""
    has_body = bool(request.content_length) or "Transfer-Encoding" in request.headers
    is_small_json = request.is_json and (request.content_length or 0) <= MAX_JSON_BYTES
    return request.method == "POST" and has_body and not is_small_json
