"""What the queue keeps in folders: uploads, half decoded recordings, its own name and file."""

import logging
import os
import secrets
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from whisper_appliance.core.errors import BadSetting

ABANDONED_SECONDS = 24 * 3600.0
STORAGE_NAME_SECONDS = 5.0
STORAGE_ID = "storage-id"
WORKER_ID = "executor-id"

log = logging.getLogger(__name__)


def remove_orphans(data_dir: Path, storage: Path, wanted: Iterable[str]) -> None:
    """Removes half decoded recordings, and uploads that are not among the wanted ones (relative paths).

    In a storage that others use as well, only those which nobody has touched for a day: a young one may be
    an upload that another worker is just receiving.
    """
    shutil.rmtree(data_dir / "decoded", ignore_errors=True)
    for folder in (data_dir / "decoded", storage / "uploads"):
        folder.mkdir(parents=True, exist_ok=True)
    oldest = time.time() - ABANDONED_SECONDS
    keep = {storage / path for path in wanted}
    for path in (storage / "uploads").iterdir():
        with suppress(OSError):  # its job has just ended on another worker, or it is somebody else's
            if path not in keep and path.is_file() and (storage == data_dir or path.stat().st_mtime < oldest):
                path.unlink()


def worker_id(data_dir: Path) -> str:
    """The name under which this folder's calls are made; the same after every start."""
    path = data_dir / WORKER_ID
    if not path.exists():
        path.write_text(secrets.token_hex(8))
    return path.read_text().strip()


def storage_name(storage: Path) -> str:
    """The name by which workers know that they share this folder, wherever each has mounted it.

    Raises `BadSetting` where the folder is missing or cannot be written.
    """
    path = storage / STORAGE_ID
    try:
        tempfile.TemporaryFile(dir=storage).close()
        with suppress(FileExistsError), path.open("x") as file:
            file.write(secrets.token_hex(8))
            file.flush()
            os.fsync(file.fileno())
        give_up = time.monotonic() + STORAGE_NAME_SECONDS
        while not (name := path.read_text().strip()):  # another worker is just writing it
            if time.monotonic() > give_up:
                raise BadSetting(f"{path} is empty. Remove it and start again.")
            time.sleep(0.05)
    except OSError as error:
        raise BadSetting(
            f"STORAGE_URL: {storage} cannot be used ({error.strerror}). Mount it, or make it writable."
        ) from error
    return name


def is_mounted(storage: Path) -> bool:
    """Whether the shared folder is mounted: one that is not is missing, or empty."""
    return (storage / STORAGE_ID).is_file()


def prepare_queue_file(path: Path, stamp: str) -> str:
    """The URL of DBOS's SQLite file, in WAL mode. A damaged one is set aside: its calls can be made anew."""
    try:
        _check(path)
    except sqlite3.OperationalError:
        raise  # locked, or no place to write: not damaged
    except sqlite3.DatabaseError as error:
        aside = path.with_name(f"{path.name}.damaged-{stamp.replace(':', '')}")
        log.warning("The queue's file %s is damaged (%s); set aside as %s", path, error, aside.name)
        path.rename(aside)
        for leftover in ("-wal", "-shm"):
            path.with_name(path.name + leftover).unlink(missing_ok=True)
        _check(path)
    return f"sqlite:///{path}"


def _check(path: Path) -> None:
    connection = sqlite3.connect(path, timeout=10)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if answer != "ok":
            raise sqlite3.DatabaseError(answer)
    finally:
        connection.close()
