"""At random moments, processes are killed, the disk is full or the database is locked: no job is lost."""

import io
import random
import sqlite3
import wave
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from functools import partial
from http.client import HTTPException
from pathlib import Path
from threading import Event
from typing import Self

import jiwer
import psutil
import pytest

from tests.support.faults import Serve, rows
from tests.support.file_systems import full, mounted
from tests.support.https_client import Visitor
from tests.support.program import IMPATIENT, Server, free_port
from tests.support.wait import wait_until

pytestmark = pytest.mark.slow  # starts the real program

SEED = 20
UPLOADS = 50
BACKLOG = 10
SENDERS = 3
KILLS = ("decoder",) * 5 + ("engine",) * 5 + ("web",) * 3 + ("program",) * 3
FAULTS = KILLS + ("full disk",) * 2 + ("locked database",) * 2
COMMAND_LINES = {"decoder": "decoder_child", "engine": "engines.process.start"}
CLIP_SECONDS = 2
PATIENCE_SECONDS = 240.0


class Supervised:
    """The program on one port, started again after it was killed, as systemd would."""

    def __init__(self, serve: Serve) -> None:
        port = str(free_port())
        self._start: Callable[[], AbstractContextManager[Server]] = lambda: serve(
            IMPATIENT, HTTPS_PORT=port, WORKER_PROCESSES="1", REQUESTS_PER_MINUTE="100000"
        )
        self._running = ExitStack()

    def __enter__(self) -> Self:
        self.server = self._running.enter_context(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def kill(self, what: str) -> None:
        """Sends SIGKILL to the program, its web process, a decoder or an engine; waits until there is one."""
        if what == "program":
            self.server.kill()
            self._running.close()
            self.__enter__()
        else:
            wait_until(lambda: _killed(self.server, what), reason=f"there is no {what}")


def _killed(server: Server, what: str) -> bool:
    with suppress(psutil.Error):
        program = psutil.Process(server.process.pid)
        if what == "web":
            found = program.children()[:1]
        else:
            children = program.children(recursive=True)
            found = [each for each in children if COMMAND_LINES[what] in " ".join(each.cmdline())]
        for process in found[:1]:
            process.kill()
            return True
    return False


def test_50_uploads_and_20_random_faults_give_50_transcripts_and_none_twice(
    serve: Serve, tmp_path: Path, beckett: Path, nagg_and_nell: Path
) -> None:
    clips = [_clip(beckett, 0), _clip(beckett, 4), _clip(nagg_and_nell, 6), _clip(nagg_and_nell, 14)]
    chance = random.Random(SEED)
    faults = chance.sample(FAULTS, len(FAULTS))
    sent: list[Future[str]] = []
    (tmp_path / "data/decoded").mkdir(parents=True)
    with (
        mounted(tmp_path / "data/decoded"),
        Supervised(serve) as program,
        ThreadPoolExecutor(SENDERS) as senders,
    ):
        visitor = Visitor(program.server)
        words = _undisturbed(visitor, clips)
        others = _transcripts(tmp_path)
        for turn, fault in enumerate(faults, 1):
            with _fault(fault, program, tmp_path):
                for number in range(len(sent), BACKLOG + (UPLOADS - BACKLOG) * turn // len(faults)):
                    sent.append(senders.submit(_accepted, visitor, clips[number % len(clips)], number))
                Event().wait(chance.uniform(0, 1))  # no test waits for this: it makes the moment random
            more = min(len(_transcripts(tmp_path)) + 1, len(others) + len(sent))
            wait_until(partial(_has_transcripts, tmp_path, more), PATIENCE_SECONDS)
        jobs = [job.result(PATIENCE_SECONDS) for job in sent]
        wait_until(partial(_has_transcripts, tmp_path, len(others) + UPLOADS), PATIENCE_SECONDS)
        assert [visitor.ended(job)["error"] for job in jobs] == [None] * UPLOADS
        for number, job in enumerate(jobs):
            assert visitor.job(job)["title"] == f"talk {number}"
            text = visitor.text(job)
            assert min(words, key=partial(jiwer.wer, hypothesis=text)) == words[number % len(clips)], text
        assert _transcripts(tmp_path) == sorted({*others, *jobs})
        assert len(rows(tmp_path, "SELECT id FROM jobs WHERE status = 'done'")) == len(others) + UPLOADS
        assert rows(tmp_path, "SELECT id FROM jobs WHERE status <> 'done'") == []
        wait_until(lambda: not any((tmp_path / "data/uploads").iterdir()))


@contextmanager
def _fault(fault: str, program: Supervised, folder: Path) -> Iterator[None]:
    """The disk or the database cannot be used during the block, or a process is killed at its end."""
    if fault == "full disk":
        with full(folder / "data/decoded"):
            yield
            wait_until(lambda: rows(folder, "SELECT id FROM jobs WHERE waiting_code = 'disk_full'"))
    elif fault == "locked database":
        with closing(sqlite3.connect(folder / "data/appliance.sqlite", timeout=60)) as database:
            database.execute("BEGIN IMMEDIATE")
            yield
    else:
        yield
        program.kill(fault)


def _undisturbed(visitor: Visitor, clips: Sequence[bytes]) -> list[str]:
    """The words of each clip, where nothing is killed."""
    jobs = [visitor.put(clip, name=f"undisturbed {number}.wav") for number, clip in enumerate(clips)]
    assert {visitor.ended(job)["status"] for job in jobs} == {"done"}
    words = [visitor.text(job) for job in jobs]
    assert len(set(words)) == len(clips)
    assert all(words)
    return words


def _accepted(visitor: Visitor, clip: bytes, number: int) -> str:
    """Sends an upload again until it is accepted; the id of its job."""

    def attempt() -> str | None:
        try:
            answer = visitor.send(clip, name=f"talk {number}.wav", **{"async": "1"})
        except (OSError, HTTPException):
            return None
        return str(answer.json["id"]) if answer.status in (200, 202) else None

    return wait_until(attempt, PATIENCE_SECONDS)


def _has_transcripts(folder: Path, count: int) -> bool:
    return len(_transcripts(folder)) >= count


def _transcripts(folder: Path) -> list[str]:
    return sorted(id for (id,) in rows(folder, "SELECT id FROM transcripts"))


def _clip(speech: Path, start_seconds: int) -> bytes:
    """A WAV of `CLIP_SECONDS` of this speech."""
    content = io.BytesIO()
    with wave.open(str(speech), "rb") as whole, wave.open(content, "wb") as part:
        part.setparams(whole.getparams())
        whole.setpos(start_seconds * whole.getframerate())
        part.writeframes(whole.readframes(CLIP_SECONDS * whole.getframerate()))
    return content.getvalue()
