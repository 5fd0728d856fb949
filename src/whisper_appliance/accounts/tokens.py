"""Secrets that are shown once: 256 random bits, of which only a hash is kept.

A fast hash is enough, since nobody can guess 256 random bits; looking one up by its hash tells nothing by its
duration, since whoever asks does not choose the hash.
"""

import hashlib
import secrets

TOKEN_BYTES = 32


def new_token(prefix: str = "") -> str:
    """E.g. `wa_` and 43 characters that survive any address."""
    return prefix + secrets.token_urlsafe(TOKEN_BYTES)


def hashed(token: str) -> str:
    """What is stored, and looked for."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
