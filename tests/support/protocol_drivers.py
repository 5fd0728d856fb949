"""Clients of the live protocols behind one interface, for the suites that all protocols pass.

A new protocol adds one driver to `DRIVERS`.
"""

import json
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable
from urllib.parse import urlencode

import pytest
import websocket
from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.ping import Ping

from tests.support.live_client import Payload, RecordingClient, committed
from tests.support.program import Server, free_port
from tests.support.realtime_client import COMPLETED, DELTA, PCM_16K, RealtimeClient
from tests.support.speech import silence
from tests.support.wait import wait_until
from tests.support.wyoming_client import WyomingClient

WYOMING_PORT = free_port()
CHUNK_BYTES = 20_000
MAX_CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True)
class End:
    """The end of a session, as its client receives it."""

    text: str
    transcript_id: str | None


class ProtocolDriver(Protocol):
    """A client of one protocol. `open` and `feed` return the code of a refusal, "" for success."""

    def open(self, **options: object) -> str: ...
    def feed(self, pcm: bytes) -> str: ...
    def feed_too_much(self) -> str: ...
    def captions(self) -> str: ...
    def partials(self) -> int: ...
    def stop(self) -> End: ...
    def close(self) -> None: ...


@runtime_checkable
class ResumingDriver(ProtocolDriver, Protocol):
    """A client of a protocol that offers to resume."""

    def resume(self) -> None: ...


class LiveEventsDriver:
    """The `live:*` events."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._client = RecordingClient(server)
        self._opened: Payload = {}
        self._next_seq = 0

    def open(self, **options: object) -> str:
        ack = self._client.call("live:start", {"v": 1, **options})
        if ack["ok"]:
            self._opened = ack
        return str(ack.get("code", ""))

    def feed(self, pcm: bytes) -> str:
        self._next_seq = self._client.stream(self._opened, pcm, self._next_seq)
        return ""

    def feed_too_much(self) -> str:
        limit = self._opened["limits"]["max_packet"]
        header = {"s": self._opened["session"], "q": self._next_seq}
        return str(self._client.call("live:audio", header, bytes(limit + 2))["code"])

    def captions(self) -> str:
        return committed(self._client.of("live:commit")).strip()

    def partials(self) -> int:
        return len(self._client.of("live:partial"))

    def stop(self) -> End:
        end = self._client.stop(self._opened, self._next_seq)
        return End(end["text"], end["transcript_id"])

    def resume(self) -> None:
        """Connects again after the connection was closed."""
        self._client.close()
        received = self._client.received
        self._client = RecordingClient(self._server)
        numbers = [payload["eid"] for _, payload in received if "eid" in payload]
        session = {name: self._opened[name] for name in ("session", "token")}
        ack = self._client.call("live:resume", {**session, "last_eid": max(numbers, default=0)})
        assert ack["next_seq"] == self._next_seq
        missed = [(f"live:{event['kind']}", event) for event in ack["events"]]
        self._client.received[:0] = [*received, *missed]

    def close(self) -> None:
        self._client.close()


class SimpleEventsDriver:
    """The simple events, which offer no resume: a lost connection ends the recording and keeps it."""

    def __init__(self, server: Server) -> None:
        self._client = RecordingClient(server)

    def open(self, **options: object) -> str:
        self._client.emit("start_recording", {"format": "pcm", **options})
        answer = wait_until(lambda: self._client.of("recording_started", "transcription_error"))[-1]
        return str(answer.get("code", ""))

    def feed(self, pcm: bytes) -> str:
        for start in range(0, len(pcm), CHUNK_BYTES):
            self._client.emit("audio_chunk", {"audio_data": pcm[start : start + CHUNK_BYTES]})
        return ""

    def feed_too_much(self) -> str:
        self._client.emit("audio_chunk", {"audio_data": bytes(MAX_CHUNK_BYTES + 2)})
        return str(self._client.first("transcription_error")["code"])

    def captions(self) -> str:
        results = self._client.of("transcription_result")
        return "".join(str(each["text"]) for each in results if each["is_final"]).strip()

    def partials(self) -> int:
        return sum(not each["is_final"] for each in self._client.of("transcription_result"))

    def stop(self) -> End:
        self._client.emit("stop_recording", {})
        end = self._client.first("transcription_result", ended=True)
        return End(end["full_text"], end["transcript_id"])

    def close(self) -> None:
        self._client.close()


class OpenAIRealtimeDriver:
    """OpenAI's realtime events without turn detection: a commit ends the only item."""

    CODES: ClassVar[dict[str, str]] = {"invalid_request": "bad_format", "model_unavailable": "model_missing"}

    def __init__(self, server: Server) -> None:
        self._server = server
        self._client = RealtimeClient(server)

    def open(self, **options: object) -> str:
        given = {"type": options.pop("format")} if "format" in options else PCM_16K
        self._client.update(format=given, turn_detection=None, transcription=options)
        answer = self._client.first("session.updated", "error")
        answers = wait_until(lambda: self._client.of("session.updated", "error"))
        errors = [str(event["error"]["code"]) for event in answers if event["type"] == "error"]
        if errors:
            return self.CODES.get(errors[-1], errors[-1])
        assert answer["session"]["audio"]["input"]["turn_detection"] is None
        return ""

    def feed(self, pcm: bytes) -> str:
        self._client.append(pcm)
        return ""

    def feed_too_much(self) -> str:
        self._client.append(bytes(15 * 2**20 + 2), size=16 * 2**20)
        return str(self._client.first("error")["error"]["code"])

    def captions(self) -> str:
        return self._client.deltas

    def partials(self) -> int:
        return len(self._client.of(DELTA))

    def stop(self) -> End:
        self._client.send("input_audio_buffer.commit")
        ended = wait_until(self._completed_or_empty)
        self._client.close()
        if "item_id" not in ended:
            return End("", None)
        transcript_id = ended["item_id"].split("_")[1]
        wait_until(lambda: self._server.get(f"/api/transcripts/{transcript_id}")[0] == 200)
        return End(ended["transcript"], transcript_id)

    def _completed_or_empty(self) -> Payload | None:
        empty = [
            e for e in self._client.of("error") if e["error"]["code"] == "input_audio_buffer_commit_empty"
        ]
        return next(iter([*self._client.of(COMPLETED), *empty]), None)

    def close(self) -> None:
        self._client.close()


