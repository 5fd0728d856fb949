"""One request costs little memory, however large it is."""

import re
from pathlib import Path

import psutil
import pytest

from tests.support.audio import wav
from tests.support.faults import Serve
from tests.support.https_client import Visitor
from tests.support.program import REAL, web_process

pytestmark = pytest.mark.slow  # starts the real program

MEGABYTE = 1_000_000
MOST_BYTES = 400 * MEGABYTE
SECONDS = 540


def peak_bytes(process: psutil.Process) -> int:
    """The most memory that it had since the peak was reset."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024


def reset_peak(process: psutil.Process) -> None:
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def test_an_upload_of_100_mb_takes_less_than_400_mb_of_memory(serve: Serve, tmp_path: Path) -> None:
    silence = wav(tmp_path / "silence.wav", SECONDS, rate=48_000, channels=2).read_bytes()
    assert len(silence) > 100 * MEGABYTE
    with serve(REAL) as server:
        visitor, web = Visitor(server), web_process(server)
        before = web.memory_info().rss
        reset_peak(web)
        id = visitor.put(silence)
        assert peak_bytes(web) - before < len(silence) / 2, "the file is not held in memory"
        assert visitor.ended(id)["status"] == "done"
        assert peak_bytes(web) - before < MOST_BYTES
