"""The simple events of Socket.IO, for small clients: one recording per connection, without numbers or acks.

The chunks of a recording are one stream of bytes, which is divided into the packets of a live session.
"""

import base64
import binascii
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import AliasChoices, Field

from whisper_appliance.app.appliance import Appliance
from whisper_appliance.app.readiness import check_ready
from whisper_appliance.core.errors import ApplianceError, Busy, InvalidRequest, TooLarge
from whisper_appliance.live.manager import LiveAnnouncement
from whisper_appliance.protocols.socketio.emit import Emit, Handler, JsonObject, current_connection
from whisper_appliance.protocols.socketio.payloads import StartOptions, error_ack, parse
from whisper_appliance.web.auth.authentication import require

CHUNK_BYTES = 256 * 1024
PACKET_BYTES = 32 * 1024
EBML_MAGIC = b"\x1aE\xdf\xa3"
OTHER_MAGIC = (b"RIFF", b"OggS", b"fLaC", b"ID3")


class SimpleStart(StartOptions):
    """The payload of start_recording."""

    format: Any = None  # also the MIME type of a MediaRecorder
    rate: int = Field(16_000, validation_alias=AliasChoices("sample_rate", "rate"))


@dataclass
class _Recording:
    """One recording. Without a format, its session is opened with the first chunk, which shows the format."""

    connection: str
    options: SimpleStart
    session: str = ""
    format: str = ""
    seq: int = 0
    rest: bytes = b""
    text: str = ""
    feeding: threading.Lock = field(default_factory=threading.Lock)


