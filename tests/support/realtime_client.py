"""A client of OpenAI's realtime events: the real openai client, whose events a thread records."""

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import openai
from websockets.exceptions import ConnectionClosed

from tests.support.program import Server
from tests.support.speech import packets
from tests.support.wait import wait_until

DELTA = "conversation.item.input_audio_transcription.delta"
COMPLETED = "conversation.item.input_audio_transcription.completed"
PCM_16K = {"type": "audio/pcm", "rate": 16_000}
Event = dict[str, Any]


def openai_client(server: Server, key: str = "any") -> openai.OpenAI:
    """The client for files and HTTP requests; it trusts this server only, and never tries again."""
    http_client = openai.DefaultHttpxClient(verify=server.trusting)
    return openai.OpenAI(api_key=key, base_url=f"{server.url}/v1", http_client=http_client, max_retries=0)


def trusting_without_tickets(server: Server) -> ssl.SSLContext:
    """TLS 1.2, because the synchronous client reads and writes from two threads.

    Before Python 3.13, OpenSSL may lose the first write while it reads a session ticket of TLS 1.3
    (python/cpython#124984).
    """
    context = server.trusting
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


class RealtimeClient:
    """One connection, and all events received on it."""

    def __init__(self, server: Server, key: str = "any", **options: Any) -> None:
        """Raises what the client raises for a refused connection."""
        trusting: Any = {"ssl": trusting_without_tickets(server)}
        connecting = openai_client(server, key).realtime.connect(
            extra_query={"intent": "transcription"}, websocket_connection_options=trusting, **options
        )
        self.connection = connecting.enter()
        self.events: list[Event] = []
        self.ended = threading.Event()
        self._taken = 0
        threading.Thread(target=self._record, daemon=True).start()

    def send(self, event_type: str, **fields: object) -> None:
        """Sends one event."""
        self.connection.send({"type": event_type, **fields})  # type: ignore[arg-type] # foreign ones too

    def update(self, **audio_input: object) -> None:
        """Sends an update of the input; the format is 16 kHz PCM unless it is given."""
        session = {"type": "transcription", "audio": {"input": {"format": PCM_16K, **audio_input}}}
        self.send("session.update", session=session)

    def configure(self, **audio_input: object) -> Event:
        """Updates the input; returns the answer, also an error."""
        self.update(**audio_input)
        return self.next("session.updated", "error")

    def append(self, audio: bytes, *, size: int = 6400) -> None:
        """Appends audio in pieces of so many bytes."""
        for piece in packets(audio, size):
            self.send("input_audio_buffer.append", audio=base64.b64encode(piece).decode())

    def next(self, *event_types: str) -> Event:
        """Waits for the next event of these types, after those that were taken before."""

        def found() -> Event | None:
            while self._taken < len(self.events):
                event = self.events[self._taken]
                self._taken += 1
                if event["type"] in event_types:
                    return event
            return None

        return wait_until(found)

    def first(self, *event_types: str) -> Event:
        """Waits for the first event of these types."""
        return wait_until(lambda: next(iter(self.of(*event_types)), None))

    def of(self, *event_types: str) -> list[Event]:
        """The events of these types so far."""
        return [event for event in list(self.events) if event["type"] in event_types]

    @property
    def deltas(self) -> str:
        """The text of all deltas."""
        return "".join(event["delta"] for event in self.of(DELTA))

    def close(self) -> None:
        """Closes the connection."""
        self.connection.close()

    def _record(self) -> None:
        try:
            while True:
                self.events.append(json.loads(self.connection.recv_bytes()))
        except (ConnectionClosed, OSError):
            self.ended.set()


@contextmanager
def connected(server: Server, key: str = "any", **options: Any) -> Iterator[RealtimeClient]:
    """A connection that is closed at the end."""
    client = RealtimeClient(server, key, **options)
    try:
        client.next("session.created", "transcription_session.created", "error")
        yield client
    finally:
        client.close()
