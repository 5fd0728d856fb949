"""How many requests an address, a user or a key may send a minute, counted in memory or in Redis."""

import ipaddress
import time
from collections.abc import Callable, Iterator

from flask import Flask, Response, request
from flask_limiter import ApplicationLimit, Limiter, RateLimitExceeded
from limits.errors import ConfigurationError

from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import ApplianceError, BadSetting
from whisper_appliance.web.auth.authentication import current_actor
from whisper_appliance.web.errors import error_response

FREE = frozenset({"status.get_health", "static"})
"""Endpoints that are never refused: a watchdog must hear, and a page must look like one."""
REDIS_SECONDS = 1.0
IPV6_NETWORK_BITS = 64
"""A provider gives every home so many addresses; they are one client."""
Key = Callable[[], str]


def install(app: Flask, settings: Settings) -> None:
    """Refuses what comes too often with the time to wait. Raises `BadSetting` for a bad REDIS_URL."""
    redis = settings.redis_url.get_secret_value() if settings.redis_url else ""
    try:
        limiter = Limiter(
            client_network,
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
    limiter.request_filter(lambda: request.endpoint in FREE)

    def refuse(_error: RateLimitExceeded) -> Response:
        limit = limiter.current_limit
        return error_response(
            429,
            "busy",
            "Too many requests in a minute. Wait a moment, and send fewer at once.",
            retry_after_seconds=limit.reset_at - time.time() if limit else None,
        )

    app.register_error_handler(RateLimitExceeded, refuse)


def client_network() -> str:
    """Whence the request comes: an IPv4 address, or an IPv6 network."""
    said = request.remote_addr or "nowhere"
    try:
        found = ipaddress.ip_address(said)
    except ValueError:
        return said
    if found.version == 4:
        return said
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, IPV6_NETWORK_BITS), strict=False))


def _limits(settings: Settings) -> Iterator[ApplicationLimit]:
    yield from _limit("requests", settings.requests_per_minute, client_network)
    for key in (_user, _key):
        yield from _limit("requests", settings.requests_per_minute_per_user, key)
    for key in (client_network, _user, _key):
        yield from _limit("uploads", settings.uploads_per_minute, key)


def _limit(what: str, per_minute: int, key: Key) -> Iterator[ApplicationLimit]:
    if per_minute:
        yield ApplicationLimit(
            limit_provider=f"{per_minute}/minute",
            scope=what,
            key_function=key,
            exempt_when=lambda: not key() or (what == "uploads" and not _brings_a_file()),
        )


def _brings_a_file() -> bool:
    return request.method == "POST" and request.mimetype == "multipart/form-data"


def _user() -> str:
    try:
        user = current_actor().user
    except ApplianceError:
        return ""  # a key that is none is refused by the route; its address has been counted
    return f"user {user.id}" if user else ""


def _key() -> str:
    try:
        asking = current_actor()
    except ApplianceError:
        return ""
    return f"key {asking.key}" if asking.key else ""
