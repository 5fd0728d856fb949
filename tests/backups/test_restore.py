"""A full backup is restored completely or not at all, and the present files are kept."""

import hashlib
import io
import os
import shutil
import sqlite3
import stat
import tarfile
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.support.backups import fill, restore_of, titles
from tests.support.file_systems import mounted
from whisper_appliance.backups.archive_writer import ArchiveWriter
from whisper_appliance.backups.daily import DailyCopies
from whisper_appliance.backups.restore import Restore
from whisper_appliance.core.errors import DiskFull, InvalidRequest
from whisper_appliance.storage.database import Database

pytestmark = pytest.mark.slow  # writes and restores whole archives


def backup_of(folder: Path) -> bytes:
    with closing(Database.in_folder(folder)) as database, ArchiveWriter(folder, database) as backup:
        content = b"".join(backup.chunks())
        assert len(content) == backup.size_bytes
    assert list((folder / "backups").glob("making-*")) == []
    return content


def put_back(folder: Path, content: bytes, restore: Restore | None = None) -> Path:
    restore = restore or restore_of(folder)
    restore.stage(io.BytesIO(content).read)
    aside = restore.apply()
    assert aside is not None
    return aside


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another data folder with other content."""
    folder = tmp_path / "other"
    fill(folder, "other")
    return folder


def test_everything_comes_back(data: Path, other: Path) -> None:
    put_back(other, backup_of(data))
    assert titles(other) == ["kept"]
    for name in ("audio", "certificates"):
        assert [path.read_bytes() for path in (other / name).iterdir()] == [
            path.read_bytes() for path in (data / name).iterdir()
        ]
    assert (other / "secret.key").read_bytes() == (data / "secret.key").read_bytes()
    private = [path for path in other.rglob("*") if path.is_file() and "set-aside" not in path.parts]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
    assert restore_of(other).staged() is None


def test_a_restore_moves_the_present_files_aside(data: Path, other: Path) -> None:
    aside = put_back(other, backup_of(data))
    assert titles(aside) == ["other"]
    assert (aside / "certificates/server.pem").read_bytes() == b"certificate of other"
    assert restore_of(other).set_aside() == (aside,)


def test_a_backup_fits_into_an_empty_folder(data: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    put_back(tmp_path / "new", backup_of(data))
    assert titles(tmp_path / "new") == ["kept"]


def test_a_backup_is_a_tar_with_checksums_that_other_programs_verify(data: Path, tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(backup_of(data))) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    for line in (tmp_path / "unpacked/SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((tmp_path / "unpacked" / name).read_bytes()).hexdigest() == digest


def test_a_restore_of_the_database_alone_leaves_other_files_in_place(data: Path, other: Path) -> None:
    copied = DailyCopies(data / "backups", Database.in_folder(data), spare_bytes=0).make()
    put_back(other, copied.path.read_bytes())
    assert titles(other) == ["kept"]
    assert (other / "certificates/server.pem").read_bytes() == b"certificate of other"


@pytest.mark.parametrize("moves", range(1, 9))
def test_an_interrupted_restore_continues(data: Path, other: Path, moves: int, killed: "Killer") -> None:
    restore = restore_of(other)
    restore.stage(io.BytesIO(backup_of(data)).read)
    killed.after(moves)
    while restore.staged():
        try:
            restore.apply()
        except Killed:
            killed.never()
    assert titles(other) == ["kept"]
    assert titles(restore.set_aside()[0]) == ["other"]


@pytest.mark.parametrize("moves", [None, *range(1, 15, 2)])
def test_folders_that_are_disks_of_their_own_are_restored(
    data: Path, other: Path, moves: int | None, killed: "Killer"
) -> None:
    (before,) = (other / "audio").iterdir()
    content = before.read_bytes()
    shutil.rmtree(other / "certificates")
    before.unlink()
    with ExitStack() as opened:
        for name in ("audio", "uploads", "certificates"):
            opened.enter_context(mounted(other / name))
        before.write_bytes(content)
        (other / "uploads/lost+found").mkdir()  # belongs to the file system, and root only may read it
        restore = restore_of(other)
        restore.stage(io.BytesIO(backup_of(data)).read)
        if moves is not None:
            killed.after(moves)
        while restore.staged():
            try:
                restore.apply()
            except Killed:
                killed.never()
        assert titles(other) == ["kept"]
        (aside,) = restore.set_aside()
        assert titles(aside) == ["other"]
        assert (aside / "audio" / before.name).read_bytes() == content
        assert (other / "uploads/lost+found").is_dir()
        assert not (aside / "uploads/lost+found").exists()
        for name in ("audio", "certificates"):
            assert contents(other / name) == contents(data / name)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class Killed(BaseException):
    """Stands for a power cut."""


class Killer:
    """Stops a restore after a number of its moves, which an audit hook counts."""

    def __init__(self) -> None:
        self.left = -1

    def after(self, moves: int) -> None:
        self.left = moves

    def never(self) -> None:
        self.left = -1

    def on_audit_event(self, event: str, _arguments: object) -> None:
        if event == "os.rename" and self.left >= 0:
            self.left -= 1
            if self.left < 0:
                raise Killed


@pytest.fixture(scope="module")
def killed() -> Killer:
    import sys

    killer = Killer()
    sys.addaudithook(killer.on_audit_event)
    return killer


def test_a_backup_that_ends_too_early_is_refused(data: Path, other: Path) -> None:
    content = backup_of(data)
    for length in (0, 3, 700, len(content) // 2, len(content) - 3000):
        with pytest.raises(InvalidRequest):
            put_back(other, content[:length])
    assert titles(other) == ["other"]
    assert list((other / "restore").iterdir()) == []


def test_a_database_of_another_program_is_refused(other: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as connection:
        connection.execute("CREATE TABLE notes (text)")
        connection.commit()
    with pytest.raises(InvalidRequest, match="not one of this appliance"):
        put_back(other, (tmp_path / "other.sqlite").read_bytes())
    assert titles(other) == ["other"]


def test_a_backup_with_a_changed_byte_is_refused(data: Path, other: Path) -> None:
    content = bytearray(backup_of(data))
    content[content.index(b"audio of kept") + 50] ^= 1
    with pytest.raises(InvalidRequest, match="checksums"):
        put_back(other, bytes(content))


def test_a_database_of_a_newer_version_is_refused(data: Path, other: Path) -> None:
    with sqlite3.connect(data / "appliance.sqlite") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(InvalidRequest, match="newer version"):
        put_back(other, backup_of(data))
    assert titles(other) == ["other"]


def test_a_backup_is_refused_if_the_disk_is_full(data: Path, other: Path) -> None:
    with pytest.raises(DiskFull):
        restore_of(other, spare_bytes=2**60).stage(io.BytesIO(backup_of(data)).read)
    assert list((other / "restore").iterdir()) == []


def archive_with(content: bytes, *members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A backup with correct checksums and invalid members."""
    hostile = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(content)) as genuine, tarfile.open(fileobj=hostile, mode="w") as new:
        sums = ""
        for info in genuine:
            body = genuine.extractfile(info)
            assert body
            text = body.read()
            if info.name == "SHA256SUMS":
                sums = text.decode()
                continue
            new.addfile(info, io.BytesIO(text))
        for info, text in members:
            info.size = len(text)
            new.addfile(info, io.BytesIO(text))
            sums += f"{hashlib.sha256(text).hexdigest()}  {info.name}\n"
        last = tarfile.TarInfo("SHA256SUMS")
        last.size = len(sums)
        new.addfile(last, io.BytesIO(sums.encode()))
    return hostile.getvalue()


