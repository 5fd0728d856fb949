"""What the queue keeps in the data folder: uploads, half decoded recordings, its own name and file."""

import logging
import secrets
import shutil
import sqlite3
from collections.abc import Iterable
from pathlib import Path

log = logging.getLogger(__name__)


def sweep(data_dir: Path, wanted: Iterable[str]) -> None:
    """Removes half decoded recordings, and uploads that are not among the wanted ones (relative paths)."""
    shutil.rmtree(data_dir / "decoded", ignore_errors=True)
    for folder in ("decoded", "uploads"):
        (data_dir / folder).mkdir(parents=True, exist_ok=True)
    keep = {data_dir / path for path in wanted}
    for path in (data_dir / "uploads").iterdir():
        if path not in keep and path.is_file():
            path.unlink()


def executor(data_dir: Path) -> str:
    """The name under which this folder's calls are made; the same after every start."""
    path = data_dir / "executor-id"
    if not path.exists():
        path.write_text(secrets.token_hex(8))
    return path.read_text().strip()


def prepare_file(path: Path, stamp: str) -> str:
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
