"""Copies of what this appliance keeps, and the way back, as its settings say."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from whisper_appliance.backups import writing
from whisper_appliance.backups.contents import DATABASE
from whisper_appliance.backups.daily import DailyCopies
from whisper_appliance.backups.restoring import Restore
from whisper_appliance.backups.writing import Backup
from whisper_appliance.db import Database, locked_folder
from whisper_appliance.errors import DatabaseDamaged
from whisper_appliance.history import migrations
from whisper_appliance.settings import Settings

log = structlog.get_logger()


class Safekeeping:
    """Daily copies, backups of everything, restores."""

    def __init__(self, settings: Settings, database: Database) -> None:
        """`database` need not be open, nor whole."""
        self.data_dir = settings.data_dir
        self.with_database = database.is_sqlite
        self._daily = settings.backup_daily
        self.copies = DailyCopies(
            settings.data_dir / "backups",
            settings.data_dir / DATABASE if database.is_sqlite else None,
            spare_bytes=int(settings.min_free_disk),
        )
        self.restore = Restore(
            settings.data_dir,
            revisions=sorted(path.name[:4] for path in (migrations.FOLDER / "versions").glob("[0-9]*.py")),
            uses_sqlite=database.is_sqlite,
            spare_bytes=int(settings.min_free_disk),
        )

    def everything(self) -> Backup:
        """A backup of everything, to be entered."""
        return Backup(self.data_dir, with_database=self.with_database)

    @classmethod
    def beside(cls, settings: Settings) -> "Safekeeping":
        """That of a program beside the appliance, or before it."""
        url = settings.database_url.get_secret_value() if settings.database_url else None
        return cls(settings, Database.in_folder(settings.data_dir, url))

    def copy_daily(self) -> None:
        """A chore: the copy of the day, where it is due."""
        writing.sweep(self.data_dir)
        if self._daily and (made := self.copies.make_if_due()):
            log.info("the database was copied", copy=made.name, bytes=made.size_bytes)

    @contextmanager
    def offered(self) -> Iterator[None]:
        """Adds to the news of a damaged database which copy of it there is, and how to put it back."""
        try:
            yield
        except DatabaseDamaged as error:
            raise DatabaseDamaged(f"{error.message} {self._way_back()}") from error

    def _way_back(self) -> str:
        if not self.with_database:
            return "Restore it with the tools of your PostgreSQL server."
        newest = self.copies.newest_whole()
        if newest is None:
            return f"There is no copy of it in {self.copies.folder}."
        return (
            f"Its newest whole copy is of {newest.made:%Y-%m-%d %H:%M} UTC. To put it in place and the "
            f"damaged file aside: whisper-appliance restore {newest.path}"
        )


def put_in_place(settings: Settings) -> None:
    """At a start, before anything is opened: what is laid ready. Raises `AlreadyRunning`, `Unavailable`."""
    with locked_folder(settings.data_dir):
        aside = Safekeeping.beside(settings).restore.apply()
    log.warning("a backup was restored", set_aside=str(aside))
