"""Many bad clients of each kind at one address: those at another one are served all the same."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from benchmarks.hostile_clients import GIVE_UP, KINDS, Client, Target

from tests.support.faults import Serve
from tests.support.https_client import Visitor
from tests.support.live_client import client
from tests.support.speech import spoken
from tests.support.wait import wait_until

pytestmark = pytest.mark.slow  # starts the real program

CONNECTIONS = 60
ROUNDS = 5
UNLIMITED = dict.fromkeys(("REQUESTS_PER_MINUTE", "UPLOADS_PER_MINUTE"), "0")


async def again_and_again(bad: Client, target: Target, begun: list[None]) -> None:
    while True:
        begun.append(None)
        with suppress(*GIVE_UP):
            await bad(target)
        await asyncio.sleep(0.1)


@contextmanager
def attacked(kind: str, target: Target) -> Iterator[None]:
    """So many connections of a kind, from a thread of their own."""
    begun: list[None] = []
    loop = asyncio.new_event_loop()

    async def all_of_them() -> None:
        await asyncio.gather(*(again_and_again(KINDS[kind], target, begun) for _ in range(CONNECTIONS)))

    task = loop.create_task(all_of_them())

    def run() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_until(lambda: len(begun) >= CONNECTIONS)
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        loop.close()


@pytest.mark.parametrize("kind", KINDS)
def test_beside_many_bad_clients_others_are_served(serve: Serve, tmp_path: Path, kind: str) -> None:
    clip = tmp_path / "clip"
    clip.write_text("of a bad client")
    with serve(**UNLIMITED) as server:
        visitor = Visitor(server)
        transcript = visitor.send("first").json["id"]
        target = Target(server.port, clip, f"/api/transcripts/{transcript}/changes")
        with attacked(kind, target), client(server) as speaker:
            opened = speaker.start(language="en")
            have = 0
            for number in range(1, ROUNDS + 1):
                assert visitor.health()["status"] == "ok"
                assert visitor.ended(visitor.put(f"clip {number}"))["status"] == "done"
                have = speaker.stream(opened, spoken(number, number + 1), have)
            words = " ".join(f"w{number}" for number in range(1, ROUNDS + 1))
            assert speaker.stop(opened, have)["text"] == words
