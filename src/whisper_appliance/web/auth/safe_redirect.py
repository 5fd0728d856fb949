"""Where somebody goes after signing in: a page of the appliance, whatever an address asks for."""

from urllib.parse import urlsplit

MAX_CHARS = 500


def safe_next(wanted: str) -> str:
    """`wanted` if it is a path on this site, else the first page.

    Browsers read a backslash as a slash and leave tabs and newlines out, so that `/\\evil` or a path with a
    tab in it could name another host.
    """
    bad = len(wanted) > MAX_CHARS or not wanted.isprintable() or "\\" in wanted
    if bad or not wanted.startswith("/") or wanted.startswith("//"):
        return "/"
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc else wanted
