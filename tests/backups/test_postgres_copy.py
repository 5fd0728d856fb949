"""Backups of a PostgreSQL database have the format of a SQLite one, so each is restored to either."""

import hashlib
import io
import os
import secrets
import sqlite3
import stat
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.backups import fill, restore_of, titles
from tests.support.databases import postgresql
from whisper_appliance.app.backup_service import SERVER_DATABASE, BackupService
from whisper_appliance.backups import database as copying
from whisper_appliance.backups import postgres_copy
from whisper_appliance.backups.archive_format import CHECKSUMS, MANIFEST, Manifest
from whisper_appliance.backups.daily import DailyCopies
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import Conflict, DatabaseDamaged, DiskFull, InvalidRequest, Unavailable
from whisper_appliance.jobs.storage import storage_name
from whisper_appliance.storage import migrations
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.jobs import jobs, workers
from whisper_appliance.storage.schema.library import transcripts

pytestmark = pytest.mark.slow  # copies whole databases of a server


@pytest.fixture
def url() -> Iterator[str]:
    with postgresql() as url:
        yield url


def keeping(folder: Path, url: str | None = None, storage: Path | None = None) -> BackupService:
    folder.mkdir(exist_ok=True)
    given = {"data_dir": folder, "database_url": url, "storage_url": storage, "min_free_disk": 0}
    return BackupService.standalone(Settings(**given))  # type: ignore[arg-type] # pydantic reads them


def backup_of(safekeeping: BackupService) -> bytes:
    with safekeeping.full_backup() as backup:
        content = b"".join(backup.chunks())
        assert len(content) == backup.size_bytes
    return content


def put_back(safekeeping: BackupService, content: bytes) -> Path:
    safekeeping.restore.stage(io.BytesIO(content).read)
    aside = safekeeping.apply_staged()
    assert aside is not None
    safekeeping.database.close()
    return aside


def titles_aside(aside: Path) -> list[str]:
    """The titles of the rows that a restore moved aside."""
    return titles(aside, f"sqlite:///{aside / SERVER_DATABASE}")


def rename(safekeeping: BackupService, title: str) -> None:
    """Changes the titles of all present transcripts."""
    with safekeeping.database.write() as connection:
        connection.execute(transcripts.update().values(title=title))


def waiting_job(id: str, audio: str, **other: object) -> dict[str, object]:
    usual = {
        "id": id, "owner": "a" * 32, "status": "running", "priority": 1, "progress": 0.5, "title": "t",
        "filename": "f", "source": "upload", "options": "{}", "audio": audio, "audio_bytes": 1, "attempts": 1,
        "cancel_requested": True, "created": "2026-05-01T12:00:00Z", "key_id": "",
    }  # fmt: skip
    return {**usual, **other}


def test_every_table_is_copied(url: str) -> None:
    expected = {table.name for table in postgres_copy.TABLES} | {workers.name, "alembic_version"}
    with closing(Database(url)) as database:
        migrations.upgrade(database)
        with database.read() as connection:
            assert set(sa.inspect(connection).get_table_names()) == expected


def test_everything_comes_back(tmp_path: Path, url: str) -> None:
    safekeeping = keeping(tmp_path / "data", url)
    id = fill(tmp_path / "data", "kept", url)
    content = backup_of(safekeeping)
    with safekeeping.database.write() as connection:
        connection.execute(transcripts.update().values(title="changed"))
    (tmp_path / "data/audio" / id).unlink()

    aside = put_back(safekeeping, content)
    assert titles(tmp_path / "data", url) == ["kept"]
    assert (tmp_path / "data/audio" / id).read_bytes().startswith(b"audio of kept")
    assert not (tmp_path / "data/appliance.sqlite").exists()
    assert titles_aside(aside) == ["changed"]
    assert stat.S_IMODE((aside / SERVER_DATABASE).stat().st_mode) == 0o600
    assert list(aside.glob("*.part*")) == []


