"""Backups and restores of this appliance, configured by its settings."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import structlog

from whisper_appliance.backups import archive_writer, database, postgres_copy, restore
from whisper_appliance.backups.archive_format import DATABASE
from whisper_appliance.backups.archive_writer import ArchiveWriter
from whisper_appliance.backups.daily import DailyCopies
from whisper_appliance.backups.restore import Restore
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import Conflict, DatabaseDamaged, InvalidRequest, Unavailable
from whisper_appliance.jobs import storage
from whisper_appliance.storage import migrations
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.lock import locked_folder

SERVER_DATABASE = "database.sqlite"
"""The old content of a PostgreSQL database; a restore sets it aside with the old data folder."""

log = structlog.get_logger()


class BackupService:
    """Daily database copies, full backups, and restores."""

    def __init__(self, settings: Settings, source: Database) -> None:
        """`source` is the database; it may be closed or damaged."""
        self.data_dir = settings.data_dir
        self.database = source
        self._storage = settings.storage_url
        self._daily = settings.backup_daily
        secret = settings.backup_passphrase
        self.passphrase = secret.get_secret_value() if secret else None
        self.copies = DailyCopies(
            settings.data_dir / "backups",
            source,
            spare_bytes=int(settings.min_free_disk),
            passphrase=self.passphrase,
        )
        self.restore = Restore(
            settings.data_dir,
            revisions=migrations.revisions(),
            spare_bytes=int(settings.min_free_disk),
            storage=self._storage,
            restore_to_server=None if source.is_sqlite else self._restore_into_server,
        )

    def full_backup(self, *, passphrase: str | None = None, with_authority: bool = False) -> ArchiveWriter:
        """A full backup, a context manager; `passphrase` takes precedence over BACKUP_PASSPHRASE.

        Raises `Unavailable` while STORAGE_URL is not mounted.
        """
        self._check_storage()
        return ArchiveWriter(
            self.data_dir,
            self.database,
            storage=self._storage,
            passphrase=passphrase or self.passphrase,
            with_authority=with_authority,
        )

    @classmethod
    def standalone(cls, settings: Settings) -> "BackupService":
        """The service for a program that runs without the appliance, such as the command line."""
        url = settings.database_url.get_secret_value() if settings.database_url else None
        return cls(settings, Database.in_folder(settings.data_dir, url))

    def copy_daily(self) -> None:
        """A clean-up task: makes the daily copy of the database if it is due."""
        archive_writer.remove_stale_snapshots(self.data_dir, self._storage or self.data_dir)
        if self._daily and (made := self.copies.make_if_due()):
            log.info("the database was copied", copy=made.name, bytes=made.size_bytes)

    @contextmanager
    def with_recovery_hint(self) -> Iterator[None]:
        """Adds to `DatabaseDamaged` which copy of the database exists, and how to restore it."""
        try:
            yield
        except DatabaseDamaged as error:
            raise DatabaseDamaged(
                "{reason} {recovery_hint}", reason=error, recovery_hint=self._recovery_hint()
            ) from error

    def apply_staged(self) -> Path | None:
        """Applies the staged restore once all folders that it changes are mounted, as `Restore.apply`.

        Raises `Conflict` also, before anything has changed.
        """
        if self.restore.staged() is not None:
            try:
                self._check_storage()
            except Unavailable as error:
                raise Conflict(error.message) from error
            own = self.data_dir / DATABASE
            if self.database.is_sqlite and Path(self.database.name).resolve() != own.resolve():
                raise Conflict("DATABASE_URL names another file than {own}. Restore without it.", own=own)
        return self.restore.apply()

    def _check_storage(self) -> None:
        if self._storage is not None and not storage.is_mounted(self._storage):
            raise Unavailable(
                "STORAGE_URL: the folder {storage} is not mounted. Mount it. A new folder must "
                "be registered by one start of the appliance.",
                storage=self._storage,
            )

    def _restore_into_server(self, file: Path, aside: Path, whole: bool) -> None:
        worker = storage.worker_id(self.data_dir)
        restore.give_to_owner_of(self.data_dir, self.data_dir / storage.WORKER_ID)
        place = storage.storage_name(self._storage) if self._storage else worker
        made = False

        def set_aside(write: Callable[[Path], None]) -> None:
            nonlocal made
            made = True
            database.write_atomically(aside / SERVER_DATABASE, write)

        try:
            postgres_copy.restore_from_sqlite(
                file, self.database, name=aside.name, worker=worker, place=place, whole=whole,
                set_aside=set_aside,
            )  # fmt: skip
        except (Conflict, InvalidRequest):
            if made:  # nothing has changed
                (aside / SERVER_DATABASE).unlink(missing_ok=True)
            with suppress(OSError):
                aside.rmdir()
            raise

    def _recovery_hint(self) -> str:
        newest = self.copies.newest_intact()
        if newest is None:
            return f"There is no copy of it in {self.copies.folder}."
        return (
            f"Its newest intact copy is of {newest.made:%Y-%m-%d %H:%M} UTC. To restore it and set "
            f"the present data aside: whisper-appliance restore {newest.path}"
        )


def apply_staged_restore(settings: Settings) -> None:
    """Applies a staged restore at start, before any file is opened.

    Raises `AlreadyRunning`, `Conflict`, `Unavailable`.
    """
    with locked_folder(settings.data_dir):
        service = BackupService.standalone(settings)
        with closing(service.database):
            try:
                aside = service.apply_staged()
            except (Conflict, InvalidRequest) as error:
                raise Conflict(
                    "A staged backup cannot be restored. {reason} To start without it: rm -r {data_dir}",
                    reason=error,
                    data_dir=settings.data_dir / "restore",
                ) from error
    log.warning("a backup was restored", set_aside=str(aside))
