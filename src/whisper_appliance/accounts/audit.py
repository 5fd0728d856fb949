"""The audit log: who did what to which object, when and from which address.

It holds neither words of transcripts nor secrets.
"""

import json
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import sqlalchemy as sa
import structlog

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.csv_line import csv_line
from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import audit

MAX_CHARS = 200
BATCH_ROWS = 500
log = structlog.get_logger()
COLUMNS = ("time", "actor", "actor_name", "address", "action", "object", "details")


class WriteAudit(Protocol):
    """Writes one audit entry, as `Audit.record` does; other parts get this function handed in."""

    def __call__(
        self, actor: Actor, action: str, object_id: str = "", details: Mapping[str, object] | None = None
    ) -> None:
        """`action` is a noun and a verb, such as `user.disable`.

        `details` are short facts; `None` values are left out.
        """


def no_audit(
    actor: Actor, action: str, object_id: str = "", details: Mapping[str, object] | None = None
) -> None:
    """A `WriteAudit` that writes nothing."""
    del actor, action, object_id, details


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry: `action` is a noun and a verb such as `share.link`, `object` an id."""

    number: int
    time: str
    actor: str
    actor_name: str
    address: str
    action: str
    object: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries: by actor (part of a name, or an id), action (or its noun), object id, and time range."""

    who: str = ""
    action: str = ""
    object: str = ""
    since: str = ""
    until: str = ""


class Audit:
    """The audit log in a database. Entries are never changed; entries that are old enough are purged."""

    def __init__(self, database: Database, *, clock: Clock = now) -> None:
        self._database = database
        self._clock = clock
        self._address: ContextVar[str] = ContextVar("address", default="")

    def set_client_address(self, address: str) -> None:
        """Sets the address for the following entries of this thread."""
        self._address.set(address)

    def record(
        self, actor: Actor, action: str, object_id: str = "", details: Mapping[str, object] | None = None
    ) -> None:
        """Writes an entry. If the database fails, only a warning is logged and the action still succeeds."""
        facts = {
            name: escape_invisible(value) if isinstance(value, str) else value
            for name, value in (details or {}).items()
            if value is not None
        }
        address = str(facts.pop("address", "")) or escape_invisible(self._address.get())
        if actor.key:
            facts["key"] = actor.key
        row = {
            "time": written(self._clock()),
            "actor": actor.owner,
            "actor_name": escape_invisible(actor.name),
            "address": address,
            "action": action,
            "object": escape_invisible(object_id),
            "details": json.dumps(facts, ensure_ascii=False),
        }
        try:
            with self._database.write() as connection:
                connection.execute(audit.insert().values(row))
        except ApplianceError as error:
            log.warning("audit entry not written", action=action, reason=error.message)

    def page(
        self, filters: AuditFilter, *, limit: int = 100, before: int | None = None
    ) -> tuple[AuditEntry, ...]:
        """Entries, newest first; `before` is the number of the last entry of the page before."""
        query = sa.select(audit).where(*_conditions(filters)).order_by(audit.c.number.desc())
        if before is not None:
            query = query.where(audit.c.number < before)
        with self._database.read() as connection:
            return tuple(_entry(row) for row in connection.execute(query.limit(limit)).mappings())

    def iterate(self, filters: AuditFilter) -> Iterator[AuditEntry]:
        """Every entry that matches, newest first, read in batches."""
        before: int | None = None
        while found := self.page(filters, limit=BATCH_ROWS, before=before):
            yield from found
            before = found[-1].number

    def actions(self) -> tuple[str, ...]:
        """The different actions in the log, in alphabetical order."""
        with self._database.read() as connection:
            return tuple(
                connection.execute(sa.select(audit.c.action).distinct().order_by("action")).scalars()
            )

    def purge(self, days: int) -> int:
        """Removes entries older than `days`; returns how many."""
        limit = written(self._clock() - timedelta(days=days))
        with self._database.write() as connection:
            return connection.execute(audit.delete().where(audit.c.time < limit)).rowcount


def escape_invisible(text: str) -> str:
    """At most `MAX_CHARS` characters in one line; invisible and bidirectional ones as `\\uXXXX` escapes."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:MAX_CHARS])
    return shown[:MAX_CHARS]


def csv_lines(entries: Iterator[AuditEntry]) -> Iterator[str]:
    """The lines of a CSV table with a head. Cells that a spreadsheet would run as a formula are quoted."""
    yield csv_line(COLUMNS)
    for entry in entries:
        cells = [getattr(entry, name) for name in COLUMNS[:-1]]
        yield csv_line([*cells, json.dumps(entry.details, ensure_ascii=False) if entry.details else ""])


def _conditions(filters: AuditFilter) -> Iterator[sa.ColumnElement[bool]]:
    if filters.who:
        name = audit.c.actor_name.icontains(filters.who, autoescape=True)
        yield sa.or_(audit.c.actor == filters.who, name)
    if filters.action:
        yield sa.or_(
            audit.c.action == filters.action,
            audit.c.action.startswith(f"{filters.action}.", autoescape=True),
        )
    if filters.object:
        yield audit.c.object == filters.object
    if filters.since:
        yield audit.c.time >= filters.since
    if filters.until:
        yield audit.c.time < filters.until


def _entry(row: sa.RowMapping) -> AuditEntry:
    return AuditEntry(**{**row, "details": json.loads(row["details"] or "{}")})
