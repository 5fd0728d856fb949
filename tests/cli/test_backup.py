"""Backup and restore with the real program, also of a damaged database."""

import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.support.backups import fill, restore_of, titles
from tests.support.databases import postgresql
from tests.support.program import environment, run_command, served, start
from whisper_appliance.app.backup_service import BackupService
from whisper_appliance.backups.daily import DailyCopies
from whisper_appliance.cli.backup import backup, restore
from whisper_appliance.config import settings as config
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.storage.database import Database

pytestmark = pytest.mark.slow  # starts the real program

SERVE = ("-m", "whisper_appliance", "serve")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    fill(tmp_path / "data", "kept")
    return tmp_path / "data"


def damage(path: Path) -> bytes:
    """Overwrites page 1 of a database."""
    with path.open("r+b") as file:
        file.write(os.urandom(4096))
    return path.read_bytes()


def test_a_damaged_database_is_reported_and_can_be_restored(tmp_path: Path, data: Path) -> None:
    copied = DailyCopies(data / "backups", Database.in_folder(data), spare_bytes=0).make()
    damaged = damage(data / "appliance.sqlite")
    failed = start(tmp_path, SERVE)
    assert failed.wait(60) != 0
    stderr = (tmp_path / "stderr").read_text()
    assert str(data / "appliance.sqlite") in stderr
    assert "Traceback" not in stderr
    command = f"whisper-appliance restore {copied.path}"
    assert command in stderr
    assert (data / "appliance.sqlite").read_bytes() == damaged

    restored = run_command(tmp_path, *command.split()[1:])
    assert restored.returncode == 0, restored.stderr
    assert titles(data) == ["kept"]
    (aside,) = restore_of(data).set_aside()
    assert (aside / "appliance.sqlite").read_bytes() == damaged
    assert str(aside) in restored.stdout


def test_a_damaged_database_without_copies_is_reported(tmp_path: Path, data: Path) -> None:
    damage(data / "appliance.sqlite")
    assert start(tmp_path, SERVE).wait(60) != 0
    stderr = (tmp_path / "stderr").read_text()
    assert str(data / "appliance.sqlite") in stderr
    assert "no copy of it" in stderr


def test_a_backup_of_a_running_appliance_is_restored_at_its_next_start(tmp_path: Path, data: Path) -> None:
    file = tmp_path / "all.tar"
    with served(tmp_path, SERVE, MODEL_WARM_UP="false"):
        made = run_command(tmp_path, "backup", str(file))
        assert made.returncode == 0, made.stderr
        refused = run_command(tmp_path, "restore", str(file))
        assert refused.returncode == 1
        assert "already in use" in refused.stderr
        assert list((data / "backups").glob("appliance-*.sqlite"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run_command(tmp_path, "backup", str(file)).returncode == 1

    fill(data, "later")
    restore_of(data).stage(io.BytesIO(file.read_bytes()).read)
    with served(tmp_path, SERVE, MODEL_WARM_UP="false") as server:
        assert server.get("/health")[0] == 200
    assert titles(data) == ["kept"]
    assert set(titles(restore_of(data).set_aside()[0])) == {"kept", "later"}


def test_a_backup_is_restored_to_a_postgresql_server(tmp_path: Path, data: Path) -> None:
    file = tmp_path / "all.tar"
    assert run_command(tmp_path, "backup", str(file)).returncode == 0
    with postgresql() as url:
        settings = {"DATABASE_URL": url, "MODEL_WARM_UP": "false"}
        moved = run_command(tmp_path, "restore", str(file), **settings)
        assert moved.returncode == 0, moved.stderr
        assert url.rpartition("/")[2] in moved.stdout
        with served(tmp_path, SERVE, **settings) as server:
            assert server.get("/health")[0] == 200
            again = run_command(tmp_path, "backup", str(tmp_path / "again.tar"), **settings)
            assert again.returncode == 0, again.stderr
        fill(data, "later", url)
        restore = BackupService.standalone(config.load(data_dir=data, database_url=url)).restore
        restore.stage(io.BytesIO((tmp_path / "again.tar").read_bytes()).read)
        with served(tmp_path, SERVE, **settings) as server:  # with what the queue had left in the database
            assert server.get("/health")[0] == 200
        assert titles(data, url) == ["kept"]


def test_a_backup_is_written_to_a_pipe(tmp_path: Path, data: Path) -> None:
    (tmp_path / "new/data").mkdir(parents=True)
    piped = subprocess.run(
        [sys.executable, "-m", "whisper_appliance", "backup", "-"],
        env=environment(tmp_path), capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    back = subprocess.run(
        [sys.executable, "-m", "whisper_appliance", "restore", "-"],
        env=environment(tmp_path / "new"), input=piped.stdout, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    assert b"was restored to" in back.stdout
    assert titles(tmp_path / "new/data") == ["kept"]


def test_an_encrypted_backup_is_restored_with_its_passphrase(tmp_path: Path, data: Path) -> None:
    file = tmp_path / "all.tar.age"
    passphrase = {"BACKUP_PASSPHRASE": "correct horse battery"}
    assert run_command(tmp_path, "backup", str(file), **passphrase).returncode == 0
    assert file.read_bytes().startswith(b"age-encryption.org/v1\n")
    refused = run_command(tmp_path, "restore", str(file), BACKUP_PASSPHRASE="another passphrase")
    assert refused.returncode == 1
    assert "not the passphrase" in refused.stderr
    assert restore_of(data).set_aside() == ()
    restored = run_command(tmp_path, "restore", str(file), **passphrase)
    assert restored.returncode == 0, restored.stderr
    assert titles(data) == ["kept"]


def test_backup_encrypt_prompts_for_a_passphrase(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(data))
    monkeypatch.delenv("BACKUP_PASSPHRASE", raising=False)
    runner, file = CliRunner(), tmp_path / "all.tar.age"
    given = "correct horse battery\n"
    assert runner.invoke(backup, [str(file), "--encrypt"], input="short\nshort\n").exit_code != 0
    assert not file.exists()
    made = runner.invoke(backup, [str(file), "--encrypt"], input=given * 2)
    assert made.exit_code == 0, made.output
    assert file.read_bytes().startswith(b"age-encryption.org/v1\n")
    assert "battery" not in made.output
    wrong = runner.invoke(restore, [str(file)], input="another passphrase\n")
    assert isinstance(wrong.exception, InvalidRequest)
    assert restore_of(data).set_aside() == ()
    restored = runner.invoke(restore, [str(file)], input=given)
    assert restored.exit_code == 0, restored.output
    assert titles(data) == ["kept"]


def test_restoring_an_invalid_file_changes_nothing(tmp_path: Path, data: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(os.urandom(5000))
    refused = run_command(tmp_path, "restore", str(tmp_path / "holiday.jpg"))
    assert refused.returncode == 1
    assert "not a backup" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert titles(data) == ["kept"]
