"""Marks texts for translation in packages that have no request, so cannot translate them."""


def N_(text: str) -> str:  # noqa: N802 - gettext's name for a mark without translation
    """Returns the text unchanged; `scripts/messages.py` finds it, and the web packages translate it."""
    return text
