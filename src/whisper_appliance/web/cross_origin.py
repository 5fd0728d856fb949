"""Detects cross-origin requests: sent by a page of another site (for CSRF protection and the socket gate)."""

from collections.abc import Collection
from urllib.parse import urlsplit


def is_cross_origin(site: str | None, origin: str | None, host: str, allowed: Collection[str]) -> bool:
    """The algorithm of Go's net/http.CrossOriginProtection: Sec-Fetch-Site, else Origin against Host.

    `allowed` are the origins of CORS_ORIGINS. A request with neither header comes from no current browser,
    so no other site can have caused it.
    """
    if origin is not None and origin.lower() in allowed:
        return False
    if site is not None:
        return site not in ("same-origin", "none")
    return origin is not None and urlsplit(origin).netloc != host
