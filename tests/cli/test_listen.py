"""whisper-appliance listen: captions of a server on a terminal and in a pipe."""

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.live_client import LIVE_SERVER, settings_of
from tests.support.program import ROOT, Server, environment, served
from tests.support.speech import silence, spoken
from whisper_appliance.cli.audio_sources import PACKET_BYTES, from_file, from_pipe, in_real_time
from whisper_appliance.cli.caption_printer import CaptionPrinter

pytestmark = pytest.mark.slow  # starts the real program

SPEECH = spoken(1, 8) + silence(1)
WORDS = "w1 w2 w3 w4 w5 w6 w7"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("live")
    with served(folder, LIVE_SERVER, **settings_of(tiny_en, folder)) as running:
        yield running


def listen(folder: Path, *arguments: str, speech: bytes = b"") -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [sys.executable, "-m", "whisper_appliance", "listen", *arguments],
        input=speech, capture_output=True, cwd=ROOT, env=environment(folder), timeout=120, check=False,
    )  # fmt: skip
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def test_a_pipe_of_samples_becomes_captions(server: Server, tmp_path: Path) -> None:
    done = listen(tmp_path, f"https://localhost:{server.port}", "--insecure", speech=SPEECH)
    assert (done.returncode, done.stdout) == (0, f"{WORDS}\n")
    assert f"https://localhost:{server.port}/transcripts/" in done.stderr


def test_an_untrusted_certificate_is_reported_with_a_remedy(server: Server, tmp_path: Path) -> None:
    done = listen(tmp_path, f"https://localhost:{server.port}", speech=SPEECH)
    assert done.returncode == 1
    assert "--cacert" in done.stderr
    authority = tmp_path / "ca.crt"
    authority.write_text(server.get("/ca.crt")[1])
    done = listen(tmp_path, f"https://localhost:{server.port}", "--cacert", str(authority), speech=SPEECH)
    assert (done.returncode, done.stdout) == (0, f"{WORDS}\n")


def test_a_refusal_prints_one_sentence_and_exits_with_one(server: Server, tmp_path: Path) -> None:
    done = listen(
        tmp_path, f"https://localhost:{server.port}", "--insecure", "--model", "nonesuch", speech=SPEECH
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: There is no model named 'nonesuch'")


def test_an_unreachable_server_is_reported_at_once(tmp_path: Path) -> None:
    done = listen(tmp_path, "https://localhost:1", speech=SPEECH)
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr


def test_a_file_without_audio_is_reported(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "notes.wav"
    file.write_text("these are words")
    done = listen(tmp_path, f"https://localhost:{server.port}", "--insecure", "--file", str(file))
    assert done.returncode == 1
    assert done.stderr.startswith("Error:")
    assert "Traceback" not in done.stderr


def test_a_missing_arecord_is_reported(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "whisper_appliance", "listen", "--device", "default"],
        capture_output=True, text=True, cwd=ROOT, env=environment(tmp_path, PATH=""), timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "arecord" in done.stderr


def test_a_file_is_read_completely_in_packets_of_100_ms(beckett: Path) -> None:
    packets = list(from_file(beckett))
    assert {len(packet) for packet in packets[:-1]} == {PACKET_BYTES}
    assert sum(map(len, packets)) / 32_000 == pytest.approx(10, abs=0.5)


def test_a_pipe_is_read_in_packets_of_100_ms() -> None:
    packets = list(from_pipe(io.BufferedReader(io.BytesIO(bytes(7_001)))))
    assert list(map(len, packets)) == [3200, 3200, 600]


def test_real_time_waits_for_the_duration_of_the_packets() -> None:
    slept: list[float] = []
    assert (
        list(in_real_time([bytes(3200)] * 3, clock=lambda: sum(slept), sleep=slept.append))
        == [bytes(3200)] * 3
    )
    assert sum(slept) == pytest.approx(0.3)


def words(*texts: str) -> dict[str, Any]:
    return {"words": [{"w": text} for text in texts]}


def test_tentative_words_are_shown_and_replaced_on_a_terminal_only() -> None:
    told = [
        ("partial", {"text": " hello wold"}),
        ("commit", words(" hello")),
        ("partial", {"text": " world"}),
    ]
    told += [("commit", words(" world.")), ("end", {})]
    shown, written = io.StringIO(), io.StringIO()
    for out, live in ((shown, True), (written, False)):
        captions = CaptionPrinter(out, live=live)
        for kind, payload in told:
            captions.on_event(kind, payload)
    assert "wold" in shown.getvalue()
    assert written.getvalue() == "hello world.\n"


def test_long_captions_are_broken_between_words() -> None:
    out = io.StringIO()
    captions = CaptionPrinter(out, live=False)
    captions.on_event("commit", words(*[" word"] * 40))
    captions.on_event("end", {})
    lines = out.getvalue().splitlines()
    assert " ".join(lines).split() == ["word"] * 40
    assert max(map(len, lines)) <= 78
