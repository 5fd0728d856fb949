"""The real program as a child process: started, called, signalled, and gone at the end of a test."""

import functools
import http.client
import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.forked import ForkedProgram, fork_server
from tests.support.wait import wait_until

ROOT = Path(__file__).parents[2]
REAL = ("-m", "whisper_appliance", "serve")
IMPATIENT = ("-m", "tests.support.programs.impatient", "serve")
RESTARTED = ("-m", "tests.support.programs.restarter")
SMALL_SERVER = ("-m", "tests.support.programs.small_server")
READY = re.compile(r"https?://\S+:(\d+)$", re.MULTILINE)
STOP_SECONDS = 40
Process = ForkedProgram | subprocess.Popen[str]
READ_AT_START = {"LD_PRELOAD", "PYTHONPATH"}
BELOW_EPHEMERAL_PORTS = range(10_000, 32_000)
# The certificate is the appliance's own; a person trusts it once, most tests do not check it.
ANY_CERTIFICATE = ssl._create_unverified_context()


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """Nothing of the caller's settings; data and models in `folder`, a port of its own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "HOME", "LANG", "TMPDIR") or name.startswith("COVERAGE_")
    }
    own = {
        "DATA_DIR": f"{folder}/data",
        "MODEL_DIR": f"{folder}/models",
        "HTTPS_PORT": "0",
        "HOST": "127.0.0.1",
        "CONNECTION_RATE_PER_ADDRESS": "0",  # a test asks more often than people and programs do
    }
    return kept | own | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"} | variables


@dataclass
class Server:
    """A running server: where it answers, what it keeps, what it wrote."""

    process: Process
    folder: Path
    port: int
    scheme: str = "https"

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}"

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What it wrote to stderr."""
        return self.folder / "stderr"

    @property
    def trusting(self) -> ssl.SSLContext:
        """A client that trusts this server's own authority and nothing else."""
        return _trusting((self.data_dir / "certificates/server.pem").read_bytes())

    def get_json(self, path: str) -> Any:
        """The JSON of a GET, whatever the certificate."""
        with urllib.request.urlopen(self.url + path, context=ANY_CERTIFICATE, timeout=10) as response:
            return json.load(response)

    def wait_for_model(self, state: str = "ready") -> None:
        """Waits until the default model is in this state."""

        def arrived() -> bool:
            assert self.process.poll() is None, self._fault(f"did not become {state}")
            try:
                model = self.get_json("/api/status")["model"]  # None while the models take long to answer
            except (urllib.error.URLError, ConnectionError):
                return False
            return bool(model) and model["state"] == state

        wait_until(arrived, reason=lambda: self._fault(f"did not become {state}"))

    def _fault(self, what: str) -> str:
        return f"The appliance {what}:\n{self.log.read_text()[-4000:]}"

    def connect(self, host: str = "localhost") -> ssl.SSLSocket:
        """A TLS connection that checks the certificate."""
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        return self.trusting.wrap_socket(raw, server_hostname=host)

    def get(self, path: str = "/", host: str = "localhost") -> tuple[int, str]:
        """Status and body over HTTPS."""
        connection = http.client.HTTPSConnection(host, self.port, context=self.trusting, timeout=20)
        return _get(connection, path)[::2]

    def get_plain(self, path: str = "/") -> tuple[int, "http.client.HTTPMessage", str]:
        """Status, headers and body over plain HTTP."""
        return _get(http.client.HTTPConnection("localhost", self.port, timeout=20), path)

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """Its exit code once it has ended."""
        self.process.send_signal(signal_number)
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """SIGKILL to the program and to all of its processes, at once."""
        program = psutil.Process(self.process.pid)
        for process in [*program.children(recursive=True), program]:
            process.kill()
        self.process.wait(60)


def web_process(server: Server) -> psutil.Process:
    """The child of the program that answers requests; it is forked, and others are not."""
    program = psutil.Process(server.process.pid)
    return next(child for child in program.children() if child.cmdline() == program.cmdline())


