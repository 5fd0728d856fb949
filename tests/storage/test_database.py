"""Errors of the database are translated, and a damaged file is never overwritten."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tests.support.databases import postgresql, ready
from whisper_appliance.core.errors import AlreadyRunning, BadSetting, DatabaseDamaged, DiskFull, Unavailable
from whisper_appliance.storage import migrations
from whisper_appliance.storage.database import IDLE_IN_TRANSACTION_SECONDS, Database
from whisper_appliance.storage.lock import locked_folder
from whisper_appliance.storage.schema import accounts as accounts
from whisper_appliance.storage.schema.library import metadata


def clear(database: Database, *before: str) -> None:
    with database.write() as connection:
        for statement in before:
            connection.execute(sa.text(statement))
        connection.execute(sa.text("DELETE FROM jobs"))


def differences(database: Database) -> list[object]:
    with database.read() as connection:
        ours = {"include_object": lambda _o, name, *_: not str(name).startswith("transcript_")}
        tables: Any = [metadata, accounts.metadata]
        return list(compare_metadata(MigrationContext.configure(connection, opts=ours), tables))


def test_migrations_lead_to_the_tables_of_the_code(tmp_path: Path) -> None:
    with ready(f"sqlite:///{tmp_path / 'deep' / 'appliance.sqlite'}") as database:
        assert differences(database) == []


@pytest.mark.postgresql
def test_migrations_lead_to_the_tables_of_the_code_on_postgresql(postgresql_database: Database) -> None:
    assert differences(postgresql_database) == []


def test_an_upgraded_database_is_opened_without_alembic(tmp_path: Path) -> None:
    with ready(f"sqlite:///{tmp_path / 'appliance.sqlite'}"):
        pass
    program = (
        "import sys; from pathlib import Path; from whisper_appliance.storage.database import Database;"
        "from whisper_appliance.storage.migrations import upgrade;"
        "upgrade(Database.in_folder(Path(sys.argv[1]))); sys.exit('alembic' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)


@pytest.mark.postgresql
def test_two_starts_at_once_upgrade_postgresql_once() -> None:
    newest = migrations.revisions()[-1]
    with postgresql() as url:
        databases = [Database(url) for _ in range(4)]
        threads = [threading.Thread(target=migrations.upgrade, args=(database,)) for database in databases]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {database.revision() for database in databases} == {newest}
        for database in databases:
            database.close()


@pytest.mark.parametrize("damage", [b"\0" * 4096, b"not a database at all" * 400])
def test_a_damaged_file_is_reported_and_not_changed(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "appliance.sqlite"
    with ready(f"sqlite:///{path}"):
        pass
    with path.open("r+b") as file:
        file.write(damage)
    before = path.read_bytes()
    with pytest.raises(DatabaseDamaged, match=r"appliance\.sqlite"):
        migrations.upgrade(Database(f"sqlite:///{path}"))
    assert path.read_bytes() == before


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    with ready(f"sqlite:///{tmp_path / 'appliance.sqlite'}") as database:
        with database.write() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(DatabaseDamaged, match="newer version"):
            migrations.upgrade(database)


def test_a_writer_waits_for_a_lock_from_outside(tmp_path: Path) -> None:
    path = tmp_path / "appliance.sqlite"
    with ready(f"sqlite:///{path}") as database, sqlite3.connect(path, check_same_thread=False) as other:
        other.execute("BEGIN IMMEDIATE")
        released = threading.Event()

        def release() -> None:
            released.set()
            other.rollback()

        threading.Timer(0.5, release).start()
        with database.write() as connection:
            connection.execute(sa.text("DELETE FROM jobs"))
        assert released.is_set()


def test_a_lock_held_for_long_is_unavailable_with_a_time_to_retry(tmp_path: Path) -> None:
    path = tmp_path / "appliance.sqlite"
    with ready(f"sqlite:///{path}") as database, sqlite3.connect(path) as other:
        impatient = Database(f"sqlite:///{path}", busy_seconds=0.2)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked") as refused, impatient.write():
            pass
        assert refused.value.retry_after_seconds
        with database.read() as connection:
            assert connection.execute(sa.text("SELECT count(*) FROM jobs")).scalar() == 0
        other.rollback()
        impatient.close()


@pytest.mark.postgresql
def test_postgresql_ends_the_transaction_of_a_suspended_machine() -> None:
    with postgresql() as url, ready(url) as database:
        impatient = Database(url, busy_seconds=1)
        with database.write() as asleep:
            asleep.execute(sa.text("LOCK TABLE jobs"))
            with pytest.raises(Unavailable, match="locked"):
                clear(impatient)
        impatient.close()
        with database.read() as connection:
            shown = connection.execute(sa.text("SHOW idle_in_transaction_session_timeout")).scalar()
        assert shown == f"{IDLE_IN_TRANSACTION_SECONDS}s"


@pytest.mark.postgresql
def test_a_postgresql_that_is_read_only_for_a_while_is_unavailable(postgresql_database: Database) -> None:
    with pytest.raises(Unavailable, match="read-only") as refused:
        clear(postgresql_database, "SET TRANSACTION READ ONLY")
    assert refused.value.retry_after_seconds


def test_the_error_of_a_missing_server_has_no_password() -> None:
    with pytest.raises(Unavailable) as refused:
        migrations.upgrade(Database("postgresql+psycopg://ann:secret@127.0.0.1:1/x"))
    assert "secret" not in str(refused.value)


def test_a_failed_transaction_is_rolled_back(tmp_path: Path) -> None:
    with ready(f"sqlite:///{tmp_path / 'appliance.sqlite'}") as database:

        def half() -> None:
            with database.write() as connection:
                connection.execute(sa.text("CREATE TABLE half (x)"))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            half()
        with database.read() as connection:
            assert not sa.inspect(connection).has_table("half")


def test_a_full_disk_is_reported_and_nothing_is_lost(tmp_path: Path) -> None:
    with ready(f"sqlite:///{tmp_path / 'appliance.sqlite'}") as database:

        def fill() -> None:
            with database.write() as connection:
                connection.exec_driver_sql("PRAGMA max_page_count = 1")
                connection.execute(sa.text("CREATE TABLE more AS SELECT zeroblob(1000000) AS x"))

        with pytest.raises(DiskFull):
            fill()
        with database.read() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


@pytest.mark.parametrize("url", ["", "mysql://x/y", "not a url"])
def test_a_url_that_cannot_be_used_stops_the_start(url: str) -> None:
    with pytest.raises(BadSetting, match="DATABASE_URL"):
        Database(url)


HOLDER = (
    "import sys, time; from pathlib import Path\n"
    "from whisper_appliance.storage.lock import locked_folder\n"
    "with locked_folder(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
)


def test_a_second_instance_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    first = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE)
    with first:
        assert first.stdout
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning, match=str(first.pid)), locked_folder(tmp_path):
            pass
        first.kill()
        first.wait()
        with locked_folder(tmp_path):
            pass


@pytest.mark.postgresql
@pytest.mark.parametrize("error", ["internal_error", "admin_shutdown"])
def test_an_error_of_the_server_itself_passes(postgresql_database: Database, error: str) -> None:
    with pytest.raises(Unavailable, match="does not answer"), postgresql_database.write() as connection:
        connection.execute(sa.text(f"DO $$ BEGIN RAISE {error}; END $$"))
