"""Secret tokens of sessions, API keys and links: 256 random bits, stored only as their SHA-256.

A fast hash is enough because nobody can guess 256 random bits. The lookup by hash leaks nothing through its
timing because a client cannot choose the hash.
"""

import hashlib
import secrets

TOKEN_BYTES = 32


def new_token(prefix: str = "") -> str:
    """A new token: `prefix` and 43 characters that need no escaping in a URL."""
    return prefix + secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> str:
    """The SHA-256 of a token in hexadecimal digits, as the database stores it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
