"""Passwords: strength rules, hashing with argon2id (RFC 9106), and verification in constant work."""

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from whisper_appliance.accounts.password_strength import is_weak
from whisper_appliance.core.errors import Busy, InvalidRequest

MIN_CHARS = 12
MAX_CHARS = 256
MAX_PARALLEL_HASHES = 2
"""Each hash takes 64 MiB, so many sign-ins at once must not all be hashed at the same time."""
HASH_WAIT_SECONDS = 10.0


class Passwords:
    """Validates, hashes and verifies passwords. `hasher` decides the work factor."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()  # the second recommended option of RFC 9106
        self._slots = threading.BoundedSemaphore(MAX_PARALLEL_HASHES)
        self._dummy_hash: str | None = None

    def validate(self, password: str, name: str = "") -> None:
        """Raises `InvalidRequest` for a password that is short, long, or easily guessed for this `name`."""
        if len(password) < MIN_CHARS:
            raise _refused(f"A password needs at least {MIN_CHARS} characters. A few words in a row will do.")
        if len(password) > MAX_CHARS:
            raise _refused(f"A password may have {MAX_CHARS} characters.")
        if is_weak(password, name):
            raise _refused("This password is easily guessed. Take a few words that do not belong together.")

    def hash_password(self, password: str) -> str:
        """The argon2id hash with its salt and parameters, as it is stored."""
        with self._hash_slot():
            return self._hasher.hash(_normalized(password))

    def verify(self, stored_hash: str | None, password: str) -> bool:
        """Whether the password matches. `stored_hash` None (no such account): False, after the same work."""
        if len(password) > MAX_CHARS:
            return False
        with self._hash_slot():
            try:
                good = self._hasher.verify(stored_hash or self._hash_of_no_account(), _normalized(password))
            except (VerifyMismatchError, VerificationError, InvalidHashError):
                return False
        return good and stored_hash is not None

    def needs_rehash(self, kept: str) -> bool:
        """Whether the hash was made with weaker parameters than the present ones."""
        return self._hasher.check_needs_rehash(kept)

    def _hash_of_no_account(self) -> str:
        if self._dummy_hash is None:
            self._dummy_hash = self._hasher.hash("nobody has this password")
        return self._dummy_hash

    @contextmanager
    def _hash_slot(self) -> Iterator[None]:
        if not self._slots.acquire(timeout=HASH_WAIT_SECONDS):
            raise Busy(
                "Many people sign in just now. Try again in a moment.",
                retry_after_seconds=5,
                limit_name="sign_ins",
            )
        try:
            yield
        finally:
            self._slots.release()


def _normalized(password: str) -> str:
    """Unicode NFC (RFC 8265), because keyboards encode the same letter in different ways."""
    return unicodedata.normalize("NFC", password)


def _refused(sentence: str) -> InvalidRequest:
    return InvalidRequest(sentence, field="password")
