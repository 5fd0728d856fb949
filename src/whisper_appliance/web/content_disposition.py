"""The Content-Disposition header: names of files that browsers save."""

from urllib.parse import quote


def file_safe(name: str) -> str:
    """A name without characters that file systems reject or that are not printable."""
    chars = ("_" if char in '/\\:*?"<>|' or not char.isprintable() else char for char in name)
    return "".join(chars).lstrip(".")


def attachment(name: str) -> str:
    """The header that makes a browser save the response under this name (RFC 6266)."""
    safe = file_safe(name)
    plain = safe.encode("ascii", "replace").decode().replace("?", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"
