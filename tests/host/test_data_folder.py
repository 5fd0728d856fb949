"""A data folder that cannot be used: one sentence with the command that helps."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from whisper_appliance.config import settings
from whisper_appliance.config.overrides import with_overrides
from whisper_appliance.core.errors import BadSetting
from whisper_appliance.host.data_folder import check_data_folder

NOBODY = 65534
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@contextmanager
def another_user() -> Iterator[None]:
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    check_data_folder(tmp_path / "a/b")
    assert list((tmp_path / "a/b").iterdir()) == []


@only_root
def test_a_folder_of_somebody_else_gets_the_command_that_helps(open_folder: Path) -> None:
    with another_user(), pytest.raises(BadSetting) as refused:
        check_data_folder(open_folder)
    assert f"{open_folder} belongs to root (0)" in refused.value.message
    assert f"chown -R {NOBODY}:{os.getegid()} {open_folder}" in refused.value.message


@only_root
def test_a_folder_that_cannot_be_made_gets_the_command_that_makes_it(open_folder: Path) -> None:
    """As with HOME=/: there is nothing yet whose owner could be changed."""
    with another_user(), pytest.raises(BadSetting) as refused:
        check_data_folder(open_folder / "share/whisper")
    assert (
        f"install -d -o {NOBODY} -g {os.getegid()} -m 700 {open_folder}/share/whisper"
        in refused.value.message
    )


@only_root
def test_settings_of_the_panel_that_cannot_be_read_are_left_out(open_folder: Path) -> None:
    """`doctor` goes on and names the folder."""
    open_folder.chmod(0o700)
    given = settings.load(data_dir=open_folder)
    with another_user():
        assert with_overrides(given) == given


@only_root
def test_a_file_of_somebody_else_inside_is_named(open_folder: Path) -> None:
    (open_folder / "secret.key").touch(mode=0o600)
    os.chown(open_folder, NOBODY, -1)
    with another_user(), pytest.raises(BadSetting, match=r"secret\.key belongs to root"):
        check_data_folder(open_folder)


def test_a_read_only_file_system_is_named() -> None:
    with pytest.raises(BadSetting, match=r"read-only|cannot write"):
        check_data_folder(Path("/proc/whisper" if os.geteuid() else "/sys/whisper"))
