"""Safe redirects: after signing in, a browser is sent to a page of this site only (no open redirect)."""

from urllib.parse import urlsplit

MAX_CHARS = 500


def safe_next(target: str) -> str:
    """`target` if it is a path of this site, else "/".

    Browsers read a backslash as a slash and ignore tabs and newlines, so `/\\evil` or a path with a tab could
    name another host.
    """
    bad = len(target) > MAX_CHARS or not target.isprintable() or "\\" in target
    if bad or not target.startswith("/") or target.startswith("//"):
        return "/"
    try:
        parts = urlsplit(target)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc else target
