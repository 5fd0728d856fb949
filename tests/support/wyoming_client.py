"""Wyoming's own client, called without asyncio, for tests against a real server."""

import asyncio
from types import TracebackType

from wyoming.asr import Transcribe, Transcript, TranscriptChunk, TranscriptStop
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event, Eventable

from tests.support.speech import packets

PATIENCE_SECONDS = 30.0
CHUNK_BYTES = 2048


class WyomingClient:
    """One connection, and all events that came on it."""

    def __init__(self, port: int) -> None:
        self.received: list[Event] = []
        self._loop = asyncio.Runner()
        self._client = AsyncTcpClient("127.0.0.1", port, read_timeout=PATIENCE_SECONDS)
        self._loop.run(self._client.connect())

    def send(self, *events: Eventable) -> None:
        """Sends events."""
        for event in events:
            self._loop.run(self._client.write_event(event.event()))

    def next(self) -> Event | None:
        """The next event; None once the server has ended the connection."""
        event = self._loop.run(self._client.read_event())
        if event is not None:
            self.received.append(event)
        return event

    def until(self, *kinds: str) -> Event:
        """The next event of these types."""
        while (event := self.next()) is not None:
            if event.type in kinds:
                return event
        raise AssertionError(f"The connection ended after {self.received}.")

    def transcribe(
        self,
        pcm: bytes,
        request: Transcribe | None = None,
        *,
        width: int = 2,
        channels: int = 1,
    ) -> Transcript:
        """What a voice assistant does: a request, audio, and the transcript."""
        if request is not None:
            self.send(request)
        self.send(AudioStart(16_000, width, channels))
        for chunk in packets(pcm, CHUNK_BYTES * width * channels):
            self.send(AudioChunk(16_000, width, channels, chunk))
        self.send(AudioStop())
        transcript = Transcript.from_event(self.until("transcript"))
        self.until(TranscriptStop().event().type)
        return transcript

    @property
    def streamed(self) -> str:
        """The text of all chunks so far."""
        return "".join(
            TranscriptChunk.from_event(e).text for e in self.received if e.type == "transcript-chunk"
        )

    def refusal(self) -> Error:
        """The error with which the server ends the connection."""
        error = Error.from_event(self.until("error"))
        assert self.next() is None
        return error

    def close(self) -> None:
        """Closes the connection."""
        self._loop.run(self._client.disconnect())
        self._loop.close()

    def __enter__(self) -> "WyomingClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
