"""Daily copies of the database; the newest seven are kept."""

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from whisper_appliance.backups import age_format, database
from whisper_appliance.core.clock import Clock, now
from whisper_appliance.core.errors import DatabaseDamaged, DiskFull, InvalidRequest, NotFound
from whisper_appliance.storage.database import Database

COPIES_KEPT = 7
PLAIN = "copy.unencrypted"
INTERVAL = timedelta(hours=23)
NAME = re.compile(r"appliance-(\d{8}T\d{6})Z\.sqlite(\.age)?")


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
        passphrase: str | None = None,
        clock: Clock = now,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        """`spare_bytes` of the disk stay free after a copy. A `passphrase` encrypts copies (age format)."""
        self.folder = folder
        self._source = source
        self._spare_bytes = spare_bytes
        self._passphrase = passphrase
        self._clock = clock
        self._free_bytes = free_bytes

    def copies(self) -> list[DailyCopy]:
        """Returns the copies, newest first."""
        found = [path for path in self.folder.glob("*.sqlite*") if NAME.fullmatch(path.name)]
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
            if self._is_intact(copy):
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
        times = 2 if self._passphrase else 1  # the plain copy is there until the encrypted one is complete
        needed = times * database.size_bytes(self._source) + self._spare_bytes
        if self._free_bytes(self.folder) < needed:
            raise DiskFull(
                "There is too little free disk space for a copy of the database, so none was made. Free some."
            )
        target = self.folder / f"appliance-{self._clock().astimezone(UTC):%Y%m%dT%H%M%S}Z.sqlite"
        if self._passphrase:
            target = self._make_encrypted(target, self._passphrase)
        else:
            database.copy(self._source, target, spare_bytes=self._spare_bytes)
        for old in self.copies()[COPIES_KEPT:]:
            old.path.unlink(missing_ok=True)
        return _daily_copy(target)

    def _make_encrypted(self, plain_target: Path, passphrase: str) -> Path:
        target = plain_target.with_name(f"{plain_target.name}.age")
        plain, part = self.folder / PLAIN, target.with_name(f"{target.name}.part")
        for leftover in (plain, *self.folder.glob("*.age.part")):
            leftover.unlink(missing_ok=True)
        try:
            database.copy(self._source, plain, spare_bytes=self._spare_bytes)
            with plain.open("rb") as source, open(part, "xb", opener=_private) as encrypted:
                pieces = iter(lambda: source.read(age_format.CHUNK_BYTES), b"")
                encrypted.writelines(age_format.encrypt(pieces, passphrase))
                encrypted.flush()
                os.fsync(encrypted.fileno())
            part.rename(target)
        finally:
            plain.unlink(missing_ok=True)
            part.unlink(missing_ok=True)
        return target

    def _is_intact(self, copy: DailyCopy) -> bool:
        """Whether a copy can be restored. Of an encrypted one without its passphrase, that is not known."""
        try:
            if copy.path.suffix != ".age":
                database.revision(copy.path)
            elif self._passphrase:
                with copy.path.open("rb") as file:
                    read = age_format.decrypted(file.read, self._passphrase)
                    while read(age_format.CHUNK_BYTES):
                        pass
        except (DatabaseDamaged, InvalidRequest):
            return False
        return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _daily_copy(path: Path) -> DailyCopy:
    found = NAME.fullmatch(path.name)
    made = datetime.strptime(found[1] if found else "", "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return DailyCopy(path.name, path, made, path.stat().st_size)
