"""Daily copies of the database; the newest seven are kept."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from whisper_appliance.backups import database
from whisper_appliance.core.clock import Clock, now
from whisper_appliance.core.errors import DatabaseDamaged, DiskFull, NotFound
from whisper_appliance.storage.database import Database

COPIES_KEPT = 7
INTERVAL = timedelta(hours=23)
NAME = re.compile(r"appliance-(\d{8}T\d{6})Z\.sqlite")


@dataclass(frozen=True, slots=True)
class DailyCopy:
    """One copy of the database."""

    name: str
    path: Path
    made: datetime
    size_bytes: int


class DailyCopies:
    """The folder of daily copies."""

    def __init__(
        self,
        folder: Path,
        source: Database,
        *,
        spare_bytes: int,
        clock: Clock = now,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        """`spare_bytes` of the disk stay free after a copy."""
        self.folder = folder
        self._source = source
        self._spare_bytes = spare_bytes
        self._clock = clock
        self._free_bytes = free_bytes

    def copies(self) -> list[DailyCopy]:
        """Returns the copies, newest first."""
        found = [path for path in self.folder.glob("*.sqlite") if NAME.fullmatch(path.name)]
        return [_daily_copy(path) for path in sorted(found, reverse=True)]

    def get(self, name: str) -> DailyCopy:
        """Returns one copy. Raises `NotFound`."""
        for copy in self.copies():
            if copy.name == name:
                return copy
        raise NotFound("There is no such copy of the database.")

    def newest_intact(self) -> DailyCopy | None:
        """Returns the newest copy that is not damaged."""
        for copy in self.copies():
            try:
                database.revision(copy.path)
            except DatabaseDamaged:
                continue
            return copy
        return None

    def make_if_due(self) -> DailyCopy | None:
        """Makes a copy, unless the newest one is younger than a day."""
        newest = next(iter(self.copies()), None)
        if newest and timedelta(0) <= self._clock() - newest.made < INTERVAL:
            return None
        return self.make()

    def make(self) -> DailyCopy:
        """Makes a copy, then deletes the oldest. Raises `DiskFull`, `DatabaseDamaged`, `Unavailable`."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        needed = database.size_bytes(self._source) + self._spare_bytes
        if self._free_bytes(self.folder) < needed:
            raise DiskFull(
                "There is too little free disk space for a copy of the database, so none was made. Free some."
            )
        target = self.folder / f"appliance-{self._clock().astimezone(UTC):%Y%m%dT%H%M%S}Z.sqlite"
        database.copy(self._source, target, spare_bytes=self._spare_bytes)
        for old in self.copies()[COPIES_KEPT:]:
            old.path.unlink(missing_ok=True)
        return _daily_copy(target)


def _daily_copy(path: Path) -> DailyCopy:
    found = NAME.fullmatch(path.name)
    made = datetime.strptime(found[1] if found else "", "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return DailyCopy(path.name, path, made, path.stat().st_size)