def test_from_sqlite_to_a_server_and_back(tmp_path: Path, url: str) -> None:
    """From one machine to several: nothing is lost, and row numbers go on."""
    fill(tmp_path / "one", "kept")
    with closing(Database.in_folder(tmp_path / "one")) as database, database.write() as connection:
        connection.execute(jobs.insert().values(waiting_job("j", "uploads/x", place="there", worker="there")))
    several = keeping(tmp_path / "several", url)
    put_back(several, backup_of(keeping(tmp_path / "one")))
    assert titles(tmp_path / "several", url) == ["kept"]
    with closing(Database(url)) as database, database.write() as connection:
        job = connection.execute(sa.select(jobs)).mappings().one()
        assert (job["status"], job["cancel_requested"], job["worker"]) == ("queued", True, None)
        assert job["place"] == (tmp_path / "several/executor-id").read_text()
        connection.execute(jobs.insert().values(waiting_job("later", "uploads/y")))
    assert titles(tmp_path / "several", url) == ["kept"]

    put_back(keeping(tmp_path / "back"), backup_of(keeping(tmp_path / "several", url)))
    assert titles(tmp_path / "back") == ["kept"]
    assert list((tmp_path / "back").glob("appliance.sqlite-*")) == []
    with closing(Database.in_folder(tmp_path / "back")) as database, database.read() as connection:
        assert connection.execute(sa.select(jobs.c.id).order_by(jobs.c.number)).scalars().all() == [
            "j",
            "later",
        ]


def test_search_works_after_a_restore(tmp_path: Path, url: str) -> None:
    fill(tmp_path / "data", "kept", url)
    put_back(keeping(tmp_path / "back"), backup_of(keeping(tmp_path / "data", url)))
    with closing(sqlite3.connect(tmp_path / "back/appliance.sqlite")) as connection:
        found = connection.execute(
            "SELECT count(*) FROM transcript_terms WHERE transcript_terms MATCH 'kept'"
        )
        assert found.fetchone() == (1,)


def test_a_restore_is_refused_while_other_workers_use_the_database(tmp_path: Path, url: str) -> None:
    safekeeping = keeping(tmp_path / "data", url)
    fill(tmp_path / "data", "kept", url)
    content = backup_of(safekeeping)
    row = {"id": "other", "host": "attic", "version": "1", "place": "p"}
    with safekeeping.database.write() as connection:
        connection.execute(transcripts.update().values(title="newer"))
        connection.execute(workers.insert().values(started=sa.func.now(), last_seen=sa.func.now(), **row))
    with pytest.raises(Conflict, match="attic"):
        put_back(safekeeping, content)
    assert titles(tmp_path / "data", url) == ["newer"]
    assert (tmp_path / "data/secret.key").exists()

    with safekeeping.database.write() as connection:
        connection.execute(workers.delete())
    rename(safekeeping, "much newer")  # the other one worked on
    aside = safekeeping.apply_staged()  # what was laid ready is still there
    assert aside is not None
    assert titles(tmp_path / "data", url) == ["kept"]
    assert titles_aside(aside) == ["much newer"]


def test_an_interrupted_restore_continues(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    safekeeping = keeping(tmp_path / "data", url)
    fill(tmp_path / "data", "kept", url)
    content = backup_of(safekeeping)
    with safekeeping.database.write() as connection:
        connection.execute(transcripts.update().values(title="newer"))
    safekeeping.restore.stage(io.BytesIO(content).read)

    unlink = Path.unlink

    def killed(path: Path, missing_ok: bool = False) -> None:
        if path.name == "appliance.sqlite":
            raise KeyboardInterrupt
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patched:  # between the server's commit and the rest
        patched.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            safekeeping.apply_staged()
    rename(safekeeping, "since then")
    aside = safekeeping.apply_staged()
    assert aside is not None
    assert titles(tmp_path / "data", url) == ["since then"]  # it is not done twice
    assert titles_aside(aside) == ["newer"]
    assert (tmp_path / "data/secret.key").read_bytes() == (aside / "secret.key").read_bytes()


def test_a_daily_copy_restores_the_database_alone(tmp_path: Path, url: str) -> None:
    safekeeping = keeping(tmp_path / "data", url)
    fill(tmp_path / "data", "kept", url)
    made = safekeeping.copies.make_if_due()
    assert made
    assert safekeeping.copies.make_if_due() is None
    with safekeeping.database.write() as connection:
        connection.execute(transcripts.update().values(title="newer"))
    with made.path.open("rb") as file:
        found = safekeeping.restore.stage(file.read)
    assert not found.whole
    safekeeping.apply_staged()
    assert titles(tmp_path / "data", url) == ["kept"]
    assert (tmp_path / "data/secret.key").exists()


def test_tables_of_another_version_are_not_copied(tmp_path: Path, url: str) -> None:
    with closing(Database(url)) as empty:
        with pytest.raises(Conflict, match="another version"):
            DailyCopies(tmp_path / "backups", empty, spare_bytes=0).make()
        assert list((tmp_path / "backups").iterdir()) == []


def test_a_restore_leaves_a_database_of_a_newer_version_as_it_is(tmp_path: Path, url: str) -> None:
    safekeeping = keeping(tmp_path / "data", url)
    fill(tmp_path / "data", "kept", url)
    content = backup_of(safekeeping)
    with safekeeping.database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Conflict, match="create an empty database"):
        put_back(safekeeping, content)
    with pytest.raises(DatabaseDamaged):
        migrations.upgrade(safekeeping.database)


