"""Database rows of setting overrides: the text of each setting changed in the admin panel."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import adjustments


@dataclass(frozen=True, slots=True)
class Override:
    """The override of one setting: its text as in the environment, when it was changed and by whom."""

    text: str
    changed: str
    changed_by: str


class OverrideRows:
    """Reads and writes the table `adjustments`."""

    def __init__(self, database: Database, *, clock: Clock = now) -> None:
        self._database = database
        self._clock = clock

    def load(self) -> dict[str, Override]:
        """Every override by the name of its setting; empty when the database does not exist yet."""
        if self._database.is_sqlite and not Path(str(self._database.url.database)).is_file():
            return {}
        with self._database.read() as connection:
            if not sa.inspect(connection).has_table(adjustments.name):
                return {}
            rows = connection.execute(sa.select(adjustments)).all()
        return {row.name: Override(row.value, row.changed, row.changed_by) for row in rows}

    def text_of(self, name: str) -> str | None:
        """The text of one override; None when there is none."""
        query = sa.select(adjustments.c.value).where(adjustments.c.name == name)
        with self._database.read() as connection:
            return connection.execute(query).scalar()

    def put(self, name: str, text: str, by: str) -> Override:
        """Stores an override, in place of an earlier one."""
        override = Override(text, written(self._clock()), by)
        row = {"name": name, "value": text, "changed": override.changed, "changed_by": by}
        with self._database.write(exclusive=adjustments.name) as connection:
            connection.execute(sa.delete(adjustments).where(adjustments.c.name == name))
            connection.execute(sa.insert(adjustments).values(row))
        return override

    def remove(self, name: str) -> bool:
        """Deletes an override; True if there was one."""
        with self._database.write() as connection:
            gone = connection.execute(sa.delete(adjustments).where(adjustments.c.name == name))
        return gone.rowcount > 0
