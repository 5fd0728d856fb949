"""Live sessions with an engine that follows a script, and all their events."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.engines import ScriptedModels
from tests.support.speech import packets
from whisper_appliance.live.manager import (
    FinishedSession,
    LiveAnnouncement,
    LiveLimits,
    LiveManager,
    Opened,
    SessionRequest,
)

PATIENCE_SECONDS = 20.0


class LiveHarness:
    """The manager of live sessions with its surroundings; a test moves the time."""

    def __init__(self, folder: Path, limits: LiveLimits) -> None:
        self.models = ScriptedModels()
        self.events: list[LiveAnnouncement] = []
        self.saved: dict[str, FinishedSession] = {}
        self.retranscribed: list[FinishedSession] = []
        self.failures: list[Exception] = []
        """What saving a transcript raises next."""
        self.skipped = 0.0
        self._changed = threading.Condition()
        self.sessions = LiveManager(
            folder,
            self.models,
            save_transcript=self._save,
            retranscribe=self.retranscribed.append,
            announce=self._on_announcement,
            limits=limits,
            clock=lambda: time.monotonic() + self.skipped,
        )
        self.sessions.launch()

    def open(self, owner: str = "ann", **request: Any) -> Opened:
        """A session of the connection "socket"."""
        return self.sessions.open(SessionRequest(**request), owner=owner, connection="socket")

    def send(self, opened: Opened, pcm: bytes, first: int = 0) -> int:
        """Sends audio as packets; returns the number of the next."""
        for seq, packet in enumerate(packets(pcm), first):
            assert self.sessions.feed(opened.session, seq, packet, connection="socket").ok
            first = seq + 1
        return first

    def stop(self, opened: Opened, next_seq: int = 0) -> dict[str, Any]:
        """Stops the session; returns its end."""
        assert self.sessions.stop(opened.session, next_seq, connection="socket").ok
        return self.until("end", opened.session)

    def until(self, kind: str, session: str = "") -> dict[str, Any]:
        """Waits for an event of this kind; returns its payload."""
        found: dict[str, Any] = self.when(
            lambda: next(
                (a.payload for a in self.events if a.kind == kind and session in ("", a.session)), None
            )
        )
        return found

    def when(self, true: Callable[[], Any]) -> Any:
        """Waits until something is true, and returns it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (value := true()):
            assert time.monotonic() < deadline, [(a.kind, a.payload) for a in self.events][-5:]
            with self._changed:
                self._changed.wait(0.05)
        return value

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        """The payloads of all events of these kinds."""
        return [a.payload for a in list(self.events) if a.kind in kinds]

    def received(self) -> list[dict[str, Any]]:
        """The payloads of all numbered events that went to a connection."""
        return [a.payload for a in list(self.events) if a.connection and "eid" in a.payload]

    def committed(self) -> str:
        """The settled text, as a client puts it together."""
        return "".join(str(payload["text"]) for payload in self.of("commit"))

    def close(self) -> None:
        """Stops the manager, as a restart does."""
        self.sessions.close()
        self.models.loaded.close()

    def _on_announcement(self, announcement: LiveAnnouncement) -> None:
        with self._changed:
            self.events.append(announcement)
            self._changed.notify_all()

    def _save(self, ended: FinishedSession) -> str:
        if self.failures:
            raise self.failures.pop()
        self.saved[ended.info.id] = ended
        return ended.info.id


MakeHarness = Callable[..., LiveHarness]


@pytest.fixture
def make_harness(tmp_path: Path) -> Iterator[MakeHarness]:
    """Makes a manager, again and again over the same folder if need be."""
    made: list[LiveHarness] = []

    def make(**limits: Any) -> LiveHarness:
        made.append(LiveHarness(tmp_path / "live", LiveLimits(**limits)))
        return made[-1]

    yield make
    for harness in made:
        harness.close()


@pytest.fixture
def harness(make_harness: MakeHarness) -> LiveHarness:
    return make_harness()
