"""A long session with the real program: its memory stays flat, and the last words are as good as the first.

LIVE_TEST_MINUTES says how much is spoken (default 5; 30 takes several minutes). It is sent as fast as the
appliance takes it.
"""

import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.program import ANY_CERTIFICATE, running
from whisper_appliance.client.live_client import LiveClient
from whisper_appliance.client.socketio_client import SocketIOClient

MINUTES = float(os.environ.get("LIVE_TEST_MINUTES", "5"))
PACKET_BYTES = 32_000
RATE = 16_000
SPARE_BYTES = 60 * 2**20


@pytest.fixture(scope="module")
def round_of_speech(beckett: Path) -> bytes:
    """Beckett and a pause, as s16le at 16 kHz."""
    import av

    resampler = av.AudioResampler("s16", "mono", RATE)
    with av.open(str(beckett)) as source:
        frames = [ready for frame in source.decode(audio=0) for ready in resampler.resample(frame)]
    frames += resampler.resample(None)
    return b"".join(frame.to_ndarray().tobytes() for frame in frames) + bytes(2 * 2 * RATE)


def memory_bytes(pid: int) -> int:
    """Of the program and all of its processes, without files that are mapped: others may map them too."""
    processes = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    return sum(1024 * int(line.split()[1]) for one in processes for line in rollup(one) if "Pss_Anon" in line)


def rollup(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has just ended
        return []


@pytest.mark.slow
@pytest.mark.timeout(120 + 60 * MINUTES)
def test_a_long_session_uses_no_more_memory_than_a_short_one(
    tmp_path: Path, tiny_en: Path, round_of_speech: bytes
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "tiny.en").symlink_to(tiny_en)
    rounds = max(2, round(MINUTES * 60 * RATE * 2 / len(round_of_speech)))
    seen: list[int] = []
    told: list[dict[str, Any]] = []

    def hear(kind: str, payload: dict[str, Any]) -> None:
        if kind == "commit":
            told.append(payload)
            seen.append(memory_bytes(program.process.pid))

    with running(tmp_path, models, "tiny.en") as program:
        program.wait_for_model()
        speaker = LiveClient(
            lambda handlers: SocketIOClient(program.url, handlers, ANY_CERTIFICATE),
            {"v": 1, "language": "en"},
            hear,
        )
        audio = round_of_speech * rounds
        end = speaker.stream(audio[at : at + PACKET_BYTES] for at in range(0, len(audio), PACKET_BYTES))
    assert max(seen[len(seen) // 4 :]) - max(seen[: len(seen) // 4]) < SPARE_BYTES
    assert end["seconds"] == pytest.approx(rounds * len(round_of_speech) / RATE / 2, abs=1)
    words = [word for payload in told for word in payload["words"]]
    assert all(one["t1"] <= other["t1"] for one, other in pairwise(words))
    better = sum("better" in word["w"].lower() for word in words)
    assert 0.8 * rounds <= better <= 1.1 * rounds
