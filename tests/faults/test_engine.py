"""The engine is killed, stopped, out of memory or not started: its jobs wait, the web process survives."""

import re
import resource
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from tests.support.engines import ScriptedEngine, one_token, takes_token
from tests.support.https_client import Visitor
from tests.support.live_client import settings_of
from tests.support.memory_groups import memory_group
from tests.support.program import IMPATIENT, Server, served
from tests.support.wait import wait_until
from whisper_appliance.core.errors import Unavailable
from whisper_appliance.engines.contract import EngineSpec, Options, Priority, Window, WindowResult
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.jobs.failures import FailureKind, kind_of

pytestmark = pytest.mark.slow  # starts the real program

MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    """The real program with a real model."""
    folder = tmp_path_factory.mktemp("engine")
    settings = settings_of(tiny_en, folder) | {
        "MODEL_WARM_UP": "true",
        "WORKER_PROCESSES": "1",
        "REQUESTS_PER_MINUTE": "100000",
    }
    with served(folder, IMPATIENT, **settings) as running:
        wait_until(lambda: Visitor(running).request("/api/status").json["model"]["state"] == "ready", 60)
        yield running


@pytest.fixture
def visitor(server: Server) -> Visitor:
    return Visitor(server)


def engine_of(server: Server) -> psutil.Process | None:
    """The process of the engine, None if there is none."""
    return next(iter(_children(server, "engines.process.start")), None)


def starve(engine: psutil.Process, most_bytes: int) -> None:
    """Limits the address space of the engine from now on."""
    engine.rlimit(resource.RLIMIT_AS, (most_bytes, resource.RLIM_INFINITY))


def state_of(visitor: Visitor) -> str:
    """The state of the engine."""
    return str(visitor.request("/api/status").json["engines"][0]["state"])


def web_of(server: Server) -> int:
    """The pid of the web process."""
    return int(psutil.Process(server.process.pid).children()[0].pid)


def test_a_killed_engine_loses_no_word(server: Server, visitor: Visitor, nagg_and_nell: Path) -> None:
    web, engine = web_of(server), engine_of(server)
    assert engine
    job = visitor.put(nagg_and_nell.read_bytes())
    wait_until(lambda: visitor.job(job)["progress"] > 0)
    engine.send_signal(signal.SIGKILL)
    assert visitor.ended(job)["status"] == "done"
    assert "from that ditch" in visitor.text(job).lower()
    assert web_of(server) == web
    assert engine_of(server) != engine


def test_an_engine_out_of_memory_is_restarted_and_the_job_is_done(
    server: Server, visitor: Visitor, beckett: Path
) -> None:
    web, used = web_of(server), engine_of(server)
    assert used
    used.kill()  # one that has worked keeps memory, and might do with that
    engine = wait_until(lambda: engine_of(server) if state_of(visitor) == "idle" else None)
    starve(engine, 64 * MEBIBYTE)
    job = visitor.put(beckett.read_bytes())
    assert visitor.ended(job)["error"] is None
    assert "fail better" in visitor.text(job).lower()
    assert engine_of(server) != engine
    assert web_of(server) == web


def test_a_job_waits_with_the_reason_while_no_engine_gets_memory(
    server: Server, visitor: Visitor, cities: Path
) -> None:
    web, over = web_of(server), threading.Event()
    starved: set[int] = set()

    def starve_all() -> None:
        while not over.wait(0.03):
            with suppress(psutil.Error):
                if (engine := engine_of(server)) and engine.pid not in starved:
                    starve(engine, 200 * MEBIBYTE)  # python starts, its libraries do not fit
                    starved.add(engine.pid)

    job = visitor.put(cities.read_bytes())
    starver = threading.Thread(target=starve_all)
    starver.start()
    try:
        wait_until(lambda: starved)
        psutil.Process(min(starved)).kill()
        waiting = wait_until(lambda: visitor.job(job)["waiting"])
        assert visitor.job(job)["status"] == "queued"
    finally:
        over.set()
        starver.join()
    assert re.search("memory|alloc|again and again", waiting["message"])
    assert "Error:" not in waiting["message"]
    assert len(starved) >= 2, "it was tried again"
    assert web_of(server) == web
    assert visitor.ended(job, 120)["status"] == "done", "there is memory again"


def test_an_engine_that_has_no_memory_for_a_window_costs_no_recording(
    server: Server, visitor: Visitor, nagg_and_nell: Path
) -> None:
    def fresh_engine() -> psutil.Process | None:
        found = engine_of(server)
        return found if found != used and state_of(visitor) == "idle" else None

    if used := engine_of(server):
        used.kill()  # one that has worked keeps memory, and might do with that
    engine = wait_until(fresh_engine)
    starve(engine, 64 * MEBIBYTE)
    job = visitor.put(nagg_and_nell.read_bytes() + bytes(8))
    assert visitor.ended(job, 120)["error"] is None
    assert "from that ditch" in visitor.text(job).lower()
    assert not engine.is_running()


def test_a_stopped_engine_stops_nothing_else_and_its_job_is_done(
    server: Server, visitor: Visitor, nagg_and_nell: Path, cities: Path
) -> None:
    job = visitor.put(nagg_and_nell.read_bytes() + bytes(4))
    wait_until(lambda: visitor.job(job)["progress"] > 0)
    engine = engine_of(server)
    assert engine
    engine.suspend()
    more = visitor.put(cities.read_bytes() + bytes(12))
    assert visitor.request("/api/status").json["engines"][0]["state"]
    assert visitor.ended(job, 120)["error"] is None
    assert visitor.ended(more, 120)["error"] is None
    assert "from that ditch" in visitor.text(job).lower()
    assert not engine.is_running()


