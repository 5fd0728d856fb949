"""A translation session: speech of any language becomes English text, by Whisper's own task of translation.

The words that its live session commits become `session.output_transcript.delta`. With
`audio.input.transcription`, a second live session transcribes the same audio in the language of the speaker,
and its words become `session.input_transcript.delta`. There is no output audio, and another language than
English is a clear error.
"""

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.app.readiness import check_ready
from whisper_appliance.core.errors import ApplianceError, InvalidRequest, NotFound
from whisper_appliance.engines.contract import Task
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


@dataclass
class Track:
    """One live session after another of the same audio, and the event of its words."""

    task: Task
    delta: str
    model: str | None
    stream: LiveStream | None = None
    has_text: bool = False


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
        self._resolve_model = resolve_model
        self._output = Track(
            "translate", "session.output_transcript.delta", resolve_model(self._given.get("model"))
        )
        self._source: Track | None = None
        self._id = f"sess_{secrets.token_hex(12)}"
        self._expires_at = int(time.time()) + SESSION_SECONDS
        self._lock = threading.RLock()
        self._decoder = AudioDecoder("audio/pcm", PCM_RATE)
        self._closing = False
        self._handlers: dict[str, Callable[[JsonObject], None]] = {
            "session.update": self._update,
            "session.input_audio_buffer.append": self._append,
            "session.close": self._close,
        }

    def start(self) -> None:
        """Checks that the models can do it, and sends the first event. Raises `InvalidRequest`."""
        check_ready(self._appliance.models, self._output.model, task="translate")
        self._source = self._source_of(self._given)
        self._send(event("session.created", session=self._session_json()))

    def handle(self, message: bytes | str) -> None:
        """Handles one event of the client; an event that fails is answered by `error`."""
        dispatch(self._handlers, message, self._send)

    def on_live_event(self, announcement: LiveAnnouncement) -> None:
        """Takes an event of the live session of this connection."""
        payload: dict[str, Any] = announcement.payload
        with self._lock:
            track = next((each for each in self._tracks if _has(each, announcement.session)), None)
            if track is None:
                return
            match announcement.kind:
                case "commit":
                    self._send_delta(track, payload)
                case "error" if payload["code"] != "idle":
                    self._send(live_error_event(payload))
                case "end":
                    track.stream = None
                    if self._closing and not self._streams:
                        self._finish()

    def close(self) -> None:
        """Ends the live session, because the connection has ended."""
        with self._lock:
            streams = self._streams
        for stream in streams:
            stream.stop()

    @property
    def _tracks(self) -> list[Track]:
        return [self._output, self._source] if self._source else [self._output]

    @property
    def _streams(self) -> list[LiveStream]:
        return [track.stream for track in self._tracks if track.stream]

    def _source_of(self, session: JsonObject) -> Track | None:
        """The transcript in the language of the speaker, if the session wants one. Raises what it lacks."""
        wanted = _source_settings(session)
        if not wanted:
            return None
        model = self._resolve_model(wanted.get("model"))
        check_ready(self._appliance.models, model)
        return Track("transcribe", "session.input_transcript.delta", model)

    def _update(self, client_event: JsonObject) -> None:
        update = client_event.get("session")
        if not isinstance(update, dict):
            raise InvalidRequest("session must be an object.", field="session")
        given = checked_translation(merged(self._given, {**update, "model": self._given.get("model")}))
        source = self._source_of(given)
        with self._lock:
            before, self._given = self._source, given
            if before and source and before.model == source.model:
                source = before
            self._source = source
        if before and before is not source and before.stream:
            before.stream.stop()
        self._send(event("session.updated", session=self._session_json()))

    def _append(self, client_event: JsonObject) -> None:
        pcm = self._decoder.feed(decoded_base64(client_event.get("audio")))
        with self._lock:
            if self._closing:
                raise InvalidRequest("This session is closing and takes no more audio.")
            tracks = self._tracks
        for track in tracks:
            try:
                self._feed(track, pcm)
            except ApplianceError:
                with self._lock:
                    if track is self._source:  # it is reported once, and the translation goes on
                        self._source = None
                raise

    def _feed(self, track: Track, pcm: bytes) -> None:
        pace = (self._throttle,) if track is self._output else ()  # the same bytes count once
        stream = self._opened(track)
        try:
            stream.feed(pcm, *pace)
        except NotFound:  # the live session has just ended by itself: another one follows
            with self._lock:
                if track.stream is stream:
                    track.stream = None
            self._opened(track).feed(pcm, *pace)

    def _opened(self, track: Track) -> LiveStream:
        with self._lock:
            if track.stream is None:
                request = SessionRequest(task=track.task, model=track.model)
                track.stream = LiveStream(self._appliance, self.connection, self._actor, request)
            return track.stream

    def _close(self, _client_event: JsonObject) -> None:
        with self._lock:
            self._closing = True
            streams = self._streams
            if not streams:
                self._finish()
                return
            rest = self._decoder.finish()
            for stream in streams:
                with suppress(NotFound):  # it has just ended by itself
                    stream.feed(rest)
        for stream in streams:
            stream.stop()

    def _send_delta(self, track: Track, payload: JsonObject) -> None:
        delta = payload["text"] if track.has_text else payload["text"].lstrip()
        track.has_text = True
        elapsed_ms = int(payload["words"][-1]["t1"] * 1000) // FRAME_MS * FRAME_MS
        self._send(event(track.delta, delta=delta, elapsed_ms=elapsed_ms))

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
                "input": {name: given.get(name) for name in ("transcription", "noise_reduction")},
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
    wanted = _object(source, "transcription", "session.audio.input.transcription")
    if not isinstance(wanted.get("model", ""), str | None):
        raise InvalidRequest("model must be a string.", field="session.audio.input.transcription.model")
    return dict(session)


def _source_settings(session: Mapping[str, Any]) -> Mapping[str, Any]:
    """`audio.input.transcription` of a checked session; empty without."""
    source = (session.get("audio") or {}).get("input") or {}
    return source.get("transcription") or {}


def _has(track: Track, live_session: str) -> bool:
    return track.stream is not None and track.stream.id == live_session


def _object(parent: Mapping[str, Any], name: str, field: str) -> Mapping[str, Any]:
    value = parent.get(name) or {}
    if not isinstance(value, Mapping):
        raise InvalidRequest("{name} must be an object.", name=field, field=field)
    return value
