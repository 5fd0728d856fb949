"""Ids of jobs, transcripts, users, sessions, keys and shares: 128 random bits as 32 hexadecimal digits."""

import secrets

ID_PATTERN = "[0-9a-f]{32}"
"""For routes and larger patterns."""
ID_REGEX = f"^{ID_PATTERN}$"
"""For the fields of pydantic models."""


def new_id() -> str:
    """A new random id."""
    return secrets.token_hex(16)
