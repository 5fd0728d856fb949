"""Turns: divides the events of one live session into items, and sends the events of each item.

Utterances of a live session are decoded in order, so the words that it commits belong to the oldest item that
is not complete. Not thread-safe: the session holds its lock.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.protocols.openai_realtime.server_events import (
    TRANSCRIPTION,
    JsonObject,
    Send,
    error_json,
    event,
    item_json,
    logprobs,
)
from whisper_appliance.protocols.openai_realtime.session_config import (
    ServerVad,
    TranscriptionConfig,
)

SENTENCE_ENDS = (".", "?", "!", "。", "？", "！")
UNFINISHED = ("...", "…")


@dataclass
class Item:
    """One item. `flush_at` is where a commit of the client ends it; `utterances` counts undecoded ones."""

    id: str
    start_seconds: float
    end_seconds: float = 0.0
    flush_at: float | None = None
    committed: bool = False
    discarded: bool = False
    speaking: bool = False
    utterances: int = 0
    text: str = ""
    words: list[JsonObject] = field(default_factory=list)


class Turns:
    """The items of one live session."""

    def __init__(
        self, live_id: str, config: TranscriptionConfig, send: Send, *, previous: str | None
    ) -> None:
        """`previous` is the id of the item before the first."""
        self.config = config
        self.beta = False
        self.last_item = previous
        self._live_id = live_id
        self._send = send
        self._count = 0
        self._open: deque[Item] = deque()
        self._fed_seconds = 0.0
        self._committed_to = 0.0
        self._quiet_since = 0.0
        self._engine_error = ""

    @property
    def has_uncommitted_audio(self) -> bool:
        """True if a commit has audio to commit."""
        return self._fed_seconds > self._committed_to

    def on_audio(self, samples: int) -> None:
        """Counts audio that is fed."""
        newest = self._newest()
        if self.config.turn_detection is None and (newest is None or newest.committed):
            self._add(self._fed_seconds)
        self._fed_seconds += samples / SAMPLE_RATE

    def commit(self, *, discard: bool = False) -> None:
        """Ends the newest item here, because the client commits or clears; the live session is flushed."""
        item = self._newest()
        if item is None or item.committed:
            item = self._add(self._committed_to)
        item.flush_at = item.end_seconds = self._fed_seconds
        item.discarded = discard
        if discard:
            item.committed = True
        else:
            self._send_committed(item)
        self._committed_to = self._quiet_since = self._fed_seconds

    def on_live_event(self, kind: str, payload: dict[str, Any]) -> None:
        """Takes an event of the live session."""
        match kind:
            case "vad" if self.config.turn_detection is not None:
                self._on_speech(speech=payload["speech"], at=payload["t"])
            case "pause":
                self._on_long_pause(payload["t"])
            case "commit":
                self._on_words(payload["words"], payload["text"])
            case "utterance":
                self._on_utterance(payload["language"])
            case "flushed":
                self._complete(payload["language"])
            case "error" if payload["code"] == "engine":
                self._engine_error = payload["message"]
            case "end":
                self._on_end()

    def _on_speech(self, *, speech: bool, at: float) -> None:
        item = self._newest()
        if not speech:
            self._on_silence(item, at)
            return
        in_flushed = item is not None and item.flush_at is not None and at < item.flush_at
        if item is None or (item.committed and not in_flushed):
            padding = self.config.endpointing.lead_seconds
            item = self._add(max(self._committed_to, at - padding))
            start_ms = round(item.start_seconds * 1000)
            self._emit("input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=item.id)
        item.speaking = True
        item.utterances += 1

    def _on_silence(self, item: Item | None, at: float) -> None:
        if item is None:
            return
        item.speaking = False
        self._quiet_since = at
        if isinstance(self.config.turn_detection, ServerVad) and not item.committed:
            self._end_turn(item, at + self.config.endpointing.pause_seconds)

    def _on_words(self, words: list[JsonObject], text: str) -> None:
        if not self._open or self._open[0].discarded:
            return
        item = self._open[0]
        self._engine_error = ""
        delta = text if item.text else text.lstrip()
        item.text += delta
        item.words += words
        extra = {"logprobs": logprobs(words)} if self.config.wants_logprobs else {}
        self._emit(f"{TRANSCRIPTION}.delta", item_id=item.id, content_index=0, delta=delta, **extra)

    def _on_utterance(self, language: str) -> None:
        if self.config.turn_detection is None or not self._open:
            return
        item = self._open[0]
        item.utterances -= 1
        if item.flush_at is not None or item.utterances > 0:
            return
        sentence_ended = item.text.endswith(SENTENCE_ENDS) and not item.text.endswith(UNFINISHED)
        if not item.committed and not item.speaking and sentence_ended:
            self._end_turn(item, self._quiet_since)
        if item.committed:
            self._complete(language)

    def _on_long_pause(self, at: float) -> None:
        """Ends a turn of semantic VAD; with server VAD, `idle_timeout_ms` have passed without speech."""
        item = self._newest()
        if isinstance(self.config.turn_detection, ServerVad):
            self._commit_silence(at)
        elif item is not None and not item.committed and not item.speaking:
            self._end_turn(item, at)
            if item.utterances <= 0 and item is self._open[0]:
                self._complete("")

    def _commit_silence(self, at: float) -> None:
        """Commits silence as an item, as OpenAI's servers do after `idle_timeout_ms`."""
        start = max(self._quiet_since, self._committed_to)
        if self._open or start >= at:
            return
        item = self._add(start)
        start_ms, end_ms = round(start * 1000), round(at * 1000)
        self._emit(
            "input_audio_buffer.timeout_triggered",
            audio_start_ms=start_ms,
            audio_end_ms=end_ms,
            item_id=item.id,
        )
        item.end_seconds = self._committed_to = at
        self._send_committed(item)
        self._complete("")

    def _end_turn(self, item: Item, at: float) -> None:
        item.end_seconds = self._committed_to = max(item.start_seconds, at)
        end_ms = round(item.end_seconds * 1000)
        self._emit("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=item.id)
        self._send_committed(item)

    def _on_end(self) -> None:
        """The live session has ended: so have all of its items."""
        while self._open:
            item = self._open[0]
            if not item.committed and item.text:
                item.end_seconds = self._fed_seconds
                self._send_committed(item)
            item.discarded = item.discarded or not item.committed
            self._complete("")

    def _complete(self, language: str) -> None:
        """Sends the transcript of the oldest item."""
        item = self._open.popleft()
        if item.discarded:
            return
        if self._engine_error and not item.text:
            error = error_json("engine_failed", self._engine_error, "server_error")
            self._engine_error = ""
            self._emit(f"{TRANSCRIPTION}.failed", item_id=item.id, content_index=0, error=error)
            return
        extra: JsonObject = {"languages": [{"code": language}] if language and item.text else []}
        if self.config.wants_logprobs:
            extra["logprobs"] = logprobs(item.words)
        seconds = round(max(0.0, item.end_seconds - item.start_seconds), 3)
        self._emit(
            f"{TRANSCRIPTION}.completed",
            item_id=item.id,
            content_index=0,
            transcript=item.text,
            usage={"type": "duration", "seconds": seconds},
            **extra,
        )

    def _send_committed(self, item: Item) -> None:
        item.committed = True
        previous, self.last_item = self.last_item, item.id
        self._emit("input_audio_buffer.committed", item_id=item.id, previous_item_id=previous)
        for name in ("created",) if self.beta else ("added", "done"):
            self._emit(f"conversation.item.{name}", previous_item_id=previous, item=item_json(item.id))

    def _add(self, start_seconds: float) -> Item:
        self._count += 1
        self._open.append(Item(f"item_{self._live_id}_{self._count}", start_seconds))
        return self._open[-1]

    def _newest(self) -> Item | None:
        return self._open[-1] if self._open else None

    def _emit(self, event_type: str, **fields: object) -> None:
        self._send(event(event_type, **fields))