class VoskDriver:
    """Vosk's messages; a Vosk client names no format, its audio is always PCM."""

    CODES: ClassVar[dict[str, str]] = {"invalid_request": "bad_format", "model_unavailable": "model_missing"}

    def __init__(self, server: Server) -> None:
        self._messages: list[Payload] = []
        self._socket = websocket.create_connection(
            f"wss://localhost:{server.port}/vosk", timeout=20, sslopt={"context": server.trusting}
        )

    def open(self, **options: object) -> str:
        if "format" in options:
            pytest.skip("this protocol has one format")
        self._send({"config": {"sample_rate": 16_000, "language": "en", **options}})
        while not {"success", "error"} & set(answer := self._receive()):
            pass
        code = str(answer.get("code", ""))
        return self.CODES.get(code, code)

    def feed(self, pcm: bytes) -> str:
        for start in range(0, len(pcm), CHUNK_BYTES):
            self._socket.send_binary(pcm[start : start + CHUNK_BYTES])
        return ""

    def feed_too_much(self) -> str:
        self._socket.send_binary(bytes(512 * 1024 + 2))
        while "error" not in (answer := self._receive()):
            pass
        return str(answer["code"])

    def captions(self) -> str:
        return " ".join(str(each["text"]) for each in self._messages if each.get("text"))

    def partials(self) -> int:
        if not any("partial" in each for each in self._messages):
            self._receive()
        return sum("partial" in each for each in self._messages)

    def stop(self) -> End:
        self._send({"eof": 1})
        while "transcript_id" not in (answer := self._receive()):
            pass
        return End(self.captions(), answer["transcript_id"])

    def close(self) -> None:
        self._socket.close()

    def _send(self, message: Payload) -> None:
        self._socket.send(json.dumps(message))

    def _receive(self) -> Payload:
        self._messages.append(json.loads(self._socket.recv()))
        return self._messages[-1]


