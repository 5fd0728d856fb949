"""The access mode: everybody on the network may use the appliance, or only people with an account."""

import threading
import time
from collections.abc import Callable
from typing import cast, get_args

from whisper_appliance.accounts.access import AccessMode
from whisper_appliance.accounts.audit import WriteAudit
from whisper_appliance.accounts.identity import Actor
from whisper_appliance.config.override_rows import OverrideRows
from whisper_appliance.core.clock import Clock
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.storage.database import Database

ROW_NAME = "openness"
DEFAULT: AccessMode = "network"
CACHE_SECONDS = 2.0
"""Short, because another process, such as the command line, may change the row."""


class AccessModeStore:
    """Reads and changes the access mode, a row in the table of setting overrides. Default: `network`."""

    def __init__(
        self,
        database: Database,
        *,
        write_audit: WriteAudit,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rows = OverrideRows(database, clock=clock)
        self._write_audit = write_audit
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._cached: tuple[float, AccessMode] | None = None

    def get(self) -> AccessMode:
        """The access mode, at most `CACHE_SECONDS` old."""
        with self._lock:
            cached = self._cached
        if cached is None or self._monotonic() - cached[0] >= CACHE_SECONDS:
            cached = (self._monotonic(), self._read())
            with self._lock:
                self._cached = cached
        return cached[1]

    def set(self, mode: AccessMode, *, by: Actor) -> None:
        """Changes the access mode. Raises `InvalidRequest` for anything but `network` and `accounts`."""
        if mode not in get_args(AccessMode):
            raise InvalidRequest("Who may use the appliance is network or accounts.", field="openness")
        self._rows.put(ROW_NAME, mode, by.user.id if by.user else by.name)
        with self._lock:
            self._cached = (self._monotonic(), mode)
        self._write_audit(by, "appliance.openness", "", {"to": mode})

    def _read(self) -> AccessMode:
        value = self._rows.text_of(ROW_NAME)
        return cast(AccessMode, value) if value in get_args(AccessMode) else DEFAULT
