"""Clients of the live events, and a network that breaks, for tests against a real server."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.support.program import Server
from tests.support.speech import packets
from tests.support.wait import wait_until
from whisper_appliance.client.socketio_client import SocketIOClient

LIVE_SERVER = ("-m", "tests.support.programs.scripted_server")
USUAL_PACE = {"SOCKET_MESSAGES_PER_SECOND": "40", "SOCKET_BYTES_PER_SECOND": "256KiB"}
PATIENCE_SECONDS = 30.0
KINDS = ("partial", "commit", "final", "vad", "flow", "error", "end")
SIMPLE = ("recording_started", "transcription_result", "transcription_error", "connection_status")
Payload = dict[str, Any]


class Client:
    """A connection, and everything that was told on it."""

    def __init__(self, server: Server) -> None:
        self.told: list[tuple[str, Payload]] = []
        self.gone = threading.Event()
        names = [*SIMPLE, "captions:closed", *(f"live:{kind}" for kind in KINDS)]
        handlers: dict[str, Callable[..., None]] = {name: self._hearing(name) for name in names}
        handlers["disconnect"] = lambda *_reason: self.gone.set()
        self.wire = SocketIOClient(f"https://localhost:{server.port}", handlers, server.trusting)

    def ask(self, event: str, *payload: Any) -> Payload:
        """The acknowledgement, whatever it says."""
        answers: list[Payload] = []
        self.wire.send(event, *payload, answered=answers.append)
        return wait_until(lambda: answers[0] if answers else None)

    def tell(self, event: str, *payload: Any) -> None:
        """Sends without waiting."""
        self.wire.send(event, *payload, answered=lambda *_answer: None)

    def of(self, *events: str) -> list[Payload]:
        """The payloads of all such events so far."""
        return [payload for event, payload in list(self.told) if event in events]

    def first(self, event: str, **having: object) -> Payload:
        """Waits for an event that has these values."""
        return wait_until(lambda: next((p for p in self.of(event) if having.items() <= p.items()), None))

    def start(self, **wishes: Any) -> Payload:
        """Opens a session."""
        opened = self.ask("live:start", {"v": 1, **wishes})
        assert opened["ok"], opened
        return opened

    def speak(self, opened: Payload, pcm: bytes, first: int = 0) -> int:
        """Sends audio packet by packet; returns the number of the next."""
        for packet in packets(pcm):
            answer = self.ask("live:audio", {"s": opened["session"], "q": first}, packet)
            first += 1
            assert answer == {**answer, "ok": True, "next_seq": first}
        return first

    def stop(self, opened: Payload, next_seq: int) -> Payload:
        """Ends the session; returns its end."""
        assert self.ask("live:stop", {"session": opened["session"], "next_seq": next_seq})["ok"]
        return self.first("live:end", s=opened["session"])

    def close(self) -> None:
        """Leaves."""
        self.wire.close()

    def _hearing(self, event: str) -> Callable[[Payload], None]:
        return lambda payload: self.told.append((event, payload))


@contextmanager
def client(server: Server) -> Iterator[Client]:
    """A client for a while."""
    with closing(Client(server)) as connected:
        yield connected


def committed(events: list[Payload]) -> str:
    """The settled text, as a client puts it together."""
    return "".join(str(event["text"]) for event in events)


def audio_of(server: Server, session: str) -> bytes:
    """What the server has of a session, without the WAV header."""
    return (server.folder / "data/live" / session / "audio.wav").read_bytes()[44:]


def settings_of(tiny_en: Path, folder: Path) -> dict[str, str]:
    """Those of a server for live tests, which takes words faster than anybody can speak."""
    models = folder / "models"
    models.mkdir(exist_ok=True)
    (models / "tiny.en").symlink_to(tiny_en)
    return {
        "WHISPER_MODEL": "tiny.en",
        "MODEL_WARM_UP": "false",
        "MIN_FREE_DISK": "0",
        "LIVE_SESSIONS": "4",
        "MAX_WEBSOCKETS_PER_ADDRESS": "20",
        "SOCKET_MESSAGES_PER_SECOND": "2000",
        "SOCKET_BYTES_PER_SECOND": "64MiB",
    }
