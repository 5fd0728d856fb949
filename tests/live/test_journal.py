"""The journal of a live session."""

import os
from pathlib import Path

import pytest

from whisper_appliance.live.journal import Journal


def test_a_journal_that_is_closed_meanwhile_raises_an_error_of_files(tmp_path: Path) -> None:
    """The thread that flushes all sessions goes on after an `OSError`, and after nothing else."""
    journal = Journal(tmp_path / "journal")
    journal.add({"kind": "share"})
    journal.sync()
    journal.close()
    for act in (journal.sync, lambda: journal.add({})):
        with pytest.raises(OSError, match=r"descriptor|closed"):
            act()


def test_a_line_that_does_not_fit_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "journal")
    journal.add({"kind": "share"})
    with monkeypatch.context() as disk:
        write = os.write
        disk.setattr("os.write", lambda file, line: write(file, line[:5]))
        with pytest.raises(OSError, match="No space left"):
            journal.add({"kind": "commit"})
    journal.add({"kind": "stop"})
    assert [record["kind"] for record in journal.records()] == ["share", "stop"]
