"""One Deepgram connection: its audio, its live sessions, and the messages that it gets."""

import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.clock import now, written
from whisper_appliance.core.errors import ApplianceError, InvalidRequest, NotFound, TooLarge
from whisper_appliance.live.manager import LiveAnnouncement
from whisper_appliance.protocols.deepgram.listen_audio import (
    Decoder,
    RecorderFormat,
    detected_format,
    named_decoder,
)
from whisper_appliance.protocols.deepgram.listen_query import ListenStreamQuery
from whisper_appliance.protocols.deepgram.live_results import (
    LiveResults,
    StreamPlace,
    error_json,
    error_message,
    results_metadata,
)
from whisper_appliance.protocols.live_stream import LiveStream
from whisper_appliance.web.deepgram_format import JsonObject

MAX_CHUNK_BYTES = 512 * 1024
ECHO_CHARS = 200
COMMANDS = ("Finalize", "CloseStream", "KeepAlive", "Configure")


@dataclass
class Stream:
    """The audio of one live session after another; a session may end by itself, and another one follows."""

    live: LiveStream | None = None
    fed_samples: int = 0


class ListenSession:
    """One connection. Its thread calls `handle`; live threads call `on_live_event`."""

    def __init__(
        self,
        appliance: Appliance,
        actor: Actor,
        send: Callable[[JsonObject], None],
        query: ListenStreamQuery,
        *,
        throttle: Callable[[int], None],
        on_ended: Callable[[], None],
    ) -> None:
        """Raises `InvalidRequest` for options that cannot be used."""
        self.connection = f"deepgram-{secrets.token_hex(8)}"
        self._appliance, self._actor, self._send, self._query = appliance, actor, send, query
        self._throttle, self._on_ended = throttle, on_ended
        self._lock = threading.RLock()
        self._request = query.session_request()
        self._decoder: Decoder | None = named_decoder(query)
        self._recorder: RecorderFormat | None = None
        self._head: bytes | None = b"" if self._decoder is None else None
        self._streams = [Stream() for _ in range(query.streams)]
        self._results: dict[str, LiveResults] = {}
        self._request_id = secrets.token_hex(16)
        self._metadata = results_metadata(self._request_id, query.local_model or appliance.models.default)
        self._created, self._digest = now(), hashlib.sha256()
        self._transcript_ids: list[str] = []
        self._ending = False

    def start(self) -> None:
        """Opens the live sessions, unless a header has the format. Raises what the manager raises."""
        if self._head is None:
            with self._lock:
                for number in range(len(self._streams)):
                    self._open(number)

    def handle(self, message: bytes | str) -> None:
        """Handles one message; one that fails is answered by `Error`."""
        try:
            if isinstance(message, str):
                self._handle_command(message)
            elif message:
                self._feed(message)
            else:
                self._close_stream()
        except ApplianceError as error:
            self._send(error_json(error))

    def on_live_event(self, announcement: LiveAnnouncement) -> None:
        """Takes an event of one of the live sessions of this connection."""
        with self._lock:
            results = self._results.get(announcement.session)
            if results is None:
                return
            results.on_live_event(announcement.kind, announcement.payload)
            if announcement.kind == "end":
                payload: JsonObject = announcement.payload
                self._on_end(announcement.session, payload["transcript_id"])

    def close(self) -> None:
        """Ends the live sessions, because the connection has ended; their transcripts are kept."""
        with self._lock:
            self._results.clear()
            self._stop()

    def _handle_command(self, message: str) -> None:
        command = _parsed(message)
        match command.get("type"):
            case "KeepAlive":
                return
            case "Finalize":
                self._finalize(command.get("channel"))
            case "CloseStream":
                self._close_stream()
            case "Configure":
                self._send(
                    {
                        "type": "ConfigureFailure",
                        "request_id": self._request_id,
                        "code": "CONFIGURE_KEYTERMS_NOT_SUPPORTED",
                        "description": "Words to expect are set once, when the connection is opened.",
                    }
                )
            case _:
                listed = ", ".join(COMMANDS)
                self._send(
                    error_message("SchemaError", f"The type must be one of {listed}.")
                    | {"message": message[:ECHO_CHARS]}
                )

    def _feed(self, audio: bytes) -> None:
        if len(audio) > MAX_CHUNK_BYTES:
            raise TooLarge(
                "The audio of one message is too large. The limit is {max_bytes} bytes.",
                max_bytes=MAX_CHUNK_BYTES,
            )
        if self._ending:
            return
        self._digest.update(audio)
        if self._head is not None:
            audio = self._without_header(self._head + audio)
        if self._recorder:
            self._feed_recorder(audio)
        elif self._decoder and audio:
            self._feed_pcm(self._decoder.feed(audio))

    def _without_header(self, head: bytes) -> bytes:
        """The audio behind the header; none until the header is complete."""
        try:
            detected = detected_format(head, separate=self._query.multichannel)
            if detected is None:
                self._head = head
                return b""
            self._decoder, self._recorder = detected.decoder, detected.recorder
            self._request = self._query.session_request(detected.recorder)
            with self._lock:
                self._streams = [Stream() for _ in range(detected.streams)]
                for number in range(detected.streams):
                    self._open(number)
        except ApplianceError as error:
            self._send(error_json(error))
            self._close_stream()  # nothing that follows can be decoded
            return b""
        self._head = None
        return head[detected.skip :]

    def _feed_recorder(self, data: bytes) -> None:
        with self._lock:
            live = self._streams[0].live
        try:
            if live is not None:
                live.feed(data, self._throttle)
        except NotFound:
            live = None
        if live is None:  # it has ended by itself, and another one would lack the header
            self._close_stream()

    def _feed_pcm(self, channels: Sequence[bytes]) -> None:
        for number, pcm in enumerate(channels):
            stream = self._streams[number]
            with self._lock:
                live = self._open(number)
            try:
                live.feed(pcm, self._throttle)
            except NotFound:  # the live session has just ended by itself: another one follows
                with self._lock:
                    if stream.live is live:
                        stream.live = None
                    live = self._open(number)
                live.feed(pcm, self._throttle)
            stream.fed_samples += len(pcm) // 2

    def _open(self, number: int) -> LiveStream:
        stream = self._streams[number]
        if stream.live is None:
            live = LiveStream(self._appliance, self.connection, self._actor, self._request)
            place = StreamPlace(number, len(self._streams), stream.fed_samples / SAMPLE_RATE)
            self._results[live.id] = LiveResults(self._query, place, self._send, self._metadata)
            stream.live = live
        return stream.live

    def _finalize(self, channel: object) -> None:
        if channel is not None and channel not in range(len(self._streams)):
            raise InvalidRequest("There is no such channel.", field="channel")
        for number, stream in enumerate(self._streams):
            if channel in (None, number):
                self._flush(number, stream)

    def _flush(self, number: int, stream: Stream) -> None:
        with self._lock:
            live = stream.live
            results = self._results.get(live.id) if live else None
            if live is None or results is None:  # nothing waits for a result
                place = StreamPlace(number, len(self._streams), stream.fed_samples / SAMPLE_RATE)
                LiveResults(self._query, place, self._send, self._metadata).on_live_event("flushed", {})
                return
            results.finalize()
        live.flush()

    def _close_stream(self) -> None:
        if self._ending:
            return
        with self._lock:
            is_open = any(stream.live for stream in self._streams)
        if is_open and self._decoder is not None:
            self._feed_pcm(self._decoder.finish())
        with self._lock:
            self._ending = True
            self._stop()
            if not self._results:
                self._send_metadata()

    def _stop(self) -> None:
        for stream in self._streams:
            live, stream.live = stream.live, None
            if live is not None:
                live.stop()

    def _on_end(self, session: str, transcript_id: str | None) -> None:
        del self._results[session]
        if transcript_id:
            self._transcript_ids.append(transcript_id)
        for stream in self._streams:
            if stream.live is not None and stream.live.id == session:
                stream.live = None
        if self._ending and not self._results:
            self._send_metadata()

    def _send_metadata(self) -> None:
        """The last message: after it, the connection is closed."""
        seconds = max(stream.fed_samples for stream in self._streams) / SAMPLE_RATE
        model_id, info = self._metadata["model_uuid"], self._metadata["model_info"]
        self._send(
            {
                "type": "Metadata",
                "transaction_key": "deprecated",
                "request_id": self._request_id,
                "sha256": self._digest.hexdigest(),
                "created": written(self._created),
                "duration": round(seconds, 3),
                "channels": len(self._streams),
                "models": [model_id],
                "model_info": {model_id: info},
                "transcript_ids": self._transcript_ids,
            }
        )
        self._on_ended()


def _parsed(message: str) -> JsonObject:
    try:
        command = json.loads(message)
    except (ValueError, RecursionError):
        command = None
    return command if isinstance(command, dict) else {}
