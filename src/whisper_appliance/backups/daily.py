"""A copy of the database every day, seven deep."""

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

KEPT = 7
EVERY = timedelta(hours=23)
NAME = re.compile(r"appliance-(\d{8}T\d{6})Z\.sqlite")


@dataclass(frozen=True, slots=True)
class Copied:
    """One copy of the database."""

    name: str
    path: Path
    made: datetime
    size_bytes: int


class DailyCopies:
    """The folder of copies."""

    def __init__(
        self,
        folder: Path,
        source: Database,
        *,
        spare_bytes: int,
        clock: Clock = now,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        """`spare_bytes` of the disk must be left free beside a copy."""
        self.folder = folder
        self._source = source
        self._spare_bytes = spare_bytes
        self._clock = clock
        self._free_bytes = free_bytes

    def all(self) -> list[Copied]:
        """What there is, the newest first."""
        found = [path for path in self.folder.glob("*.sqlite") if NAME.fullmatch(path.name)]
        return [_copied(path) for path in sorted(found, reverse=True)]

    def get(self, name: str) -> Copied:
        """One of them. Raises `NotFound`."""
        for copied in self.all():
            if copied.name == name:
                return copied
        raise NotFound("There is no such copy of the database.")

    def newest_whole(self) -> Copied | None:
        """The newest one that can be read to its end."""
        for copied in self.all():
            try:
                database.revision(copied.path)
            except DatabaseDamaged:
                continue
            return copied
        return None

    def make_if_due(self) -> Copied | None:
        """A new copy, unless the newest is younger than a day."""
        newest = next(iter(self.all()), None)
        if newest and timedelta(0) <= self._clock() - newest.made < EVERY:
            return None
        return self.make()

    def make(self) -> Copied:
        """A new copy; the oldest go once it is whole. Raises `DiskFull`, `DatabaseDamaged`, `Unavailable`."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        needed = database.size_bytes(self._source) + self._spare_bytes
        if self._free_bytes(self.folder) < needed:
            raise DiskFull(
                "There is too little free disk space for a copy of the database, so none was made. Free some."
            )
        target = self.folder / f"appliance-{self._clock().astimezone(UTC):%Y%m%dT%H%M%S}Z.sqlite"
        database.copy(self._source, target, spare_bytes=self._spare_bytes)
        for old in self.all()[KEPT:]:
            old.path.unlink(missing_ok=True)
        return _copied(target)


def _copied(path: Path) -> Copied:
    found = NAME.fullmatch(path.name)
    made = datetime.strptime(found[1] if found else "", "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return Copied(path.name, path, made, path.stat().st_size)
