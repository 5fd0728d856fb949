"""Names of files that browsers save."""

from urllib.parse import quote


def file_safe(name: str) -> str:
    """A name without what file systems refuse, or what does not show."""
    signs = ("_" if char in '/\\:*?"<>|' or not char.isprintable() else char for char in name)
    return "".join(signs).lstrip(".")


def attachment(name: str) -> str:
    """The header that makes a browser save the answer under this name (RFC 6266)."""
    safe = file_safe(name)
    plain = safe.encode("ascii", "replace").decode().replace("?", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"
