"""A client of the Socket.IO events that records what it receives, for tests against a real server."""

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


class RecordingClient:
    """One connection and all events received on it. Returns acknowledgements of errors instead of raising."""

    def __init__(self, server: Server) -> None:
        self.received: list[tuple[str, Payload]] = []
        self.disconnected = threading.Event()
        names = [
            *SIMPLE,
            "captions:closed",
            "live:ack",
            "live:webrtc_ended",
            *(f"live:{kind}" for kind in KINDS),
        ]
        handlers: dict[str, Callable[..., None]] = {name: self._recorder(name) for name in names}
        handlers["disconnect"] = lambda *_reason: self.disconnected.set()
        self.connection = SocketIOClient(f"https://localhost:{server.port}", handlers, server.trusting)

    def call(self, event: str, *payload: Any) -> Payload:
        """Sends an event and returns its acknowledgement, also that of an error."""
        acks: list[Payload] = []
        self.connection.send(event, *payload, on_ack=acks.append)
        return wait_until(lambda: acks[0] if acks else None)

    def emit(self, event: str, *payload: Any) -> None:
        """Sends an event without waiting."""
        self.connection.send(event, *payload, on_ack=lambda *_ack: None)

    def of(self, *events: str) -> list[Payload]:
        """The payloads of these events so far."""
        return [payload for event, payload in list(self.received) if event in events]

    def first(self, event: str, **having: object) -> Payload:
        """Waits for an event with these values; returns its payload."""
        return wait_until(lambda: next((p for p in self.of(event) if having.items() <= p.items()), None))

    def start(self, **options: Any) -> Payload:
        """Opens a session, once those that ended before have made room."""
        opened = wait_until(lambda: self._start_unless_busy(options))
        assert opened["ok"], opened
        return opened

    def _start_unless_busy(self, options: Payload) -> Payload | None:
        opened = self.call("live:start", {"v": 1, **options})
        return None if opened.get("code") == "busy" else opened

    def stream(self, opened: Payload, pcm: bytes, first: int = 0) -> int:
        """Sends audio packet by packet; returns the number of the next packet."""
        for packet in packets(pcm):
            ack = self.call("live:audio", {"s": opened["session"], "q": first}, packet)
            first += 1
            assert ack == {**ack, "ok": True, "next_seq": first}
        return first

    def stop(self, opened: Payload, next_seq: int) -> Payload:
        """Stops the session; returns the payload of its end."""
        assert self.call("live:stop", {"session": opened["session"], "next_seq": next_seq})["ok"]
        return self.first("live:end", s=opened["session"])

    def close(self) -> None:
        """Closes the connection."""
        self.connection.close()

    def _recorder(self, event: str) -> Callable[[Payload], None]:
        return lambda payload: self.received.append((event, payload))


@contextmanager
def client(server: Server) -> Iterator[RecordingClient]:
    """A client that is closed at the end."""
    with closing(RecordingClient(server)) as connected:
        yield connected


def committed(events: list[Payload]) -> str:
    """The committed text, as a client joins it."""
    return "".join(str(event["text"]) for event in events)


def audio_of(server: Server, session: str) -> bytes:
    """The audio of a session on the server, without the WAV header."""
    return (server.folder / "data/live" / session / "audio.wav").read_bytes()[44:]


def settings_of(tiny_en: Path, folder: Path) -> dict[str, str]:
    """Settings of a server for live tests, with rate limits far above real time."""
    models = folder / "models"
    models.mkdir(exist_ok=True)
    (models / "tiny.en").symlink_to(tiny_en)
    return {
        "WHISPER_MODEL": "tiny.en",
        "MODEL_WARM_UP": "false",
        "MIN_FREE_DISK": "0",
        "LIVE_SESSIONS": "4",
        "LIVE_SESSIONS_PER_USER": "4",  # the clients of a test come from one address
        "MAX_WEBSOCKETS_PER_ADDRESS": "20",
        "SOCKET_MESSAGES_PER_SECOND": "2000",
        "SOCKET_BYTES_PER_SECOND": "64MiB",
    }
