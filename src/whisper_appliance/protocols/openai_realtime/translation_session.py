"""A translation session: speech of any language becomes English text, by Whisper's own task of translation.

The words that the live session commits become `session.output_transcript.delta`. There is no output audio, no
other language than English, and no transcript in the language of the speaker: each is a clear error.
"""

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.app.readiness import check_ready
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.live.manager import LiveAnnouncement, SessionRequest
from whisper_appliance.protocols.audio_input import AudioDecoder, decoded_base64
from whisper_appliance.protocols.live_stream import LiveStream
from whisper_appliance.protocols.openai_realtime.server_events import (
    JsonObject,
    Send,
    dispatch,
    event,
    live_error_event,
)
from whisper_appliance.protocols.openai_realtime.session_config import merged
from whisper_appliance.transcript.languages import language_code

PCM_RATE = 24_000
SESSION_SECONDS = 3600
FRAME_MS = 200
"""`elapsed_ms` advances in these steps."""


class TranslationSession:
    """One translation session. One thread handles the client's events, live threads call `on_live_event`."""

    def __init__(
        self,
        appliance: Appliance,
        actor: Actor,
        send: Send,
        *,
        session: JsonObject,
        resolve_model: Callable[[str | None], str | None],
        throttle: Callable[[int], None],
        on_closed: Callable[[], None],
    ) -> None:
        """`on_closed` ends the connection after `session.closed`. Raises `InvalidRequest` for `session`."""
        self.connection = f"realtime-{secrets.token_hex(8)}"
        self._appliance = appliance
        self._actor = actor
        self._send = send
        self._throttle = throttle
        self._on_closed = on_closed
        self._given = checked_translation(session)
        self._model = resolve_model(self._given.get("model"))
        self._id = f"sess_{secrets.token_hex(12)}"
        self._expires_at = int(time.time()) + SESSION_SECONDS
        self._lock = threading.RLock()
        self._decoder = AudioDecoder("audio/pcm", PCM_RATE)
        self._stream: LiveStream | None = None
        self._closing = False
        self._has_text = False
        self._handlers: dict[str, Callable[[JsonObject], None]] = {
            "session.update": self._update,
            "session.input_audio_buffer.append": self._append,
            "session.close": self._close,
        }

    def start(self) -> None:
        """Checks that the model can translate, and sends the first event. Raises `InvalidRequest`."""
        check_ready(self._appliance.models, self._model, task="translate")
        self._send(event("session.created", session=self._session_json()))

    def handle(self, message: bytes | str) -> None:
        """Handles one event of the client; an event that fails is answered by `error`."""
        dispatch(self._handlers, message, self._send)

    def on_live_event(self, announcement: LiveAnnouncement) -> None:
        """Takes an event of the live session of this connection."""
        payload: dict[str, Any] = announcement.payload
        with self._lock:
            if self._stream is None or announcement.session != self._stream.id:
                return
            match announcement.kind:
                case "commit":
                    self._send_delta(payload)
                case "error" if payload["code"] != "idle":
                    self._send(live_error_event(payload))
                case "end":
                    self._stream = None
                    self._has_text = False
                    if self._closing:
                        self._finish()

    def close(self) -> None:
        """Ends the live session, because the connection has ended."""
        with self._lock:
            stream = self._stream
        if stream:
            stream.stop()

    def _update(self, client_event: JsonObject) -> None:
        update = client_event.get("session")
        if not isinstance(update, dict):
            raise InvalidRequest("session must be an object.", field="session")
        self._given = checked_translation(merged(self._given, {**update, "model": self._given.get("model")}))
        self._send(event("session.updated", session=self._session_json()))

    def _append(self, client_event: JsonObject) -> None:
        pcm = self._decoder.feed(decoded_base64(client_event.get("audio")))
        with self._lock:
            if self._closing:
                raise InvalidRequest("This session is closing and takes no more audio.")
            if self._stream is None:
                request = SessionRequest(task="translate", model=self._model)
                self._stream = LiveStream(self._appliance, self.connection, self._actor, request)
            stream = self._stream
        stream.feed(pcm, self._throttle)

    def _close(self, _client_event: JsonObject) -> None:
        with self._lock:
            self._closing = True
            stream = self._stream
            if stream is None:
                self._finish()
                return
            stream.feed(self._decoder.finish())
        stream.stop()

    def _send_delta(self, payload: JsonObject) -> None:
        delta = payload["text"] if self._has_text else payload["text"].lstrip()
        self._has_text = True
        elapsed_ms = int(payload["words"][-1]["t1"] * 1000) // FRAME_MS * FRAME_MS
        self._send(event("session.output_transcript.delta", delta=delta, elapsed_ms=elapsed_ms))

    def _finish(self) -> None:
        self._send(event("session.closed"))
        self._on_closed()

    def _session_json(self) -> JsonObject:
        audio = self._given.get("audio") or {}
        given = audio.get("input") or {}
        return {
            "id": self._id,
            "object": "realtime.translation_session",
            "type": "translation",
            "model": self._given.get("model") or "",
            "expires_at": self._expires_at,
            "audio": {
                "input": {"transcription": None, "noise_reduction": given.get("noise_reduction")},
                "output": {"language": "en"},
            },
        }


def checked_translation(session: Mapping[str, Any]) -> JsonObject:
    """The session, if it requests nothing but English text. Raises `InvalidRequest`."""
    audio = _object(session, "audio", "session.audio")
    output = _object(audio, "output", "session.audio.output")
    source = _object(audio, "input", "session.audio.input")
    if not isinstance(session.get("model", ""), str | None):
        raise InvalidRequest("model must be a string.", field="session.model")
    language = output.get("language") or "en"
    if not isinstance(language, str) or language_code(language) != "en":
        raise InvalidRequest(
            "This server translates into English only.", field="session.audio.output.language"
        )
    if source.get("transcription"):
        raise InvalidRequest(
            "A translation session has no transcript in the language of the speaker; leave "
            "audio.input.transcription out.",
            field="session.audio.input.transcription",
        )
    return dict(session)


def _object(parent: Mapping[str, Any], name: str, field: str) -> Mapping[str, Any]:
    value = parent.get(name) or {}
    if not isinstance(value, Mapping):
        raise InvalidRequest("{name} must be an object.", name=field, field=field)
    return value
