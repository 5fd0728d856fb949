"""Who may use the appliance at all: anyone who reaches it, or only people with an account."""

import threading
import time
from collections.abc import Callable
from typing import cast, get_args

import sqlalchemy as sa

from whisper_appliance.accounts.access import Openness
from whisper_appliance.accounts.audit_port import Record
from whisper_appliance.accounts.identity import Actor
from whisper_appliance.core.clock import Clock, written
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import adjustments

NAME = "openness"
DEFAULT: Openness = "network"
BELIEVED_SECONDS = 2.0
"""Another process, such as the command line, may have changed it."""


class Policy:
    """What is said in the table of adjustments; until somebody says otherwise, anyone on the network."""

    def __init__(
        self,
        database: Database,
        *,
        record: Record,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._record = record
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: tuple[float, Openness] | None = None

    def openness(self) -> Openness:
        """Who may use it, as of two seconds ago at most."""
        with self._lock:
            known = self._known
        if known is None or self._monotonic() - known[0] >= BELIEVED_SECONDS:
            known = (self._monotonic(), self._read())
            with self._lock:
                self._known = known
        return known[1]

    def set_openness(self, openness: Openness, *, by: Actor) -> None:
        """Says who may use it from now on. Raises `InvalidRequest`."""
        if openness not in get_args(Openness):
            raise InvalidRequest("Who may use the appliance is network or accounts.", field="openness")
        row = {
            "name": NAME,
            "value": openness,
            "changed": written(self._clock()),
            "changed_by": by.user.id if by.user else by.name,
        }
        with self._database.write() as connection:
            connection.execute(adjustments.delete().where(adjustments.c.name == NAME))
            connection.execute(adjustments.insert().values(row))
        with self._lock:
            self._known = (self._monotonic(), openness)
        self._record(by, "appliance.openness", "", {"to": openness})

    def _read(self) -> Openness:
        question = sa.select(adjustments.c.value).where(adjustments.c.name == NAME)
        with self._database.read() as connection:
            value = connection.execute(question).scalar()
        return cast(Openness, value) if value in get_args(Openness) else DEFAULT
