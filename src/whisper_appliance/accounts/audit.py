"""The audit log: who did what to what, when and from where. No words of transcripts, no secrets."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import audit

MAX_CHARS = 200
BATCH = 500
log = structlog.get_logger()
FORMULA = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = ("time", "actor", "actor_name", "address", "action", "object", "details")


@dataclass(frozen=True, slots=True)
class Record:
    """Something that was done: `action` is a word such as `share.link`, `object` an id."""

    number: int
    time: str
    actor: str
    actor_name: str
    address: str
    action: str
    object: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records: by who (part of a name, or an id), action (or its first part), object, and time."""

    who: str = ""
    action: str = ""
    object: str = ""
    since: str = ""
    until: str = ""


class Audit:
    """The log in a database. Nothing in it is ever changed; what is old enough is purged."""

    def __init__(self, database: Database, *, clock: Clock = now) -> None:
        self._database = database
        self._clock = clock
        self._address: ContextVar[str] = ContextVar("address", default="")

    def hear_from(self, address: str) -> None:
        """What this thread records from now on comes from that network address."""
        self._address.set(address)

    def record(
        self, actor: Actor, action: str, object: str = "", details: Mapping[str, object] | None = None
    ) -> None:
        """Writes down what `actor` did to which object. Where that fails, work goes on, and the log tells."""
        facts = {name: visible(value) if isinstance(value, str) else value for name, value in _set(details)}
        address = str(facts.pop("address", "")) or visible(self._address.get())
        if actor.key:
            facts["key"] = actor.key
        row = {
            "time": written(self._clock()),
            "actor": actor.owner,
            "actor_name": visible(actor.name),
            "address": address,
            "action": action,
            "object": visible(object),
            "details": json.dumps(facts, ensure_ascii=False),
        }
        try:
            with self._database.write() as connection:
                connection.execute(audit.insert().values(row))
        except ApplianceError as error:
            log.warning("not recorded", action=action, reason=error.message)

    def list(self, wanted: Wanted, *, limit: int = 100, before: int | None = None) -> tuple[Record, ...]:
        """Records, newest first; `before` is the number of the last one that was seen."""
        question = sa.select(audit).where(*_conditions(wanted)).order_by(audit.c.number.desc())
        if before is not None:
            question = question.where(audit.c.number < before)
        with self._database.read() as connection:
            return tuple(_record(row) for row in connection.execute(question.limit(limit)).mappings())

    def all(self, wanted: Wanted) -> Iterator[Record]:
        """Every record that is wanted, newest first, however many there are."""
        before: int | None = None
        while found := self.list(wanted, limit=BATCH, before=before):
            yield from found
            before = found[-1].number

    def actions(self) -> tuple[str, ...]:
        """The actions there are records of."""
        with self._database.read() as connection:
            return tuple(
                connection.execute(sa.select(audit.c.action).distinct().order_by("action")).scalars()
            )

    def purge(self, days: int) -> int:
        """Removes records older than so many days; returns how many."""
        limit = written(self._clock() - timedelta(days=days))
        with self._database.write() as connection:
            return connection.execute(audit.delete().where(audit.c.time < limit)).rowcount


def visible(text: str) -> str:
    """One line in which nothing hides: characters that do not show, or turn others around, are spelled."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:MAX_CHARS])
    return shown[:MAX_CHARS]


def as_csv(records: Iterator[Record]) -> Iterator[str]:
    """The lines of a table, its head first; no cell is one that a spreadsheet would calculate."""
    yield _line(COLUMNS)
    for record in records:
        cells = [getattr(record, name) for name in COLUMNS[:-1]]
        yield _line([*cells, json.dumps(record.details, ensure_ascii=False) if record.details else ""])


def _line(cells: "tuple[str, ...] | list[str]") -> str:
    text = io.StringIO()
    csv.writer(text).writerow([f"'{cell}" if cell.startswith(FORMULA) else cell for cell in cells])
    return text.getvalue()


def _set(details: Mapping[str, object] | None) -> list[tuple[str, object]]:
    return [(name, value) for name, value in (details or {}).items() if value is not None]


def _conditions(wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    if wanted.who:
        name = audit.c.actor_name.icontains(wanted.who, autoescape=True)
        yield sa.or_(audit.c.actor == wanted.who, name)
    if wanted.action:
        yield sa.or_(
            audit.c.action == wanted.action,
            audit.c.action.startswith(f"{wanted.action}.", autoescape=True),
        )
    if wanted.object:
        yield audit.c.object == wanted.object
    if wanted.since:
        yield audit.c.time >= wanted.since
    if wanted.until:
        yield audit.c.time < wanted.until


def _record(row: sa.RowMapping) -> Record:
    return Record(**{**row, "details": json.loads(row["details"] or "{}")})
