"""Copies of the database as a SQLite file: made while it is in use, and verified."""

import contextlib
import errno
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from whisper_appliance.backups import postgres_copy
from whisper_appliance.core.errors import DatabaseDamaged, DiskFull, InvalidRequest, Unavailable
from whisper_appliance.storage.database import Database

SQLITE_MAGIC = b"SQLite format 3\x00"
BUSY_SECONDS = 30.0
PART = ".part"


def size_bytes(source: Database) -> int:
    """Estimates the size of a copy. Raises `Unavailable`, `DatabaseDamaged`."""
    if not source.is_sqlite:
        return postgres_copy.size_bytes(source)
    file = Path(source.name)
    wal = file.with_name(file.name + "-wal")
    return sum(path.stat().st_size for path in (file, wal) if path.exists())


def copy(source: Database, target: Path, *, spare_bytes: int = 0) -> None:
    """Copies a snapshot of the database to a file that only its owner can read; writers do not wait.

    At least `spare_bytes` of the disk stay free. Raises `DatabaseDamaged` (the source), `DiskFull`,
    `Unavailable`, and `Conflict` if a server has tables of another version; then there is no target.
    """

    def check_free_space() -> None:
        if shutil.disk_usage(target.parent).free < spare_bytes:
            raise DiskFull("There is too little free disk space for a copy of the database. Free some.")

    def write(part: Path) -> None:
        if source.is_sqlite:
            _vacuum(Path(source.name), part)
        else:
            postgres_copy.dump_to_sqlite(source, part, check_free_space)

    write_atomically(target, write)


def write_atomically(target: Path, write: Callable[[Path], None]) -> None:
    """Calls `write` with a new file, verifies its database, and renames it to `target` once it is on disk."""
    part = target.with_name(target.name + PART)
    _drop(part)
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        write(part)
        revision(part)
        _sync(part)
        part.rename(target)
        _sync(target.parent)
    finally:
        _drop(part)


def _drop(part: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        part.with_name(part.name + ending).unlink(missing_ok=True)


def _vacuum(source: Path, target: Path) -> None:
    with _translated_errors(source), contextlib.closing(_open(source, "rw")) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))


def revision(path: Path) -> str:
    """Returns the revision of a file. Raises `DatabaseDamaged` unless it is an intact database of ours."""
    with _translated_errors(path), contextlib.closing(_open(path, "ro", "immutable=1")) as connection:
        # The file may be hostile (https://www.sqlite.org/security.html).
        for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0"):
            connection.execute(f"PRAGMA {pragma}")
        (result,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if result != "ok":
            raise sqlite3.DatabaseError(result)
        return _revision(connection, path)


def check_revision(path: Path, revisions: Sequence[str]) -> str:
    """Returns the revision of a file of somebody. Raises `InvalidRequest` if this version cannot read it."""
    try:
        found = revision(path)
    except DatabaseDamaged as error:
        raise InvalidRequest("This backup cannot be restored. {reason}", reason=error) from error
    if found not in revisions:
        raise InvalidRequest(
            "The database in this backup was written by a newer version of the appliance "
            "({found}). Install that version first.",
            found=found,
        )
    return found


def _revision(connection: sqlite3.Connection, path: Path) -> str:
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        row = None
    if row is None:
        raise DatabaseDamaged("{name} is a database, but not one of this appliance.", name=path.name)
    return str(row[0])


def _open(path: Path, mode: str, *more: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?{'&'.join([f'mode={mode}', *more])}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
    )


@contextlib.contextmanager
def _translated_errors(path: Path) -> Iterator[None]:
    """Translates the errors of SQLite and of the disk."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            raise DiskFull("The disk is full; no copy of the database was made. Free some space.") from error
        raise Unavailable(
            "The database {path} cannot be copied now ({error}).",
            path=path,
            error=error,
            retry_after_seconds=60,
        ) from error
    except sqlite3.DatabaseError as error:
        raise DatabaseDamaged("The database {path} is damaged ({error}).", path=path, error=error) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull("The disk is full; no copy of the database was made. Free some space.") from error
        raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
