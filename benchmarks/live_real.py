"""One microphone at a real server: what its reader saw, and when, and the three texts that came of it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2

from benchmarks.competitors import Server, trusting
from benchmarks.live_score import Shown
from benchmarks.live_speech import pcm
from whisper_appliance.client.live_client import LiveClient
from whisper_appliance.client.socketio_client import SocketIOClient
from whisper_appliance.core.samples import Samples
from whisper_appliance.live.events import words_from_payload
from whisper_appliance.live.local_agreement import normalized, text_of
from whisper_appliance.transcript.model import Word

PACKET_BYTES = 3200
PACKET_SECONDS = 0.1
FINAL_SECONDS = 900
POLL_SECONDS = 0.5


@dataclass
class Seen:
    """What a reader saw: settled words, tentative ones, paragraphs that were heard once more."""

    began: float = 0.0
    trace: list[Shown] = field(default_factory=list)
    committed: list[Word] = field(default_factory=list)
    finals: list[dict[str, Any]] = field(default_factory=list)
    transcript_id: str | None = None
    _tentative: tuple[str, ...] = ()

    def hear(self, kind: str, payload: dict[str, Any]) -> None:
        """One event, as it comes."""
        now = time.monotonic() - self.began
        if kind == "partial" and payload["after"] == len(self.committed):
            self._tentative = tuple(normalized(Word(0, 0, word, 0)) for word in payload["text"].split())
        elif kind == "commit":
            words = words_from_payload(payload)
            self.committed += words
            self._tentative = self._tentative[len(words) :]
        elif kind == "final":
            self.finals.append(payload)
        self.trace.append(Shown(now, len(self.committed), self._tentative))

    @property
    def live(self) -> str:
        """What was settled, as it was settled."""
        return text_of(self.committed)

    @property
    def refined(self) -> str:
        """The same with the better words of the paragraphs in their places."""
        words, at = list[Word](), 0
        for final in self.finals:
            words += [*self.committed[at : final["i0"]], *words_from_payload(final)]
            at = final["i1"]
        return text_of([*words, *self.committed[at:]])


def speak(server: Server, samples: Samples, *, real_time: bool = True, delay_seconds: float = 0.0) -> Seen:
    """Speaks a recording into one session, over TLS, and waits for its end."""
    seen = Seen()
    time.sleep(delay_seconds)

    def packets() -> Iterator[bytes]:
        seen.began = time.monotonic()
        data = pcm(samples)
        for number, at in enumerate(range(0, len(data), PACKET_BYTES), 1):
            if real_time:
                time.sleep(max(0.0, seen.began + number * PACKET_SECONDS - time.monotonic()))
            yield data[at : at + PACKET_BYTES]

    speaker = LiveClient(
        lambda handlers: SocketIOClient(server.url, handlers, trusting()),
        {"v": 1, "language": "en"},
        seen.hear,
    )
    seen.transcript_id = speaker.stream(packets())["transcript_id"]
    return seen


def final_text(server: Server, transcript_id: str) -> str:
    """The transcript of the whole recording, once it has been heard again in peace."""
    deadline = time.monotonic() + FINAL_SECONDS
    while time.monotonic() < deadline:
        status = _status(server, transcript_id)
        if status == "done":
            return str(server.get(f"/api/transcripts/{transcript_id}")["text"])
        if status in ("failed", "cancelled"):
            raise SystemExit(f"The second hearing of {transcript_id} is {status}.")
        time.sleep(POLL_SECONDS)
    raise SystemExit(f"The second hearing of {transcript_id} took longer than {FINAL_SECONDS} s.")


def _status(server: Server, job: str) -> str:
    try:
        return str(server.get(f"/api/jobs/{job}")["status"])
    except httpx2.HTTPStatusError as error:
        if error.response.status_code == httpx2.codes.NOT_FOUND:  # the end is told before the job is made
            return "coming"
        raise
