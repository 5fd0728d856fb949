"""Detection of the supervisor that restarts the appliance."""

from collections.abc import Callable
from pathlib import Path

import pytest

from whisper_appliance.host.supervision import supervision

Main = Callable[[int], Path]


@pytest.fixture
def root(tmp_path: Path) -> Main:
    """A file system in which process 40 was started by the given one."""

    def make(parent: int) -> Path:
        folder = tmp_path / "proc/40"
        folder.mkdir(parents=True)
        (folder / "stat").write_text(f"40 (a (strange) name) S {parent} 40 40 0 -1")
        return tmp_path

    return make


def test_a_unit_of_systemd_is_detected(root: Main) -> None:
    unit = {"INVOCATION_ID": "x", "SYSTEMD_EXEC_PID": "40"}
    assert supervision(40, environment=unit, root=root(1)).by == "systemd"


def test_an_older_systemd_is_detected_as_the_parent(root: Main) -> None:
    assert supervision(40, environment={"INVOCATION_ID": "x"}, root=root(1)).by == "systemd"


def test_a_terminal_of_a_desktop_is_no_unit(root: Main) -> None:
    """Its variables are inherited by whatever is started in it."""
    inherited = {"INVOCATION_ID": "x", "SYSTEMD_EXEC_PID": "12"}
    seen = supervision(40, environment=inherited, root=root(30))
    assert seen.by is None
    assert "SUPERVISED=true" in seen.reason


@pytest.mark.parametrize("mark", [".dockerenv", "run/.containerenv"])
def test_the_first_process_of_a_container_is_detected(root: Main, mark: str) -> None:
    folder = root(1)
    (folder / mark).parent.mkdir(exist_ok=True)
    (folder / mark).touch()
    assert supervision(1, environment={}, root=folder).by == "container"


@pytest.mark.parametrize(
    ("command", "by"),
    [
        (b"/sbin/docker-init\0--\0whisper-appliance\0serve\0", "container"),
        (b"tini\0--\0python\0-m\0whisper_appliance\0serve\0", "container"),
        (b"sleep\0infinity\0", None),
        (b"bash\0", None),
    ],
)
def test_a_child_of_a_containers_init_is_started_again_only_with_it(
    root: Main, command: bytes, by: str | None
) -> None:
    """A program that was detached inside a container has process 1 as its parent, but ends for good."""
    folder = root(1)
    (folder / ".dockerenv").touch()
    (folder / "proc/1").mkdir()
    (folder / "proc/1/cmdline").write_bytes(command)
    assert supervision(40, environment={}, root=folder).by == by


def test_a_unit_of_systemd_in_a_container(root: Main) -> None:
    unit = {"INVOCATION_ID": "x", "SYSTEMD_EXEC_PID": "40", "container": "lxc"}
    folder = root(1)
    assert supervision(40, environment=unit, root=folder).by == "systemd"
    assert supervision(40, environment=unit | {"SYSTEMD_EXEC_PID": "12"}, root=folder).by is None


def test_a_shell_in_a_container_does_not_count(root: Main) -> None:
    assert supervision(40, environment={"container": "podman"}, root=root(30)).by is None


def test_the_setting_decides_about_supervision(root: Main) -> None:
    assert supervision(40, supervised=True, environment={}, root=root(30)).by == "setting"


def test_a_process_that_ended_has_no_supervisor(tmp_path: Path) -> None:
    assert supervision(40, environment={"container": "x"}, root=tmp_path).by is None
