"""Who takes part: our appliance over HTTPS, and libraries called directly; each in a process of its own."""

import json
import os
import socket
import ssl
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Protocol, Self

import httpx2

from benchmarks.audio import Recording

START_SECONDS = 60
STOP_SECONDS = 30


class Competitor(Protocol):
    """Something that turns a recording into text. `pid` is the root of its processes."""

    name: str
    setting: str

    @property
    def pid(self) -> int: ...

    def transcribe(self, recording: Recording) -> str:
        """The text of the recording."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Library:
    """A library in a child process that has its model loaded."""

    def __init__(self, name: str, python: str, model: Path, threads: int) -> None:
        self.name = name
        self.setting = f"{threads} threads"
        self._command = [python, "-m", "benchmarks.library", name, str(model), str(threads)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=STOP_SECONDS)

    @property
    def pid(self) -> int:
        """The child."""
        return self._process.pid

    def transcribe(self, recording: Recording) -> str:
        """The text, as the library gives it."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(str(recording.path)) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended: {' '.join(self._command)}")
        return str(json.loads(line))


class Server:
    """A whole appliance with a data folder of its own, started as a user starts it."""

    def __init__(self, data: Path, models: Path, **settings: str) -> None:
        self.port = _free_port()
        self.data = data
        self._environment = {
            **os.environ,
            "DATA_DIR": str(data),
            "MODEL_DIR": str(models),
            "HOST": "127.0.0.1",
            "HTTPS_PORT": str(self.port),
            "WAIT_SECONDS": "3600",
            "MODEL_DOWNLOADS": "false",
            "REPEAT_SECONDS": "0",  # each request is work, however alike they are
            **settings,
        }
        self._log = data.with_suffix(".log")
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        log = self._closing.enter_context(self._log.open("w"))
        command = [os.environ.get("APPLIANCE_PYTHON", sys.executable), "-m", "whisper_appliance", "serve"]
        self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        self._client = self._closing.enter_context(
            httpx2.Client(base_url=self.url, verify=trusting(), timeout=3600)
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(STOP_SECONDS)
        self._closing.close()

    @property
    def pid(self) -> int:
        """gunicorn's first process; web, engine and decoder are its children."""
        return self._process.pid

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://localhost:{self.port}"

    def get(self, path: str) -> Any:
        """The JSON at a path."""
        return self._client.get(path).raise_for_status().json()

    def wait_for_page(self) -> None:
        """Returns as soon as the main page is there. Raises `SystemExit` where there is no start."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(httpx2.TransportError):
                self._client.get("/").raise_for_status()
                return
            time.sleep(0.01)
        raise SystemExit(f"The appliance did not start; its log is {self._log}")

    def post(self, recording: Recording, **fields: str) -> dict[str, Any]:
        """The transcript of a recording. Raises `SystemExit` with the answer where there is none."""
        with recording.path.open("rb") as file:
            answer = self._client.post(
                "/transcribe", data=fields, files={"file": (recording.path.name, file)}
            )
        if answer.status_code not in (200, 202):
            raise SystemExit(f"POST /transcribe answered {answer.status_code}: {answer.text[:500]}")
        return dict(answer.json())


class Appliance:
    """Our road: HTTPS in, transcript out."""

    def __init__(self, quality: str, data: Path, models: Path, model: str) -> None:
        self.name = "whisper-appliance" if quality == "balanced" else f"whisper-appliance, {quality}"
        self.setting = "as it comes"
        self._quality = quality
        self._server = Server(data, models, WHISPER_MODEL=model, MODEL_IDLE_TIMEOUT="0")

    def __enter__(self) -> Self:
        self._server.__enter__()
        self._server.wait_for_page()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.__exit__(*exception)

    @property
    def pid(self) -> int:
        """The server's first process."""
        return self._server.pid

    def transcribe(self, recording: Recording) -> str:
        """The text of the answer."""
        return str(self._server.post(recording, quality=self._quality)["text"])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def trusting() -> ssl.SSLContext:
    """TLS without asking who is there: the certificate was made a second ago by the server we started."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