NAMES = (
    "../evil",
    "/etc/evil",
    "audio/../../evil",
    "certificates/../evil",
    "certificates/a/b",
    "audio/" + "0" * 31,
    "live/session",
    "appliance.sqlite",
    "certificates/.hidden",
    "audio/" + "0" * 32 + "\n",
    "x" * 300,
)


@pytest.mark.parametrize("name", NAMES)
def test_names_that_no_backup_has_are_refused(data: Path, other: Path, tmp_path: Path, name: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InvalidRequest):
        put_back(other, archive_with(backup_of(data), (tarfile.TarInfo(name), b"evil")))
    after = [path for path in sorted(tmp_path.rglob("*")) if path.name not in ("restore", "backups")]
    assert after == [path for path in before if path.name not in ("restore", "backups")]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, b"S"])
def test_links_folders_pipes_and_sparse_files_are_refused(data: Path, other: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("audio/" + "0" * 32)
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(InvalidRequest):
        put_back(other, archive_with(backup_of(data), (info, b"")))


def test_a_false_size_in_a_header_takes_no_disk_space(data: Path, other: Path) -> None:
    info = tarfile.TarInfo("audio/" + "0" * 32)
    info.size = 2**50
    first = backup_of(data)[: 512 * 2]
    with pytest.raises(InvalidRequest, match="too early"):
        put_back(other, first + info.tobuf(tarfile.GNU_FORMAT) + b"little")
    assert list((other / "restore").iterdir()) == []


def test_small_files_stay_small(data: Path, other: Path) -> None:
    with pytest.raises(InvalidRequest, match="more than a backup"):
        put_back(
            other, archive_with(backup_of(data), (tarfile.TarInfo("certificates/x.pem"), bytes(100_000)))
        )


@pytest.mark.parametrize("content", [b"", b"hello", os.urandom(5000), b"PK\x03\x04" * 500, bytes(20_000)])
def test_other_files_are_refused_as_backups(other: Path, content: bytes) -> None:
    with pytest.raises(InvalidRequest):
        put_back(other, content)


def test_a_link_in_the_data_folder_is_not_followed_into_a_backup(data: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("outside")
    (data / "certificates/link.pem").symlink_to(tmp_path / "outside")
    assert b"outside" not in backup_of(data)