class SimpleEvents:
    """Handlers for the recordings of small clients, one per connection."""

    def __init__(self, appliance: Appliance, emit: Emit) -> None:
        self._appliance = appliance
        self._live = appliance.live
        self._emit = emit
        self._recordings: dict[str, _Recording] = {}
        self._by_session: dict[str, _Recording] = {}

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by event."""
        return {
            "start_recording": self._with_error_event(self.start),
            "audio_chunk": self._with_error_event(self.chunk),
            "stop_recording": self._with_error_event(self.stop),
        }

    def start(self, *arguments: Any) -> None:
        """Starts a recording, and stops the one before."""
        options = parse(SimpleStart, arguments[:1] if arguments and arguments[0] is not None else ({},))
        require("transcribe")
        connection = current_connection()
        self.on_disconnect(connection)
        check_ready(self._appliance.models, options.model, language=options.language, task=options.task)
        counts = self._live.counts()
        if counts.sessions >= counts.limit:
            raise Busy(
                "All live sessions are taken. Try again later.",
                retry_after_seconds=30,
                limit_name="live_sessions",
            )
        recording = _Recording(connection, options, format=_format_of_name(options.format))
        self._recordings[connection] = recording
        if recording.format:
            self._open(recording)
        model = options.model or self._appliance.models.default
        self._emit("recording_started", {"session": recording.session or None, "model": model}, connection)

    def chunk(self, *arguments: Any) -> None:
        """Feeds the next chunk of the stream."""
        recording = self._recordings.get(current_connection())
        if recording is None:
            raise InvalidRequest("Nothing is being recorded: send start_recording first.")
        data = _audio(arguments)
        with recording.feeding:
            if not recording.session:
                recording.format = _format_of_data(data)
                self._open(recording)
            for packet in _packets(recording, data):
                self._live.feed(recording.session, recording.seq, packet, connection=recording.connection)
                recording.seq += 1

    def stop(self, *_arguments: Any) -> None:
        """Stops the recording; its last words follow, and then the end."""
        recording = self._recordings.pop(current_connection(), None)
        if recording is None:
            raise InvalidRequest("Nothing is being recorded.")
        if not recording.session:
            self._emit("transcription_result", _end(recording, {}), recording.connection)
            return
        self._live.stop(recording.session, recording.seq, connection=recording.connection)

    def on_disconnect(self, connection: str) -> None:
        """Stops the recording of a connection; its transcript is kept."""
        recording = self._recordings.pop(connection, None)
        if recording and recording.session:
            self._live.stop(recording.session, recording.seq, connection=connection)

    def on_live_event(self, event: LiveAnnouncement) -> bool:
        """Emits an event of a session as a simple event; False if the session is not a simple one."""
        recording = self._by_session.get(event.session)
        if recording is None:
            return False
        payload = event.payload
        if event.kind == "end":
            self._by_session.pop(event.session, None)
            self._emit("transcription_result", _end(recording, payload), recording.connection)
        elif event.kind in ("partial", "commit"):
            result = _result(recording, payload, is_final=event.kind == "commit")
            self._emit("transcription_result", result, recording.connection)
        elif event.kind == "error":
            error = {"error": payload["message"], "code": payload["code"], "fatal": payload["fatal"]}
            self._emit("transcription_error", error, recording.connection)
        return True

    def _open(self, recording: _Recording) -> None:
        options = recording.options.model_copy(update={"format": recording.format})
        actor = require("transcribe")
        self._appliance.admission.check_live(actor.owner)
        opened = self._live.open(
            options.request(),
            owner=actor.owner,
            key_id=actor.key,
            connection=recording.connection,
            network=actor.visitor_network,
        )
        recording.session = opened.session
        self._by_session[opened.session] = recording

    def _with_error_event(self, handler: Callable[..., None]) -> Callable[..., None]:
        """Emits errors as events, because these clients wait for no acknowledgement."""

        def handle(*arguments: Any) -> None:
            try:
                handler(*arguments)
            except ApplianceError as error:
                self._appliance.metrics.count_limit(error)
                ack = error_ack(error)
                payload = {"error": ack["message"], "code": ack["code"], "fatal": False}
                self._emit("transcription_error", payload, current_connection())

        return handle


def _audio(arguments: tuple[Any, ...]) -> bytes:
    """The bytes of a chunk, which are sent as binary or as base64, also as a data: URL."""
    first = arguments[0] if len(arguments) == 1 else None
    data = first.get("audio_data") if isinstance(first, dict) else first
    if isinstance(data, str):
        try:
            data = base64.b64decode(data.rpartition(",")[2], validate=True)
        except (binascii.Error, ValueError):
            raise InvalidRequest("audio_data is not valid base64.", field="audio_data") from None
    if not isinstance(data, bytes) or not data:
        raise InvalidRequest("audio_chunk takes {audio_data: bytes or base64}.", field="audio_data")
    if len(data) > CHUNK_BYTES:
        raise TooLarge(
            "The chunk is too large. The limit is {chunk_bytes} bytes.",
            chunk_bytes=CHUNK_BYTES,
            field="audio_data",
        )
    return data


def _format_of_name(name: object) -> str:
    """The format of `format`, which is a live format or a MIME type; "" if the first chunk decides."""
    lowered = str(name or "").lower()
    if "webm" in lowered:
        return "webm_opus"
    if "mp4" in lowered:
        return "mp4_aac"
    if "pcm" in lowered or "s16" in lowered:
        return "pcm_s16le"
    if lowered:
        raise InvalidRequest("Live audio must be pcm_s16le, webm_opus or mp4_aac.", field="format")
    return ""


def _format_of_data(data: bytes) -> str:
    """The format of a stream, from the magic bytes of its first chunk."""
    if data.startswith(EBML_MAGIC):
        return "webm_opus"
    if data[4:8] == b"ftyp":
        return "mp4_aac"
    if data.startswith(OTHER_MAGIC):
        raise InvalidRequest(
            "This audio format is not supported live. Send raw PCM (16 kHz, mono, s16le), or WebM or MP4 "
            "from a MediaRecorder. Send whole files to POST /transcribe.",
            field="audio_data",
        )
    return "pcm_s16le"


def _packets(recording: _Recording, data: bytes) -> Iterator[bytes]:
    """Packets of whole samples; half a sample is kept for the next chunk."""
    data = recording.rest + data
    whole = len(data) - len(data) % 2 if recording.format == "pcm_s16le" else len(data)
    recording.rest = data[whole:]
    for start in range(0, whole, PACKET_BYTES):
        yield data[start : min(start + PACKET_BYTES, whole)]


def _result(recording: _Recording, payload: JsonObject, *, is_final: bool) -> JsonObject:
    if is_final:
        recording.text += payload["text"]
    words = payload.get("words") or [{"t0": payload.get("t0", 0.0), "t1": payload.get("t1", 0.0)}]
    return {
        "session": recording.session,
        "text": payload["text"],
        "is_final": is_final,
        "full_text": recording.text.strip(),
        "start": words[0]["t0"],
        "end": words[-1]["t1"],
    }


def _end(recording: _Recording, payload: JsonObject) -> JsonObject:
    return {
        "session": recording.session or None,
        "text": "",
        "is_final": True,
        "ended": True,
        "full_text": payload.get("text", ""),
        "seconds": payload.get("seconds", 0.0),
        "transcript_id": payload.get("transcript_id"),
    }
