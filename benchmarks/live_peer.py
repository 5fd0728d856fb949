"""WhisperLive, another live server that one can run at home: the same audio and weights, in the same run."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import websocket

from benchmarks.live_score import Score, Shown, score
from benchmarks.live_speech import Speech
from benchmarks.live_trials import Trial
from benchmarks.measuring import Tree, word_error_rate
from whisper_appliance.live.local_agreement import normalized
from whisper_appliance.transcript.model import Word

VERSION = "0.10.0"
# Its package asks for TensorRT's, OpenVINO's and CUDA's libraries as well; these are what the server needs
# for faster-whisper on a CPU.
NEEDS = ("faster-whisper==1.2.0", "torch==2.13.0", "websockets", "fastapi", "uvicorn", "python-multipart",
         "requests")  # fmt: skip
INSTALL_SECONDS = 1800
START_SECONDS = 90
STILL_SECONDS = 15
PACKET_SECONDS = 0.1
PACKET_SAMPLES = 1600
WISHES = {
    "uid": "bench",
    "language": "en",
    "task": "transcribe",
    "use_vad": True,
    "send_last_n_segments": 1000,
}
SERVE = """
import sys
from whisper_live.server import TranscriptionServer
TranscriptionServer().run("127.0.0.1", port=int(sys.argv[1]), backend="faster_whisper",
                          faster_whisper_custom_model_path=sys.argv[2], single_model=True)
"""


class NotToBeHad(Exception):
    """Why there are no numbers."""


def environment(folder: Path) -> Path:
    """The Python of a virtual environment of its own, made once. Raises `NotToBeHad`."""
    python, stamp = folder / "bin" / "python", folder / f".whisper-live-{VERSION}"
    if stamp.is_file():
        return python
    print(f"Installing WhisperLive {VERSION} into {folder}; this takes minutes, once", flush=True)
    if not python.is_file():
        _install([sys.executable, "-m", "venv", str(folder)])
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _install([*pip, "--no-deps", f"whisper-live=={VERSION}"])
    _install([*pip, *NEEDS])
    stamp.touch()
    return python


def attempt(python: Path, model: Path, spoken: Speech, truth: list[Word], offline: float, log: Path) -> Trial:
    """Speaks into one session, in real time, as its own client does. Raises `NotToBeHad`."""
    port = _free_port()
    with log.open("w") as out:
        server = subprocess.Popen(
            [str(python), "-c", SERVE, str(port), str(model)], stdout=out, stderr=out,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONNOUSERSITE": "1"},
        )  # fmt: skip
        try:
            wire = _open(server, port, model, log)
            tree = Tree(server.pid)
            before = tree.cpu_seconds()
            trace, committed, left = _speak(wire, spoken)
            cpu = tree.cpu_seconds() - before
        finally:
            server.kill()
            server.wait()
    words = [Word(0, 0, word, 0) for word in committed]
    trial = Trial(f"WhisperLive {VERSION}, 1 stream", 1, beside=False, offline=offline)
    trial.scored = score(trace, words, truth) if words else Score()
    trial.live = word_error_rate([(spoken.reference, " ".join([*committed, *left]))])
    trial.cpu = cpu / (spoken.seconds + STILL_SECONDS)
    return trial


def _install(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no message"])[-1]
        raise NotToBeHad(f"it could not be installed: {last}") from error
    except subprocess.TimeoutExpired as error:
        raise NotToBeHad(f"installing it took longer than {INSTALL_SECONDS // 60} minutes") from error


def _open(server: "subprocess.Popen[bytes]", port: int, model: Path, log: Path) -> websocket.WebSocket:
    """A connection whose server has said that it is ready."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(OSError):
            wire = websocket.create_connection(f"ws://127.0.0.1:{port}", timeout=START_SECONDS)
            wire.send(json.dumps({**WISHES, "model": str(model)}))
            while True:
                told = json.loads(wire.recv())
                if told.get("message") == "SERVER_READY":
                    return wire
                if told.get("status"):
                    raise NotToBeHad(f"it refused: {told['status']} {told.get('message')}")
        time.sleep(0.2)
    tail = " / ".join(log.read_text().strip().splitlines()[-2:])
    raise NotToBeHad(f"it did not start: {tail}")


def _speak(wire: websocket.WebSocket, spoken: Speech) -> tuple[list[Shown], list[str], list[str]]:
    """Packets when they are spoken; what is marked as completed is settled, the rest is tentative.

    It settles nothing because the audio ends, so it is given a while afterwards, and what it shows then is
    returned last.
    """
    reader = _Reader()
    began = time.monotonic()
    try:
        for number, at in enumerate(range(0, len(spoken.samples), PACKET_SAMPLES), 1):
            reader.listen(wire, began, began + number * PACKET_SECONDS)
            wire.send_binary(spoken.samples[at : at + PACKET_SAMPLES].tobytes())
        reader.listen(wire, began, time.monotonic() + STILL_SECONDS)
        wire.send_binary(b"END_OF_AUDIO")
        wire.close()
    except (websocket.WebSocketConnectionClosedException, OSError) as error:
        raise NotToBeHad(f"it closed the connection after {time.monotonic() - began:.0f} s") from error
    return reader.trace, reader.committed, reader.tentative


class _Reader:
    def __init__(self) -> None:
        self.trace: list[Shown] = []
        self.committed: list[str] = []
        self.tentative: list[str] = []

    def listen(self, wire: websocket.WebSocket, began: float, until: float) -> None:
        """Takes what comes until a moment."""
        while (left := until - time.monotonic()) > 0:
            wire.settimeout(left)
            with suppress(websocket.WebSocketTimeoutException):
                told = json.loads(wire.recv())
                if "segments" in told:
                    self._take(told["segments"], time.monotonic() - began)

    def _take(self, segments: list[dict[str, Any]], at: float) -> None:
        settled = [word for one in segments if one["completed"] for word in one["text"].split()]
        if len(settled) >= len(self.committed):
            self.committed = settled
        self.tentative = [word for one in segments if not one["completed"] for word in one["text"].split()]
        shown = tuple(normalized(Word(0, 0, word, 0)) for word in self.tentative)
        self.trace.append(Shown(at, len(self.committed), shown))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
