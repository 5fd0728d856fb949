"""Files move between disks as a whole, whatever stops the move."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.file_systems import mounted
from tests.support.wait import wait_until
from whisper_appliance.core.atomic_files import link_or_copy, move

LARGE_BYTES = 64 * 2**20
MOVE = (
    "import sys; from pathlib import Path; from whisper_appliance.core.atomic_files import move;"
    "move(Path(sys.argv[1]), Path(sys.argv[2]))"
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"words" * 1000)
    path.chmod(0o640)
    os.utime(path, (1_000_000, 1_000_000))
    return path


def test_a_file_moves_to_another_disk_with_its_mode_and_times(source: Path, second_disk: Path) -> None:
    target = second_disk / "target"
    target.write_bytes(b"older")
    with pytest.raises(OSError, match="cross-device") as refused:  # else this test would show nothing
        source.rename(target)
    assert refused.value.errno == errno.EXDEV

    move(source, target)
    assert target.read_bytes() == b"words" * 1000
    assert (stat.S_IMODE(target.stat().st_mode), target.stat().st_mtime) == (0o640, 1_000_000)
    assert list(second_disk.iterdir()) == [target]
    assert not source.exists()


def test_on_one_disk_a_move_is_a_rename(source: Path, tmp_path: Path) -> None:
    number = source.stat().st_ino
    move(source, tmp_path / "target")
    assert (tmp_path / "target").stat().st_ino == number


def test_a_move_that_is_killed_leaves_the_file_and_can_be_repeated(tmp_path: Path, second_disk: Path) -> None:
    source, target = tmp_path / "source", second_disk / "target"
    content = os.urandom(2**20) * (LARGE_BYTES // 2**20)
    source.write_bytes(content)
    mover = subprocess.Popen([sys.executable, "-c", MOVE, source, target])
    wait_until(lambda: any(second_disk.iterdir()))
    mover.kill()
    mover.wait()
    for path in (source, target):  # at one of the two places at least, and nowhere half of it
        assert not path.exists() or path.read_bytes() == content
    assert source.exists() or target.exists()
    if source.exists():
        move(source, target)
    assert target.read_bytes() == content
    assert list(second_disk.iterdir()) == [target]


def test_a_move_to_a_full_disk_leaves_everything_as_it_was(source: Path, tmp_path: Path) -> None:
    source.write_bytes(bytes(2**20))
    with mounted(tmp_path / "small", 2**16):
        target = tmp_path / "small" / "target"
        target.write_bytes(b"older")
        with pytest.raises(OSError, match="space") as full:
            move(source, target)
        assert full.value.errno == errno.ENOSPC
        assert [path.read_bytes() for path in (tmp_path / "small").iterdir()] == [b"older"]
    assert source.stat().st_size == 2**20


def test_a_file_that_cannot_be_linked_is_copied(source: Path, tmp_path: Path, second_disk: Path) -> None:
    link_or_copy(source, tmp_path / "linked")
    link_or_copy(source, second_disk / "copied")
    assert source.samefile(tmp_path / "linked")
    assert (second_disk / "copied").read_bytes() == source.read_bytes()


def test_a_file_that_is_missing_is_an_error_on_both_disks(tmp_path: Path, second_disk: Path) -> None:
    for folder in (tmp_path, second_disk):
        for call in (move, link_or_copy):
            with pytest.raises(FileNotFoundError):
                call(tmp_path / "missing", folder / "target")
