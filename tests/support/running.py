"""The real program on a port of its own, started and ended."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_SECONDS = 60
STOP_SECONDS = 30
# The certificate is the appliance's own; a person would trust it once, the tests do not look.
ANY_CERTIFICATE = ssl._create_unverified_context()


@dataclass
class Program:
    """A running appliance: where it answers, what it keeps, what it wrote."""

    url: str
    data_dir: Path
    log: Path
    process: subprocess.Popen[bytes]

    def ask(self, path: str) -> Any:
        """The JSON of a GET."""
        with urllib.request.urlopen(self.url + path, context=ANY_CERTIFICATE, timeout=10) as answer:
            return json.load(answer)

    def wait_until(self, ready: str = "ready") -> None:
        """Waits until the default model is in this state."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                model = self.ask("/api/status")["model"]  # None while the models take long to answer
                if model and model["state"] == ready:
                    return
            except (urllib.error.URLError, ConnectionError):
                pass
            time.sleep(0.1)
        raise AssertionError(f"The appliance did not become {ready}:\n{self.log.read_text()[-4000:]}")


@contextmanager
def running(
    folder: Path, model_dir: Path, model: str, *, watched: bool = False, **settings: str
) -> Iterator[Program]:
    """Runs `whisper-appliance serve` with its data in `folder`; ended with SIGTERM, as systemd would.

    `watched`: when it asks for a restart, it is started again.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = {
        "HOST": "127.0.0.1",
        "HTTPS_PORT": str(port),
        "DATA_DIR": str(folder / "data"),
        "MODEL_DIR": str(model_dir),
        "WHISPER_MODEL": model,
        "MODEL_DOWNLOADS": "false",
        **settings,
    }
    log = folder / "appliance.log"
    scheme = "http" if settings.get("HTTPS_ENABLED") == "false" else "https"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                *(["tests.support.programs.restarter"] if watched else ["whisper_appliance", "serve"]),
            ],
            env={**os.environ, **given},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Program(f"{scheme}://localhost:{port}", folder / "data", log, process)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
