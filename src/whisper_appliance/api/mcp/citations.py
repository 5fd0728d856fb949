"""Citations: the second of a recording as a clock time, and the link to it."""

from flask import url_for


def link_to(recording: str, seconds: float | None = None) -> str:
    """The address of a recording's page, at this second (Media Fragments URI 1.0)."""
    fragment = None if seconds is None else f"t={int(seconds)}"
    return url_for("pages.transcript_page", id=recording, _external=True, _anchor=fragment)


def clock(seconds: float) -> str:
    """`1:02:03` or `2:03`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
