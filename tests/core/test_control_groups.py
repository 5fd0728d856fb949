"""Limits of containers and services: the tightest of all groups around this process counts."""

from pathlib import Path

import pytest

from whisper_appliance.core import control_groups


@pytest.fixture
def groups(tmp_path: Path) -> tuple[Path, Path]:
    """A service with 1.5 cores inside a container with 3 GB, of which 1 GB is used."""
    unit = tmp_path / "root/system.slice/whisper-appliance.service"
    unit.mkdir(parents=True)
    (unit / "cpu.max").write_text("150000 100000\n")
    (unit / "memory.max").write_text("max\n")
    (tmp_path / "root/cpu.max").write_text("max 100000\n")
    (tmp_path / "root/memory.max").write_text("3000000000\n")
    (tmp_path / "root/memory.current").write_text("1000000000\n")
    (tmp_path / "cgroup").write_text("0::/system.slice/whisper-appliance.service\n")
    return tmp_path / "root", tmp_path / "cgroup"


def test_the_limits_of_all_groups_count(groups: tuple[Path, Path]) -> None:
    assert control_groups.processor_limit(*groups) == 1.5
    assert control_groups.memory_limit(*groups) == 3_000_000_000
    assert control_groups.memory_left(*groups) == 2_000_000_000


def test_without_control_groups_there_are_no_limits(tmp_path: Path) -> None:
    nowhere = (tmp_path, tmp_path / "cgroup")
    assert control_groups.processor_limit(*nowhere) is None
    assert control_groups.memory_limit(*nowhere) is None
    assert control_groups.memory_left(*nowhere) is None
