"""The first start: a token that lets whoever can read the console make the owner's account, once."""

import hmac
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from whisper_appliance.accounts.tokens import new_token
from whisper_appliance.core.errors import NotFound

LIFETIME_SECONDS = 3600.0
CLOSED = (
    "This setup address was used, or has ended. Restart the appliance for a new one, "
    "or make an account on the machine: whisper-appliance users add NAME --role owner."
)


class SetupToken:
    """Good for an hour, until it is used; kept in a file that only the appliance's user can read."""

    def __init__(self, file: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0

    def begin(self) -> str:
        """Makes a new one, writes its address (`/setup?token=...`) to the file and returns that address."""
        address = f"/setup?token={(token := new_token())}"
        part = self._file.with_suffix(".part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(address + "\n")
        part.rename(self._file)
        with self._lock:
            self._token, self._until = token, self._monotonic() + LIFETIME_SECONDS
        return address

    def check(self, token: str) -> None:
        """Raises `NotFound` unless it is the one, and in time."""
        with self._lock:
            live = bool(self._token) and self._monotonic() < self._until
            known = self._token
        if not live:
            self.end()
        if not live or not hmac.compare_digest(token.encode("utf-8", "replace"), known.encode()):
            raise NotFound(CLOSED)

    def end(self) -> None:
        """No token is good any more."""
        with self._lock:
            self._token = ""
        self._file.unlink(missing_ok=True)
