"""Started as a module, the program does not look for packages in the folder where it is started."""

import runpy
import sys
from pathlib import Path

import pytest

from whisper_appliance import cli


@pytest.mark.parametrize(("first", "is_kept"), [("", False), ("bin", True)], ids=["-m", "command"])
def test_the_current_folder_is_not_in_the_search_path(
    first: str, is_kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Engines may read all of its folders."""
    monkeypatch.setattr(cli, "main", lambda: None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path / first), *sys.path])
    runpy.run_module("whisper_appliance", run_name="__main__", alter_sys=False)
    assert (str(tmp_path / first) in sys.path) is is_kept
