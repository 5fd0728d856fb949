"""Migrations of the database by Alembic: the revisions in `versions`, and the upgrade to the newest."""

import threading
from pathlib import Path

import sqlalchemy as sa

from whisper_appliance.core.errors import DatabaseDamaged
from whisper_appliance.storage.database import Database, stored_revision

FOLDER = Path(__file__).parent
UPGRADE_LOCK = 0x77686170  # an advisory lock of PostgreSQL; any number that no other program takes
_UPGRADING = threading.Lock()  # Alembic's context is global to the process


def revisions() -> tuple[str, ...]:
    """Returns the revisions that this version can read, oldest first."""
    return tuple(sorted(path.name.split("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py")))


def upgrade(database: Database) -> None:
    """Upgrades the tables to the newest revision, in one transaction. Safe to call at every start.

    Raises `DatabaseDamaged` also if a newer version of the appliance has written the database.
    """
    if database.is_sqlite and database.url.database:
        Path(database.url.database).parent.mkdir(parents=True, exist_ok=True)
    supported = revisions()
    if database.revision() == supported[-1]:
        return  # Alembic's import alone takes a third of a second of the start
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(sa.text("SET LOCAL lock_timeout = 0"))  # another worker's upgrade may be long
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(UPGRADE_LOCK)))
        stored = stored_revision(connection)
        if stored is not None and stored not in supported:
            raise DatabaseDamaged(
                "{name} was written by a newer version of the appliance (revision {stored}). "
                "Install that version again, or restore a backup from before its first start.",
                name=database.name,
                stored=stored,
            )
        _run_alembic(connection)


def _run_alembic(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    with _UPGRADING:
        command.upgrade(config, "head")