def test_recordings_of_a_shared_folder_are_in_the_backup(tmp_path: Path, url: str) -> None:
    storage = tmp_path / "share"
    storage.mkdir()
    storage_name(storage)
    safekeeping = keeping(tmp_path / "data", url, storage)
    id = fill(tmp_path / "data", "kept", url)
    (tmp_path / "data/audio").rename(storage / "audio")
    content = backup_of(safekeeping)
    (storage / "audio" / id).write_bytes(b"changed")
    assert [path.name for path in storage.glob("making-*")] == []

    put_back(safekeeping, content)
    assert (storage / "audio" / id).read_bytes().startswith(b"audio of kept")
    assert not (tmp_path / "data/audio").exists()
    assert stat.S_IMODE((storage / "audio" / id).stat().st_mode) == 0o600
    aside = [path for path in safekeeping.restore.set_aside() if path.is_relative_to(storage)]
    assert (aside[0] / "audio" / id).read_bytes() == b"changed"


def test_a_backup_without_a_database_is_refused(tmp_path: Path) -> None:
    made = io.BytesIO()
    text = Manifest("0.1.0", "2026-05-01T12:00:00Z", "0001").to_bytes()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in (
            (MANIFEST, text),
            (CHECKSUMS, f"{hashlib.sha256(text).hexdigest()}  {MANIFEST}\n".encode()),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    with pytest.raises(InvalidRequest, match="no database"):
        restore_of(tmp_path).stage(io.BytesIO(made.getvalue()).read)


def test_a_database_file_from_before_the_server_is_moved_aside_as_well(tmp_path: Path, url: str) -> None:
    fill(tmp_path / "data", "on sqlite")
    safekeeping = keeping(tmp_path / "data", url)
    fill(tmp_path / "data", "on the server", url)
    aside = put_back(safekeeping, backup_of(safekeeping))
    assert titles(aside) == ["on sqlite"]
    assert titles_aside(aside) == ["on the server"]


def test_without_its_shared_folder_there_is_no_backup_and_no_restore(tmp_path: Path, url: str) -> None:
    storage = tmp_path / "share"
    storage.mkdir()
    storage_name(storage)
    safekeeping = keeping(tmp_path / "data", url, storage)
    fill(tmp_path / "data", "kept", url)
    content = backup_of(safekeeping)
    (storage / "storage-id").unlink()
    with pytest.raises(Unavailable, match="not mounted"):
        backup_of(safekeeping)
    with pytest.raises(Conflict, match="not mounted"):
        put_back(safekeeping, content)
    assert list(storage.iterdir()) == []


def test_copies_at_the_same_time_do_not_disturb_each_other(tmp_path: Path, url: str) -> None:
    fill(tmp_path / "data", "kept", url)
    with closing(Database(url)) as database, ThreadPoolExecutor(4) as threads:
        files = [tmp_path / f"{number}.sqlite" for number in range(4)]
        for _ in threads.map(lambda file: copying.copy(database, file), files):
            pass
    assert [titles(tmp_path, f"sqlite:///{file}") for file in files] == [["kept"]] * 4


def test_a_copy_stops_before_the_disk_is_full(tmp_path: Path, url: str) -> None:
    fill(tmp_path / "data", "kept", url)
    with closing(Database(url)) as database, pytest.raises(DiskFull):
        copying.copy(database, tmp_path / "copy.sqlite", spare_bytes=2**60)
    assert list(tmp_path.glob("copy.sqlite*")) == []


def test_a_restore_of_the_database_alone_leaves_jobs_to_the_workers_with_their_recordings(
    tmp_path: Path, url: str
) -> None:
    safekeeping = keeping(tmp_path / "data", url)
    fill(tmp_path / "data", "kept", url)
    with safekeeping.database.write() as connection:
        connection.execute(jobs.insert().values(waiting_job("theirs", "uploads/x", place="b", worker="b")))
        connection.execute(jobs.insert().values(waiting_job("nobodys", "uploads/y")))
    with safekeeping.copies.make().path.open("rb") as file:
        safekeeping.restore.stage(file.read)
    safekeeping.apply_staged()
    with safekeeping.database.read() as connection:
        places = dict(connection.execute(sa.select(jobs.c.id, jobs.c.place)).all())
    assert places == {"theirs": "b", "nobodys": (tmp_path / "data/executor-id").read_text()}


def test_characters_that_postgresql_cannot_store_are_left_out(tmp_path: Path, url: str) -> None:
    fill(tmp_path / "one", "kept")
    with closing(Database.in_folder(tmp_path / "one")) as database, database.write() as connection:
        connection.execute(transcripts.update().values(title="a\x00b"))
    put_back(keeping(tmp_path / "several", url), backup_of(keeping(tmp_path / "one")))
    assert titles(tmp_path / "several", url) == ["ab"]


def test_a_restore_by_a_role_without_rights_is_refused_and_leaves_nothing(tmp_path: Path, url: str) -> None:
    safekeeping = keeping(tmp_path / "data", url)
    fill(tmp_path / "data", "kept", url)
    content = backup_of(safekeeping)
    role = f"guest_{secrets.token_hex(4)}"
    with safekeeping.database.write() as connection:
        connection.execute(sa.text(f"CREATE ROLE {role} LOGIN"))
        connection.execute(sa.text(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"))
    theirs = keeping(tmp_path / "data", sa.make_url(url).set(username=role).render_as_string())
    try:
        with pytest.raises(Conflict, match="own the tables"):
            put_back(theirs, content)
        assert titles(tmp_path / "data", url) == ["kept"]
        assert list((tmp_path / "data/set-aside").iterdir()) == []
    finally:
        theirs.database.close()
        with safekeeping.database.write() as connection:
            connection.execute(sa.text(f"DROP OWNED BY {role}"))
            connection.execute(sa.text(f"DROP ROLE {role}"))


def test_a_backup_that_postgresql_does_not_accept_changes_nothing(tmp_path: Path, url: str) -> None:
    fill(tmp_path / "one", "kept")
    with closing(sqlite3.connect(tmp_path / "one/appliance.sqlite")) as connection:
        connection.execute("UPDATE transcripts SET owner = ?", ("x".join(secrets.token_hex(9000)),))
        connection.commit()
    several = keeping(tmp_path / "several", url)
    fill(tmp_path / "several", "there", url)
    with pytest.raises(InvalidRequest, match="does not accept"):
        put_back(several, backup_of(keeping(tmp_path / "one")))
    assert titles(tmp_path / "several", url) == ["there"]
    assert list((tmp_path / "several/set-aside").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can restore for another user")
def test_files_that_root_restores_belong_to_the_user_of_the_service(tmp_path: Path, url: str) -> None:
    storage = tmp_path / "share"
    storage.mkdir()
    storage_name(storage)
    safekeeping = keeping(tmp_path / "data", url, storage)
    fill(tmp_path / "data", "kept", url)
    (tmp_path / "data/audio").rename(storage / "audio")
    for path in (tmp_path / "data", *(tmp_path / "data").rglob("*"), storage, *storage.rglob("*")):
        os.chown(path, 12345, 12345)
    content = backup_of(safekeeping)
    with pytest.raises(InvalidRequest):
        safekeeping.restore.stage(io.BytesIO(b"nonsense" * 99).read)
    assert (tmp_path / "data/restore").stat().st_uid == 12345
    put_back(safekeeping, content)
    made = [*(tmp_path / "data").glob("set-aside/*"), *storage.glob("set-aside/*"), *storage.glob("audio/*")]
    kept = [
        tmp_path / "data/set-aside",
        storage / "set-aside",
        storage / "audio",
        tmp_path / "data/secret.key",
    ]
    assert {path.stat().st_uid for path in (*made, *kept)} == {12345}
