"""The first start: a one-time setup token with which the owner's account is created.

Its address is written to a file that only the appliance's user can read, so only people with access to the
machine can use it.
"""

import hmac
import threading
import time
from collections.abc import Callable
from pathlib import Path

from whisper_appliance.accounts.tokens import new_token
from whisper_appliance.core.atomic_files import write_private
from whisper_appliance.core.errors import NotFound

LIFETIME_SECONDS = 3600.0
SETUP_CLOSED = (
    "This setup address was used, or has expired. Restart the appliance for a new one, "
    "or make an account on the machine: whisper-appliance users add NAME --role owner."
)


class SetupToken:
    """The setup token: valid for `LIFETIME_SECONDS` or until it is revoked."""

    def __init__(self, file: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0

    def create(self) -> str:
        """Makes a new token, writes its address (`/setup?token=...`) to the file and returns that address."""
        address = f"/setup?token={(token := new_token())}"
        write_private(self._file, f"{address}\n".encode())
        with self._lock:
            self._token, self._until = token, self._monotonic() + LIFETIME_SECONDS
        return address

    def check(self, token: str) -> None:
        """Raises `NotFound` unless this is the valid token."""
        with self._lock:
            is_valid = bool(self._token) and self._monotonic() < self._until
            current = self._token
        if not is_valid:
            self.revoke()
        if not is_valid or not hmac.compare_digest(token.encode("utf-8", "replace"), current.encode()):
            raise NotFound(SETUP_CLOSED)

    def revoke(self) -> None:
        """Ends the token and deletes its file."""
        with self._lock:
            self._token = ""
        self._file.unlink(missing_ok=True)
