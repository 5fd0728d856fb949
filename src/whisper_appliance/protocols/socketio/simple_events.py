"""The simple live events, for small clients: one recording per connection, no numbers, no acknowledgements.

The chunks of a recording are one stream of bytes; here they become the packets of an ordinary session.
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
from whisper_appliance.protocols.socketio.events import Answer, Emit, connection
from whisper_appliance.protocols.socketio.payloads import StartOptions, error_ack, read
from whisper_appliance.web.auth.authentication import require

CHUNK_BYTES = 256 * 1024
PACKET_BYTES = 32 * 1024
EBML = b"\x1aE\xdf\xa3"
OTHER_FILES = (b"RIFF", b"OggS", b"fLaC", b"ID3")


class SimpleStart(StartOptions):
    """start_recording"""

    format: Any = None  # also the MIME type that a MediaRecorder gives
    rate: int = Field(16_000, validation_alias=AliasChoices("sample_rate", "rate"))


@dataclass
class _Recording:
    """One recording: its session opens with the first chunk, which tells the format."""

    connection: str
    wishes: SimpleStart
    session: str = ""
    format: str = ""
    seq: int = 0
    rest: bytes = b""
    text: str = ""
    feeding: threading.Lock = field(default_factory=threading.Lock)


class SimpleEvents:
    """The recordings of small clients, by connection."""

    def __init__(self, appliance: Appliance, emit: Emit) -> None:
        self._appliance = appliance
        self._sessions = appliance.live
        self._emit = emit
        self._recordings: dict[str, _Recording] = {}
        self._by_session: dict[str, _Recording] = {}

    @property
    def handlers(self) -> dict[str, Callable[..., None]]:
        """By event."""
        return {
            "start_recording": self._telling(self.start),
            "audio_chunk": self._telling(self.chunk),
            "stop_recording": self._telling(self.stop),
        }

    def start(self, *arguments: Any) -> None:
        """Begins a recording; one that was on ends."""
        wishes = read(SimpleStart, arguments[:1] if arguments and arguments[0] is not None else ({},))
        require("transcribe")
        self.left(connection())
        check_ready(self._appliance.models, wishes.model, language=wishes.language, task=wishes.task)
        counts = self._sessions.counts()
        if counts.sessions >= counts.limit:
            raise Busy("All live sessions are taken. Try again later.", retry_after_seconds=30)
        recording = _Recording(connection(), wishes, format=_format(wishes.format))
        self._recordings[connection()] = recording
        if recording.format:
            self._open(recording)
        model = wishes.model or self._appliance.models.default
        self._emit("recording_started", {"session": recording.session or None, "model": model}, connection())

    def chunk(self, *arguments: Any) -> None:
        """Takes the next piece of the stream."""
        recording = self._recordings.get(connection())
        if recording is None:
            raise InvalidRequest("Nothing is being recorded: send start_recording first.")
        data = _audio(arguments)
        with recording.feeding:
            if not recording.session:
                recording.format = _format_of(data)
                self._open(recording)
            for packet in _packets(recording, data):
                self._sessions.feed(recording.session, recording.seq, packet, connection=recording.connection)
                recording.seq += 1

    def stop(self, *_arguments: Any) -> None:
        """Ends the recording; its last words follow, and then the end."""
        recording = self._recordings.pop(connection(), None)
        if recording is None:
            raise InvalidRequest("Nothing is being recorded.")
        if not recording.session:
            self._emit("transcription_result", _end(recording, {}), recording.connection)
            return
        self._sessions.stop(recording.session, recording.seq, connection=recording.connection)

    def left(self, connection: str) -> None:
        """The connection is gone, or begins anew: what was recorded is kept."""
        recording = self._recordings.pop(connection, None)
        if recording and recording.session:
            self._sessions.stop(recording.session, recording.seq, connection=connection)

    def announce(self, told: LiveAnnouncement) -> bool:
        """Tells the client in its own words; False where the session is none of these."""
        recording = self._by_session.get(told.session)
        if recording is None:
            return False
        payload = told.payload
        if told.kind == "end":
            self._by_session.pop(told.session, None)
            self._emit("transcription_result", _end(recording, payload), recording.connection)
        elif told.kind in ("partial", "commit"):
            result = _result(recording, payload, settled=told.kind == "commit")
            self._emit("transcription_result", result, recording.connection)
        elif told.kind == "error":
            error = {"error": payload["message"], "code": payload["code"], "fatal": payload["fatal"]}
            self._emit("transcription_error", error, recording.connection)
        return True

    def _open(self, recording: _Recording) -> None:
        wishes = recording.wishes.model_copy(update={"format": recording.format})
        asking = require("transcribe")
        self._appliance.admission.check_live(asking.owner)
        opened = self._sessions.open(
            wishes.request(), owner=asking.owner, key_id=asking.key, connection=recording.connection
        )
        recording.session = opened.session
        self._by_session[opened.session] = recording

    def _telling(self, handler: Callable[..., None]) -> Callable[..., None]:
        """What goes wrong is told as an event: these clients wait for no acknowledgement."""

        def handle(*arguments: Any) -> None:
            try:
                handler(*arguments)
            except ApplianceError as error:
                told = error_ack(error)
                payload = {"error": told["message"], "code": told["code"], "fatal": False}
                self._emit("transcription_error", payload, connection())

        return handle


def _audio(arguments: tuple[Any, ...]) -> bytes:
    """The bytes of a chunk, sent as such or in base64, which may be a data: URL."""
    first = arguments[0] if len(arguments) == 1 else None
    data = first.get("audio_data") if isinstance(first, dict) else first
    if isinstance(data, str):
        try:
            data = base64.b64decode(data.rpartition(",")[2], validate=True)
        except (binascii.Error, ValueError):
            raise InvalidRequest("audio_data is no base64.", field="audio_data") from None
    if not isinstance(data, bytes) or not data:
        raise InvalidRequest("audio_chunk takes {audio_data: bytes or base64}.", field="audio_data")
    if len(data) > CHUNK_BYTES:
        raise TooLarge(f"A chunk may have {CHUNK_BYTES} bytes.", field="audio_data")
    return data


def _format(asked: object) -> str:
    """What `format` says: our own names, or a MIME type; "" leaves it to the first chunk."""
    name = str(asked or "").lower()
    if "webm" in name:
        return "webm_opus"
    if "mp4" in name:
        return "mp4_aac"
    if "pcm" in name or "s16" in name:
        return "pcm_s16le"
    if name:
        raise InvalidRequest("Live audio comes as pcm_s16le, webm_opus or mp4_aac.", field="format")
    return ""


def _format_of(data: bytes) -> str:
    if data.startswith(EBML):
        return "webm_opus"
    if data[4:8] == b"ftyp":
        return "mp4_aac"
    if data.startswith(OTHER_FILES):
        raise InvalidRequest(
            "This is a file of another kind. Live audio is raw PCM (16 kHz, mono, s16le), or WebM or MP4 "
            "from a MediaRecorder; whole files go to POST /transcribe.",
            field="audio_data",
        )
    return "pcm_s16le"


def _packets(recording: _Recording, data: bytes) -> Iterator[bytes]:
    """The stream in packets that hold whole samples; half a sample waits for its other half."""
    data = recording.rest + data
    whole = len(data) - len(data) % 2 if recording.format == "pcm_s16le" else len(data)
    recording.rest = data[whole:]
    for start in range(0, whole, PACKET_BYTES):
        yield data[start : min(start + PACKET_BYTES, whole)]


def _result(recording: _Recording, payload: Answer, *, settled: bool) -> Answer:
    if settled:
        recording.text += payload["text"]
    words = payload.get("words") or [{"t0": payload.get("t0", 0.0), "t1": payload.get("t1", 0.0)}]
    return {
        "session": recording.session,
        "text": payload["text"],
        "is_final": settled,
        "full_text": recording.text.strip(),
        "start": words[0]["t0"],
        "end": words[-1]["t1"],
    }


def _end(recording: _Recording, payload: Answer) -> Answer:
    return {
        "session": recording.session or None,
        "text": "",
        "is_final": True,
        "ended": True,
        "full_text": payload.get("text", ""),
        "seconds": payload.get("seconds", 0.0),
        "transcript_id": payload.get("transcript_id"),
    }