def start(folder: Path, arguments: Sequence[str] = SMALL_SERVER, **variables: str) -> ForkedProgram:
    """The program, forked and not waited for; its stdout is a pipe, its stderr the file `folder/stderr`."""
    _, module, *others = arguments
    with (folder / "stderr").open("w") as errors:
        return fork_server().start(
            module, *others, environment=environment(folder, **variables), stderr=errors.fileno()
        )


def execute(folder: Path, arguments: Sequence[str], **variables: str) -> "subprocess.Popen[str]":
    """As `start`, but Python begins anew, as it does for people: for tests of the start itself."""
    with (folder / "stderr").open("w") as errors:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment(folder, **variables),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )


@contextmanager
def served(folder: Path, arguments: Sequence[str] = SMALL_SERVER, **variables: str) -> Iterator[Server]:
    """A server that has printed where it answers; ended with SIGTERM, as systemd would.

    It is forked, unless it has a variable that takes effect only when Python starts.
    """
    is_forked = not READ_AT_START & variables.keys()
    process: Process = (start if is_forked else execute)(folder, arguments, **variables)
    scheme = "http" if variables.get("HTTPS_ENABLED") == "false" else "https"
    try:
        yield Server(process, folder, _port(process, folder), scheme)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
        assert process.stdout
        process.stdout.close()


@contextmanager
def running(
    folder: Path,
    model_dir: Path,
    model: str,
    settings: Mapping[str, str] = MappingProxyType({}),
    *,
    program: Sequence[str] = REAL,
    restarts: bool = False,
) -> Iterator[Server]:
    """The whole appliance with these models, and no network to load others.

    `restarts`: when the program ends itself for a restart, it is started again on the same port.
    """
    given = {"MODEL_DIR": str(model_dir), "WHISPER_MODEL": model, "MODEL_DOWNLOADS": "false", **settings}
    if restarts:
        given["HTTPS_PORT"] = str(free_port())
    with served(folder, RESTARTED if restarts else program, **given) as server:
        yield server


def free_port() -> int:
    """A port that nobody listens on, and that no connection of another program gets in the meantime."""
    for port in random.sample(BELOW_EPHEMERAL_PORTS, 50):
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@contextmanager
def commanded(module: str, *arguments: str) -> Iterator[ForkedProgram]:
    """A program of `tests.support.programs` that reads a command a line, ready; killed at the end."""
    module = f"tests.support.programs.{module}"
    process = fork_server().start(module, *arguments, environment=os.environ, stderr=2, has_input=True)
    with process:
        assert process.stdout
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def run_command(
    folder: Path, *arguments: object, program: str = "whisper_appliance", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs one command of the command line, forked; its data and models are in `folder`, where it runs."""
    words = [str(argument) for argument in arguments]
    with tempfile.TemporaryFile("w+") as errors:
        process = fork_server().start(
            program,
            *words,
            environment=environment(folder, **variables),
            stderr=errors.fileno(),
            folder=folder,
        )
        with process:
            assert process.stdout
            output = process.stdout.read()
        errors.seek(0)
        return subprocess.CompletedProcess([program, *words], process.wait(), output, errors.read())


def send_command(process: ForkedProgram, line: str) -> str:
    """Gives such a program a command; returns the line that it answers."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


@functools.cache
def _trusting(pem: bytes) -> ssl.SSLContext:
    """Trusts the last certificate of this chain; made once, because it takes longer than a request."""
    authority = x509.load_pem_x509_certificates(pem)[-1]
    return ssl.create_default_context(cadata=authority.public_bytes(Encoding.PEM).decode())


def _port(process: Process, folder: Path) -> int:
    assert process.stdout
    printed = ""
    for line in process.stdout:
        printed += line
        if found := READY.search(printed):
            return int(found[1])
    errors = (folder / "stderr").read_text()[-4000:]
    raise AssertionError(f"The server ended with code {process.wait()} and wrote: {printed}{errors}")


def _get(connection: http.client.HTTPConnection, path: str) -> tuple[int, "http.client.HTTPMessage", str]:
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()
