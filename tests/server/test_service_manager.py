"""What systemd learns of the appliance: that it is ready, that it runs, that it stops."""

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.program import served
from whisper_appliance.server.gunicorn_worker import ApplianceWorker
from whisper_appliance.server.service_manager import ServiceManager


@contextmanager
def systemd(folder: Path) -> Iterator[socket.socket]:
    """The socket that systemd would name."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(folder / "notify"))
        listening.settimeout(20)
        yield listening


def received(listening: socket.socket, wanted: str) -> list[str]:
    """The first lines of all messages up to the one that is wanted."""
    seen: list[str] = []
    deadline = time.monotonic() + 30
    while wanted not in seen and time.monotonic() < deadline:
        seen.append(listening.recv(1000).decode().split("\n")[0])
    return seen


@pytest.mark.slow  # starts the real program
def test_systemd_learns_when_the_pages_answer_and_when_they_stop(tmp_path: Path) -> None:
    with systemd(tmp_path) as listening:
        with served(tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify")) as server:
            assert received(listening, "READY=1").count("READY=1") == 1
            assert server.get("/hello")[0] == 200
            assert received(listening, "WATCHDOG=1")[-1] == "WATCHDOG=1"
        assert received(listening, "STOPPING=1")[-1] == "STOPPING=1"


def test_other_processes_do_not_inherit_the_socket() -> None:
    environment = {"NOTIFY_SOCKET": "/run/systemd/notify"}
    ServiceManager(environment)
    assert environment == {}


def test_without_systemd_nothing_is_sent_and_nothing_fails() -> None:
    manager = ServiceManager({})
    manager.ready()
    manager.alive()
    manager.stopping()
    ServiceManager({"NOTIFY_SOCKET": "@nobody/listens"}).ready()


def test_a_second_sigterm_does_not_wait_for_the_first() -> None:
    """systemd and the main process each send one to the web process."""

    class InterruptedEvent(threading.Event):
        """Receives the second signal while the first one sets it."""

        times_set = 0

        def set(self) -> None:
            self.times_set += 1
            if self.times_set == 1:
                worker.handle_exit(signal.SIGTERM, None)
            super().set()

    stopping = InterruptedEvent()
    worker = ApplianceWorker.__new__(ApplianceWorker)
    worker.alive, worker._stopping = True, False
    worker.app = SimpleNamespace(stopping=stopping)
    worker.method_queue = SimpleNamespace(defer=lambda *_: None)
    worker.handle_exit(signal.SIGTERM, None)
    assert stopping.is_set()
    assert stopping.times_set == 1
