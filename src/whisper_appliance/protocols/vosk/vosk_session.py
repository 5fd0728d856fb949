"""One Vosk connection: its configuration, its live session, and the results it is sent."""

import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.app.readiness import check_ready
from whisper_appliance.core.audio_format import PCM_RATES, SAMPLE_RATE
from whisper_appliance.core.errors import ApplianceError, InvalidRequest, NotFound, TooLarge
from whisper_appliance.live.manager import LiveAnnouncement, SessionRequest
from whisper_appliance.protocols.audio_input import AudioDecoder
from whisper_appliance.protocols.live_stream import LiveStream
from whisper_appliance.transcript.languages import language_code

MAX_CHUNK_BYTES = 512 * 1024
PARTIAL_SECONDS = 0.3
JsonObject = dict[str, Any]


@dataclass
class PendingWords:
    """The committed words of the current utterance of a live session that starts at `offset_seconds`."""

    offset_seconds: float
    words: list[JsonObject] = field(default_factory=list)


class VoskSession:
    """One connection. Its thread calls `handle`; live threads call `on_live_event`.

    Each chunk of audio is answered by one message at least, because many clients wait for it before they send
    the next one.
    """

    def __init__(
        self,
        appliance: Appliance,
        actor: Actor,
        send: Callable[[JsonObject], None],
        *,
        throttle: Callable[[int], None],
        on_ended: Callable[[], None],
    ) -> None:
        self.connection = f"vosk-{secrets.token_hex(8)}"
        self._appliance, self._actor, self._deliver = appliance, actor, send
        self._throttle, self._on_ended = throttle, on_ended
        self._lock = threading.RLock()
        self._rate, self._wants_words = SAMPLE_RATE, True
        self._request = SessionRequest()
        self._decoder = AudioDecoder("audio/pcm", self._rate)
        self._stream: LiveStream | None = None
        self._utterances: dict[str, PendingWords] = {}
        self._fed_samples = 0
        self._ending = False
        self._partial_at = 0.0
        self._partial_text = ""
        self._sent_messages = 0

    def start(self) -> None:
        """Waits for the first message, which may name the sample rate."""

    def handle(self, message: bytes | str) -> None:
        """Handles one message; one that fails is answered by `error`."""
        try:
            if isinstance(message, bytes):
                before = self._sent_messages
                self._feed(message)
                if self._sent_messages == before:
                    self._send({"partial": self._partial_text})
            else:
                self._handle_command(message)
        except ApplianceError as error:
            self._send(error_json(error))

    def on_live_event(self, announcement: LiveAnnouncement) -> None:
        """Takes an event of one of the live sessions of this connection."""
        with self._lock:
            utterance = self._utterances.get(announcement.session)
            if utterance is None:
                return
            payload: JsonObject = announcement.payload
            match announcement.kind:
                case "partial":
                    self._send_partial(utterance, payload["text"])
                case "commit":
                    utterance.words += payload["words"]
                case "utterance" if utterance.words:
                    self._send_result(utterance)
                case "error":
                    self._send({"error": payload["message"], "code": payload["code"]})
                case "end":
                    self._on_end(announcement.session, utterance, payload["transcript_id"])

    def close(self) -> None:
        """Ends the live session, because the connection has ended; its transcript is kept."""
        with self._lock:
            self._utterances.clear()
            self._stop()

    def _handle_command(self, message: str) -> None:
        try:
            command = json.loads(message)
        except (ValueError, RecursionError):
            raise InvalidRequest("The message is not valid JSON.") from None
        if isinstance(command, dict) and isinstance(command.get("config"), dict):
            self._configure(command["config"])
        elif isinstance(command, dict) and "eof" in command:
            self._finish()
        elif isinstance(command, dict) and "reset" in command:
            with self._lock:
                self._utterances.clear()
                self._stop()
        else:
            raise InvalidRequest("A message must be audio, or a JSON object with config, eof or reset.")

    def _configure(self, config: JsonObject) -> None:
        rate = config.get("sample_rate", self._rate)
        if rate not in PCM_RATES:
            listed = ", ".join(map(str, PCM_RATES))
            raise InvalidRequest("sample_rate must be one of {listed}.", listed=listed, field="sample_rate")
        named = {name: config.get(name, getattr(self._request, name)) for name in ("language", "model")}
        for name, value in named.items():
            if value is not None and not isinstance(value, str):
                raise InvalidRequest("This field must be a text.", field=name)
        language = language_code(named["language"]) if named["language"] else None
        request = SessionRequest(language=language, model=named["model"] or None)
        check_ready(self._appliance.models, request.model, language=language)
        with self._lock:
            changed = request != self._request or int(rate) != self._rate
            if changed:
                self._stop()
            self._request, self._rate = request, int(rate)
            self._wants_words = bool(config.get("words", self._wants_words))
            if changed:
                self._decoder = AudioDecoder("audio/pcm", self._rate)
            self._open()
        if "language" in config:
            self._send({"success": True, "language": request.language})

    def _open(self) -> LiveStream:
        if self._stream is None:
            stream = LiveStream(self._appliance, self.connection, self._actor, self._request)
            self._utterances[stream.id] = PendingWords(self._fed_samples / SAMPLE_RATE)
            self._stream = stream
        return self._stream

    def _feed(self, audio: bytes) -> None:
        if len(audio) > MAX_CHUNK_BYTES:
            raise TooLarge(
                "The audio of one message is too large. The limit is {max_bytes} bytes.",
                max_bytes=MAX_CHUNK_BYTES,
            )
        if not self._ending:
            self._feed_pcm(self._decoder.feed(audio))

    def _feed_pcm(self, pcm: bytes) -> None:
        with self._lock:
            stream = self._open()
        try:
            stream.feed(pcm, self._throttle)
        except NotFound:  # the live session has just ended by itself: another one follows
            with self._lock:
                if self._stream is stream:
                    self._stream = None
                stream = self._open()
            stream.feed(pcm, self._throttle)
        self._fed_samples += len(pcm) // 2

    def _finish(self) -> None:
        with self._lock:
            stream = self._stream
        if stream is not None:
            self._feed_pcm(self._decoder.finish())
        with self._lock:
            self._ending = True
            self._stop()
            if not self._utterances:
                self._send({"text": ""})
                self._on_ended()

    def _stop(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.stop()

    def _on_end(self, session: str, utterance: PendingWords, transcript_id: str | None) -> None:
        del self._utterances[session]
        if self._stream is not None and self._stream.id == session:
            self._stream = None
        if self._ending and not self._utterances:
            self._send_result(utterance, transcript_id=transcript_id)
            self._on_ended()
        elif utterance.words:
            self._send_result(utterance)

    def _send_partial(self, utterance: PendingWords, text: str) -> None:
        self._partial_text = ("".join(word["w"] for word in utterance.words) + text).strip()
        now = time.monotonic()
        if now - self._partial_at >= PARTIAL_SECONDS:
            self._partial_at = now
            self._send({"partial": self._partial_text})

    def _send_result(self, utterance: PendingWords, **extra: str | None) -> None:
        words, utterance.words = utterance.words, []
        self._partial_text = ""
        message: JsonObject = {"text": "".join(word["w"] for word in words).strip(), **extra}
        if self._wants_words and words:
            message["result"] = [_word_json(word, utterance.offset_seconds) for word in words]
        self._send(message)

    def _send(self, message: JsonObject) -> None:
        self._sent_messages += 1
        self._deliver(message)


def error_json(error: ApplianceError) -> JsonObject:
    """The message for an error."""
    return {"error": str(error), "code": error.code}


def _word_json(word: JsonObject, offset_seconds: float) -> JsonObject:
    start, end = round(word["t0"] + offset_seconds, 2), round(word["t1"] + offset_seconds, 2)
    return {"word": word["w"].strip(), "start": start, "end": end, "conf": word["p"]}