def test_without_descriptors_for_an_engine_its_job_waits_with_the_reason(
    server: Server, visitor: Visitor, cities: Path
) -> None:
    web = psutil.Process(web_of(server))
    job = visitor.put(cities.read_bytes() + bytes(6))
    engine = wait_until(lambda: engine_of(server))
    wait_until(lambda: state_of(visitor) == "busy")
    before = web.rlimit(resource.RLIMIT_NOFILE)
    web.rlimit(resource.RLIMIT_NOFILE, (3, before[1]))  # all that are open stay
    try:
        engine.kill()
        engine.wait()
    finally:
        wait_until(lambda: "many open files" in server.log.read_text())
        web.rlimit(resource.RLIMIT_NOFILE, before)
    assert visitor.ended(job, 120)["error"] is None


def test_engines_killed_three_times_fail_no_job(server: Server, visitor: Visitor, cities: Path) -> None:
    jobs = [visitor.put(cities.read_bytes() + bytes(extra)) for extra in (2, 4)]
    wait_until(lambda: visitor.job(jobs[0])["progress"] > 0)
    killed: set[int] = set()
    for _ in range(3):
        engine = wait_until(lambda: _other_engine(server, killed))
        killed.add(engine.pid)
        engine.kill()
    assert [visitor.ended(job, 120)["error"] for job in jobs] == [None, None]


def test_a_killed_decoder_fails_no_job(server: Server, visitor: Visitor, nagg_and_nell: Path) -> None:
    job = visitor.put(nagg_and_nell.read_bytes() + bytes(2))
    for decoder in wait_until(lambda: _children(server, "decoder_child")):
        decoder.kill()
    found = visitor.ended(job, 120)
    assert found["error"] is None
    assert "from that ditch" in visitor.text(job).lower()


@pytest.mark.parametrize(
    ("program", "mebibytes"), [("engines.process.start", 64), ("decoder_child", 8)], ids=["engine", "decoder"]
)
def test_a_job_waits_while_the_kernel_kills_for_lack_of_memory(
    server: Server, visitor: Visitor, cities: Path, program: str, mebibytes: int
) -> None:
    web, over = web_of(server), threading.Event()
    jobs: list[str] = []

    def take_memory_away() -> None:
        while not over.wait(0.03):
            for process in _children(server, program):
                group.add(process.pid)

    def waiting() -> Any:
        """What a job waits for once the kernel has killed; one that was quicker is followed by another."""
        if not jobs or visitor.job(jobs[-1])["status"] == "done":
            for process in _children(server, program):
                process.kill()  # one that has worked keeps memory, and might do with that
            jobs.append(visitor.put(cities.read_bytes() + bytes(2 * (mebibytes + len(jobs)))))
        return group.kills and visitor.job(jobs[-1])["waiting"]

    with memory_group(mebibytes * MEBIBYTE) as group:
        taker = threading.Thread(target=take_memory_away)
        taker.start()
        try:
            assert wait_until(waiting)["message"]
        finally:
            over.set()
            taker.join()
        for process in _children(server, program):
            process.kill()
    assert visitor.ended(jobs[-1], 120)["error"] is None
    assert web_of(server) == web


def _other_engine(server: Server, known: set[int]) -> psutil.Process | None:
    engine = engine_of(server)
    return engine if engine and engine.pid not in known else None


def _children(server: Server, program: str) -> list[psutil.Process]:
    found = []
    for process in psutil.Process(server.process.pid).children(recursive=True):
        with suppress(psutil.Error):
            if any(program in word for word in process.cmdline()):
                found.append(process)
    return found


class Starving(ScriptedEngine):
    """Raises MemoryError for a window with the prompt "starve", or once for "starve once FILE"."""

    def transcribe(self, windows: Sequence[Window]) -> list[WindowResult]:
        match (windows[0].options.prompt or "").split():
            case ["starve"]:
                raise MemoryError
            case ["starve", "once", path] if takes_token(path):
                raise RuntimeError("std::bad_alloc")
        return super().transcribe(windows)


def starving(spec: EngineSpec) -> Starving:
    """For `EngineProcess(load=...)`."""
    return Starving()


def test_a_window_out_of_memory_is_retried_once_and_then_its_job_waits_with_the_reason(
    tmp_path: Path,
) -> None:
    spec = EngineSpec("faster-whisper", "scripted", tmp_path, workers=1)
    second = np.zeros(16_000, np.float32)
    with (
        one_token(tmp_path) as token,
        closing(EngineProcess(spec, load=starving)) as engine,
    ):
        engine.start()

        def submit(script: str) -> Future[WindowResult]:
            return engine.submit(Window(second, Options(prompt=script)), priority=Priority.BATCH)

        once = f"starve once {token}"
        assert submit(once).result(30).segments[0].text.strip() == once
        with pytest.raises(Unavailable, match="ran out of memory") as starved:
            submit("starve").result(30)
        assert kind_of(starved.value) is FailureKind.MACHINE
        assert submit("next").result(30).segments[0].text.strip() == "next"
        assert engine.status().restarts == 3
