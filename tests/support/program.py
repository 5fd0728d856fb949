"""The real program as a child process, for tests: started, asked, signalled, gone at the end."""

import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

ROOT = Path(__file__).parent.parent
LITTLE = ("-m", "tests.support.programs.small_server")
READY = re.compile(r"https?://\S+:(\d+)$", re.MULTILINE)


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """Nothing of the caller's settings; data and models in `folder`, a port of its own."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    paths = f"{ROOT / 'src'}:{ROOT}"
    own = {
        "DATA_DIR": f"{folder}/data",
        "MODEL_DIR": f"{folder}/models",
        "HTTPS_PORT": "0",
        "HOST": "127.0.0.1",
    }
    return kept | own | {"PYTHONPATH": paths, "PYTHONUNBUFFERED": "1"} | variables


@dataclass
class Server:
    """A running server."""

    process: "subprocess.Popen[str]"
    folder: Path
    port: int

    @property
    def trusting(self) -> ssl.SSLContext:
        """A client that trusts this server's own authority and nothing else."""
        chain = x509.load_pem_x509_certificates((self.folder / "data/certificates/server.pem").read_bytes())
        return ssl.create_default_context(cadata=chain[-1].public_bytes(Encoding.PEM).decode())

    def connect(self, host: str = "localhost") -> ssl.SSLSocket:
        """A TLS connection that checks the certificate."""
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        return self.trusting.wrap_socket(raw, server_hostname=host)

    def get(self, path: str = "/", host: str = "localhost") -> tuple[int, str]:
        """Status and body over HTTPS."""
        connection = http.client.HTTPSConnection(host, self.port, context=self.trusting, timeout=20)
        return _ask(connection, path)[::2]

    def get_plain(self, path: str = "/") -> tuple[int, "http.client.HTTPMessage", str]:
        """Status, headers and body over plain HTTP."""
        return _ask(http.client.HTTPConnection("localhost", self.port, timeout=20), path)

    def stop(self, signal_number: int = signal.SIGTERM) -> tuple[int, float]:
        """Exit code, and the seconds it took."""
        began = time.monotonic()
        self.process.send_signal(signal_number)
        return self.process.wait(40), time.monotonic() - began

    def kill(self) -> None:
        """SIGKILL to the program and to all of its processes, at once."""
        for process in [*psutil.Process(self.process.pid).children(recursive=True), self.process]:
            process.send_signal(signal.SIGKILL)
        self.process.wait(10)


@contextmanager
def served(folder: Path, arguments: Sequence[str] = LITTLE, **variables: str) -> Iterator[Server]:
    """A server that has said where it is."""
    process = start(folder, arguments, **variables)
    try:
        yield Server(process, folder, _port(process))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(20)
        assert process.stdout
        process.stdout.close()


def start(folder: Path, arguments: Sequence[str] = LITTLE, **variables: str) -> "subprocess.Popen[str]":
    """The program, not waited for; what it says comes on stdout, what goes wrong in `folder/stderr`."""
    with (folder / "stderr").open("w") as errors:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment(folder, **variables),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )


def _port(process: "subprocess.Popen[str]") -> int:
    assert process.stdout
    said = ""
    for line in process.stdout:
        said += line
        if found := READY.search(said):
            return int(found[1])
    raise AssertionError(f"The server ended with code {process.wait()} and said: {said}")


def _ask(connection: http.client.HTTPConnection, path: str) -> tuple[int, "http.client.HTTPMessage", str]:
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()
