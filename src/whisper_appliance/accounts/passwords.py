"""Passwords: which are taken, how they are kept (argon2id, RFC 9106), and that a check takes its time."""

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from whisper_appliance.accounts.password_strength import is_guessable
from whisper_appliance.core.errors import Busy, InvalidRequest

MIN_CHARS = 12
MAX_CHARS = 256
AT_ONCE = 2
"""Each takes 64 MiB, so that a flood of sign-ins must not all be at work at once."""
PATIENCE_SECONDS = 10.0


class Passwords:
    """Judges, hashes and verifies. `hasher` decides how much work that is."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()  # the second recommended option of RFC 9106
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._nobodys: str | None = None

    def check(self, password: str, name: str = "") -> None:
        """Raises `InvalidRequest` for a password that is short, long, or easily guessed for this `name`."""
        if len(password) < MIN_CHARS:
            raise _refused(f"A password needs at least {MIN_CHARS} characters. A few words in a row will do.")
        if len(password) > MAX_CHARS:
            raise _refused(f"A password may have {MAX_CHARS} characters.")
        if is_guessable(password, name):
            raise _refused("This password is easily guessed. Take a few words that do not belong together.")

    def hash(self, password: str) -> str:
        """What is kept of it: the hash with its salt and parameters."""
        with self._place():
            return self._hasher.hash(_one_form(password))

    def verify(self, kept: str | None, password: str) -> bool:
        """Whether it is the one; the same work for an account that does not exist (`kept` None)."""
        if len(password) > MAX_CHARS:
            return False
        with self._place():
            try:
                good = self._hasher.verify(kept or self._of_nobody(), _one_form(password))
            except (VerifyMismatchError, VerificationError, InvalidHashError):
                return False
        return good and kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Whether it was hashed with less work than is usual now."""
        return self._hasher.check_needs_rehash(kept)

    def _of_nobody(self) -> str:
        if self._nobodys is None:
            self._nobodys = self._hasher.hash("nobody has this password")
        return self._nobodys

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(timeout=PATIENCE_SECONDS):
            raise Busy("Many people sign in just now. Try again in a moment.", retry_after_seconds=5)
        try:
            yield
        finally:
            self._places.release()


def _one_form(password: str) -> str:
    """Keyboards write the same letters in different ways (RFC 8265 asks for NFC)."""
    return unicodedata.normalize("NFC", password)


def _refused(sentence: str) -> InvalidRequest:
    return InvalidRequest(sentence, field="password")
