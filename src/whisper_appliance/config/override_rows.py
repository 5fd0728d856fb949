"""The settings that were changed in the panel, as the database keeps them: text, as in the environment."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import adjustments


@dataclass(frozen=True, slots=True)
class Adjusted:
    """One setting as somebody chose it."""

    text: str
    changed: str
    changed_by: str


class AdjustedSettings:
    """Reads and writes the table of adjustments."""

    def __init__(self, database: Database, *, clock: Clock = now) -> None:
        self._database = database
        self._clock = clock

    def all(self) -> dict[str, Adjusted]:
        """Every adjustment by the name of its setting; none before the database was ever used."""
        if self._database.is_sqlite and not Path(str(self._database.url.database)).is_file():
            return {}
        with self._database.read() as connection:
            if not sa.inspect(connection).has_table(adjustments.name):
                return {}
            rows = connection.execute(sa.select(adjustments)).all()
        return {row.name: Adjusted(row.value, row.changed, row.changed_by) for row in rows}

    def put(self, name: str, text: str, by: str) -> Adjusted:
        """Keeps an adjustment in place of an earlier one."""
        adjusted = Adjusted(text, written(self._clock()), by)
        row = {"name": name, "value": text, "changed": adjusted.changed, "changed_by": by}
        with self._database.write() as connection:
            connection.execute(sa.delete(adjustments).where(adjustments.c.name == name))
            connection.execute(sa.insert(adjustments).values(row))
        return adjusted

    def remove(self, name: str) -> bool:
        """Forgets an adjustment; whether there was one."""
        with self._database.write() as connection:
            gone = connection.execute(sa.delete(adjustments).where(adjustments.c.name == name))
        return gone.rowcount > 0