class DeepgramDriver:
    """Deepgram's messages; a failed handshake has the error in its body."""

    CODES: ClassVar[dict[str, str]] = {
        "Bad Request": "bad_format",
        "SERVICE_UNAVAILABLE": "model_missing",
        "TOO_MANY_REQUESTS": "busy",
    }

    def __init__(self, server: Server) -> None:
        self._server = server
        self._messages: list[Payload] = []
        self._connected = ExitStack()

    def open(self, **options: object) -> str:
        encoding = options.pop("format", "linear16")
        query = {"encoding": encoding, "sample_rate": 16_000, "interim_results": "true", **options}
        try:
            self._socket = websocket.create_connection(
                f"wss://localhost:{self._server.port}/v1/listen?{urlencode(query)}",
                timeout=20,
                sslopt={"context": self._server.trusting},
            )
        except websocket.WebSocketBadStatusException as failed:
            return self.CODES[json.loads(failed.resp_body or b"")["err_code"]]
        self._connected.enter_context(closing(self._socket))
        self._send("Finalize")  # its result follows once the live session is open
        answer = self._receive_until("Results", "Error")
        return str(answer.get("code", ""))

    def feed(self, pcm: bytes) -> str:
        for start in range(0, len(pcm), CHUNK_BYTES):
            self._socket.send_binary(pcm[start : start + CHUNK_BYTES])
        return ""

    def feed_too_much(self) -> str:
        self._socket.send_binary(bytes(512 * 1024 + 2))
        return str(self._receive_until("Error")["code"])

    def captions(self) -> str:
        finals = [each for each in self._messages if each.get("is_final")]
        texts = [each["channel"]["alternatives"][0]["transcript"] for each in finals]
        return " ".join(filter(None, texts))

    def partials(self) -> int:
        while not any(each.get("is_final") is False for each in self._messages):
            self._receive_until("Results")
        return sum(each.get("is_final") is False for each in self._messages)

    def stop(self) -> End:
        self._send("CloseStream")
        ended = self._receive_until("Metadata")
        return End(self.captions(), next(iter(ended["transcript_ids"]), None))

    def close(self) -> None:
        self._connected.close()

    def _send(self, kind: str) -> None:
        self._socket.send(json.dumps({"type": kind}))

    def _receive_until(self, *kinds: str) -> Payload:
        while True:
            self._messages.append(json.loads(self._socket.recv()))
            if self._messages[-1]["type"] in kinds:
                return self._messages[-1]


class WyomingDriver:
    """Wyoming's events. Nothing is kept of what belongs to nobody, and an error ends the connection."""

    CODES: ClassVar[dict[str, str]] = {"invalid_request": "bad_format", "model_unavailable": "model_missing"}

    def __init__(self, server: Server) -> None:
        self._client = WyomingClient(WYOMING_PORT)

    def open(self, **options: object) -> str:
        if "format" in options:
            pytest.skip("this protocol has one format")
        language, model = options.get("language"), options.get("model")
        self._client.send(
            Transcribe(name=str(model) if model else None, language=str(language) if language else None),
            AudioStart(16_000, 2, 1),
            Ping(),
        )
        answer = self._client.until("pong", "error")
        code = str(answer.data.get("code", ""))
        return self.CODES.get(code, code)

    def feed(self, pcm: bytes) -> str:
        for start in range(0, len(pcm), CHUNK_BYTES):
            self._client.send(AudioChunk(16_000, 2, 1, pcm[start : start + CHUNK_BYTES]))
        return ""

    def feed_too_much(self) -> str:
        pytest.skip("this protocol ends the connection then")

    def captions(self) -> str:
        return self._client.streamed

    def partials(self) -> int:
        self.feed(silence(1))  # there is no tentative text: words come once they are settled
        self._client.until("transcript-chunk")
        return 1

    def stop(self) -> End:
        self._client.send(AudioStop())
        ended = self._client.until("transcript")
        return End(ended.data["text"], None)

    def close(self) -> None:
        self._client.close()


DRIVERS: dict[str, Callable[[Server], ProtocolDriver]] = {
    "socketio live events": LiveEventsDriver,
    "socketio simple events": SimpleEventsDriver,
    "openai_realtime": OpenAIRealtimeDriver,
    "vosk": VoskDriver,
    "deepgram": DeepgramDriver,
    "wyoming": WyomingDriver,
}
