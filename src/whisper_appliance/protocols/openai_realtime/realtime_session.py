"""One realtime session over any transport: handles the client's events, sends those of its turns."""

import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.app.readiness import check_ready
from whisper_appliance.core.errors import InvalidRequest, NotFound
from whisper_appliance.engines.contract import Task
from whisper_appliance.live.manager import LiveAnnouncement, SessionRequest
from whisper_appliance.protocols.audio_input import AudioDecoder, decoded_base64
from whisper_appliance.protocols.live_stream import BYTES_A_SAMPLE, LiveStream
from whisper_appliance.protocols.openai_realtime.server_events import (
    JsonObject,
    Send,
    dispatch,
    event,
    live_error_event,
)
from whisper_appliance.protocols.openai_realtime.session_config import (
    TranscriptionConfig,
    from_beta,
    merged,
    parse_config,
)
from whisper_appliance.protocols.openai_realtime.turns import Turns

SESSION_SECONDS = 3600


class RealtimeSession:
    """A transcription session. One thread handles the client's events, live threads call `on_live_event`."""

    def __init__(
        self,
        appliance: Appliance,
        actor: Actor,
        send: Send,
        *,
        session: JsonObject,
        resolve_model: Callable[[str | None], str | None],
        throttle: Callable[[int], None],
        beta: bool = False,
    ) -> None:
        """`session` is the one of a client secret, or empty. `resolve_model` maps names of models."""
        self.connection = f"realtime-{secrets.token_hex(8)}"
        self._appliance = appliance
        self._actor = actor
        self._send = send
        self._resolve_model = resolve_model
        self._throttle = throttle
        self._beta = beta
        self._id = f"sess_{secrets.token_hex(12)}"
        self._expires_at = int(time.time()) + SESSION_SECONDS
        self._lock = threading.RLock()
        self._given = session
        self._config = parse_config(session)
        self._decoder = self._new_decoder()
        self._stream: LiveStream | None = None
        self._turns: dict[str, Turns] = {}
        self._last_item: str | None = None
        self._handlers: dict[str, Callable[[JsonObject], None]] = {
            "session.update": self._update,
            "transcription_session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
        }

    def start(self) -> None:
        """Sends the first event."""
        name = "transcription_session.created" if self._beta else "session.created"
        self._send(event(name, session=self._session_json(flat=self._beta)))

    def handle(self, message: bytes | str) -> None:
        """Handles one event of the client; an event that fails is answered by `error`."""
        dispatch(self._handlers, message, self._send)

    def feed_pcm(self, pcm: bytes) -> None:
        """Feeds 16 kHz PCM16, which the transport has decoded."""
        with self._lock:
            stream = self._open_stream()
        try:
            self._feed(stream, pcm)
        except NotFound:  # the live session has just ended by itself: another one follows
            with self._lock:
                if self._stream is stream:
                    self._stream = None
                stream = self._open_stream()
            self._feed(stream, pcm)

    def on_live_event(self, announcement: LiveAnnouncement) -> None:
        """Takes an event of one of the live sessions of this connection."""
        with self._lock:
            turns = self._turns.get(announcement.session)
            if turns is None:
                return
            payload: dict[str, Any] = announcement.payload
            if announcement.kind == "error" and payload["code"] != "idle":
                self._send(live_error_event(payload))
            turns.on_live_event(announcement.kind, payload)
            self._last_item = turns.last_item or self._last_item
            if announcement.kind == "end":
                del self._turns[announcement.session]
                if self._stream and self._stream.id == announcement.session:
                    self._stream = None

    def close(self) -> None:
        """Ends the live session, because the connection has ended; its transcript is kept."""
        with self._lock:
            stream, self._stream = self._stream, None
        if stream:
            stream.stop()

    def _update(self, client_event: JsonObject) -> None:
        update = client_event.get("session")
        if not isinstance(update, dict):
            raise InvalidRequest("session must be an object.", field="session")
        flat = client_event["type"] == "transcription_session.update" or "audio" not in update
        given = merged(self._given, from_beta(update) if flat and _is_flat(update) else update)
        config = parse_config(given)
        request = self._live_request(config)
        check_ready(self._appliance.models, request.model, language=request.language, task=request.task)
        with self._lock:
            first = self._stream is None and not self._given
            self._given, before, self._config = given, self._config, config
            if config.audio.input.format != before.audio.input.format:
                self._decoder = self._new_decoder()
            self._apply(request, config)
            if first:
                self._open_stream()
        name = client_event["type"] + "d"
        self._send(event(name, session=self._session_json(flat=name.startswith("transcription_session"))))

    def _apply(self, request: SessionRequest, config: TranscriptionConfig) -> None:
        """Ends the live session if it cannot follow the update; the next audio opens another one."""
        stream = self._stream
        if stream is None:
            return
        same_mode = type(config.turn_detection) is type(self._turns[stream.id].config.turn_detection)
        if stream.request == request and same_mode:
            self._turns[stream.id].config = config
        else:
            self._stream = None
            stream.stop()

    def _append(self, client_event: JsonObject) -> None:
        self.feed_pcm(self._decoder.feed(decoded_base64(client_event.get("audio"))))

    def _commit(self, _client_event: JsonObject) -> None:
        with self._lock:
            stream = self._stream
            if stream is None or not self._turns[stream.id].has_uncommitted_audio:
                raise _empty_buffer()
            self._flush(stream, discard=False)

    def _clear(self, _client_event: JsonObject) -> None:
        with self._lock:
            stream = self._stream
            if stream is not None and self._turns[stream.id].has_uncommitted_audio:
                self._flush(stream, discard=True)
            self._send(event("input_audio_buffer.cleared"))

    def _flush(self, stream: LiveStream, *, discard: bool) -> None:
        rest = self._decoder.finish()
        stream.feed(rest)
        turns = self._turns[stream.id]
        turns.on_audio(len(rest) // BYTES_A_SAMPLE)
        turns.commit(discard=discard)
        self._last_item = turns.last_item
        stream.flush()

    def _feed(self, stream: LiveStream, pcm: bytes) -> None:
        def count(size: int) -> None:
            self._throttle(size)
            with self._lock:  # before the packet, so that its words find their item
                if turns := self._turns.get(stream.id):
                    turns.on_audio(size // BYTES_A_SAMPLE)
                    self._last_item = turns.last_item

        stream.feed(pcm, count)

    def _open_stream(self) -> LiveStream:
        if self._stream is None:
            request = self._live_request(self._config)
            check_ready(self._appliance.models, request.model, language=request.language, task=request.task)
            self._stream = LiveStream(self._appliance, self.connection, self._actor, request)
            turns = Turns(self._stream.id, self._config, self._send, previous=self._last_item)
            turns.beta = self._beta
            self._turns[self._stream.id] = turns
        return self._stream

    def _live_request(self, config: TranscriptionConfig, task: Task = "transcribe") -> SessionRequest:
        return SessionRequest(
            model=self._resolve_model(config.transcription.model),
            language=config.language,
            languages=config.languages,
            task=task,
            prompt=config.transcription.prompt or None,
            hotwords=config.hotwords,
            endpointing=config.endpointing,
            interval_factor=config.interval_factor,
        )

    def _new_decoder(self) -> AudioDecoder:
        given = self._config.audio.input.format
        return AudioDecoder(given.type, given.rate or 0)

    def _session_json(self, *, flat: bool) -> JsonObject:
        described = self._config.as_beta_json() if flat else self._config.as_json()
        return {
            **described,
            "id": self._id,
            "object": "realtime.transcription_session",
            "expires_at": self._expires_at,
        }


def _is_flat(session: JsonObject) -> bool:
    return any(name.startswith("input_audio_") or name == "turn_detection" for name in session)


def _empty_buffer() -> InvalidRequest:
    error = InvalidRequest("The input audio buffer is empty: append audio before you commit.")
    error.code = "input_audio_buffer_commit_empty"
    return error
