"""Results of one live session: its events become Deepgram's Results, SpeechStarted and UtteranceEnd."""

from collections.abc import Callable
from dataclasses import dataclass

from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.protocols.deepgram.listen_query import ListenStreamQuery
from whisper_appliance.web.deepgram_format import JsonObject, SpokenWord, alternative, model_info

MAX_HELD_SECONDS = 4.0
"""Committed words are sent at the latest when they last so long, also within an utterance."""


@dataclass(frozen=True, slots=True)
class StreamPlace:
    """Where a live session is: its channel of how many, and its start in seconds of the connection."""

    channel: int
    channels: int
    offset_seconds: float


class LiveResults:
    """Not thread-safe: the session of the connection holds its lock.

    Committed words are held until their utterance ends, because clients join final results up to the one with
    `speech_final`, and skip those without words.
    """

    def __init__(
        self,
        query: ListenStreamQuery,
        place: StreamPlace,
        send: Callable[[JsonObject], None],
        metadata: JsonObject,
    ) -> None:
        """`metadata` is that of every result."""
        self._query, self._place, self._send, self._metadata = query, place, send, metadata
        self._words: list[SpokenWord] = []
        self._final_to = place.offset_seconds
        self._undecoded_utterances = 0
        self._finalizing = 0
        self._last_word_end: float | None = None
        self._ended_by_pause = False

    def finalize(self) -> None:
        """The client wants all words so far; the event `flushed` follows."""
        self._finalizing += 1

    def on_live_event(self, kind: str, payload: JsonObject) -> None:
        """Takes an event of the live session."""
        match kind:
            case "vad" if payload["speech"]:
                self._on_speech(payload["t"])
            case "partial" if self._query.interim_results:
                self._send_interim(payload)
            case "commit":
                self._on_words(payload["words"])
            case "utterance":
                self._on_utterance()
            case "pause":
                self._on_pause()
            case "flushed":
                self._finalizing = max(0, self._finalizing - 1)
                self._send_final(speech_final=True, from_finalize=True)
            case "error":
                self._send(error_message(payload["code"], payload["message"]))
            case "end" if self._words:
                self._send_final(speech_final=self._query.marks_endpoints)

    @property
    def _channel(self) -> list[int]:
        return [self._place.channel, self._place.channels]

    def _on_speech(self, at: float) -> None:
        self._undecoded_utterances += 1
        if self._query.vad_events:
            timestamp = round(self._place.offset_seconds + at, 3)
            self._send({"type": "SpeechStarted", "channel": self._channel, "timestamp": timestamp})

    def _on_words(self, committed: list[JsonObject]) -> None:
        offset = self._place.offset_seconds
        self._words += [SpokenWord(w["t0"] + offset, w["t1"] + offset, w["w"], w["p"]) for w in committed]
        if self._words[-1].end - self._words[0].start >= MAX_HELD_SECONDS and len(self._words) > 1:
            held = self._words.pop()
            self._send_final(speech_final=False)
            self._words = [held]

    def _on_utterance(self) -> None:
        self._undecoded_utterances = max(0, self._undecoded_utterances - 1)
        if self._words and not self._finalizing:
            self._send_final(speech_final=self._query.marks_endpoints)
        if self._ended_by_pause and not self._undecoded_utterances:
            self._send_utterance_end()

    def _on_pause(self) -> None:
        self._ended_by_pause = True
        if not self._undecoded_utterances:
            self._send_utterance_end()

    def _send_utterance_end(self) -> None:
        self._ended_by_pause = False
        if self._last_word_end is None:
            return
        end, self._last_word_end = self._last_word_end, None
        self._send({"type": "UtteranceEnd", "channel": self._channel, "last_word_end": round(end, 3)})

    def _send_interim(self, payload: JsonObject) -> None:
        end = max(self._place.offset_seconds + payload["t1"], self._final_to)
        self._send_results(alternative(self._words, payload["text"]), end, is_final=False)

    def _send_final(self, *, speech_final: bool, from_finalize: bool = False) -> None:
        words, self._words = self._words, []
        end = self._final_to
        if words:
            end = max(end, words[-1].end)
            self._last_word_end = words[-1].end
        self._send_results(
            alternative(words), end, is_final=True, speech_final=speech_final, from_finalize=from_finalize
        )
        self._final_to = end

    def _send_results(self, best: JsonObject, end: float, **state: bool) -> None:
        self._send(
            {
                "type": "Results",
                "channel_index": self._channel,
                "start": round(self._final_to, 3),
                "duration": round(end - self._final_to, 3),
                "speech_final": False,
                "from_finalize": False,
                **state,
                "channel": {"alternatives": [best]},
                "metadata": self._metadata,
            }
        )


def results_metadata(request_id: str, model: str) -> JsonObject:
    """The metadata of every result."""
    model_id, info = model_info(model)
    return {"request_id": request_id, "model_info": info, "model_uuid": model_id}


def error_message(code: str, description: str) -> JsonObject:
    """An error, which ends the connection only if the server closes it."""
    return {"type": "Error", "variant": code, "description": description, "code": code}


def error_json(error: ApplianceError) -> JsonObject:
    """The message for an error."""
    return error_message(error.code, str(error))
