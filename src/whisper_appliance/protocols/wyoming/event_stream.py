"""The events of one Wyoming connection: a line of JSON, then data and payload of the lengths it names."""

import json
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from whisper_appliance.core.errors import InvalidRequest, TooLarge

MAX_HEADER_BYTES = 64 * 1024
MAX_DATA_BYTES = 64 * 1024
MAX_PAYLOAD_BYTES = 2**20
READ_BYTES = 64 * 1024
SEND_SECONDS = 30.0
LINGER_SECONDS = 1.0
LINGER_BYTES = 4 * 2**20
JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One event of a client; nothing in `data` is checked."""

    type: str
    data: JsonObject = field(default_factory=dict)
    payload: bytes = b""

    @property
    def size(self) -> int:
        """The bytes of audio."""
        return len(self.payload)


class EventStream:
    """Reads events within limits, and sends lines. One thread reads; any thread may send and close."""

    def __init__(self, connected: socket.socket, *, idle_seconds: float, event_seconds: float) -> None:
        """`idle_seconds` is the longest time between two events, `event_seconds` the longest for one."""
        self._socket = connected
        self._sending = connected.dup()  # a socket object has one timeout for both ways
        self._sending.settimeout(SEND_SECONDS)
        self._idle_seconds = idle_seconds
        self._event_seconds = event_seconds
        self._buffer = bytearray()
        self._deadline = 0.0
        self.ended = False

    def read(self) -> ReceivedEvent | None:
        """The next event; None once the connection has ended or is idle too long.

        Raises `InvalidRequest` and `TooLarge`; what follows cannot be read then.
        """
        try:
            self._deadline = time.monotonic() + self._idle_seconds
            if not self._buffer and not self._fill():
                return None
        except OSError:
            return None
        try:
            self._deadline = time.monotonic() + self._event_seconds
            return self._read_event()
        except TimeoutError:
            raise InvalidRequest("The rest of an event did not arrive in time.") from None
        except (EOFError, OSError):
            return None

    def send(self, message: bytes | str) -> None:
        """Sends one line. Raises `OSError` if the connection has ended or the client does not read."""
        self._sending.sendall((message if isinstance(message, bytes) else message.encode()) + b"\n")

    def close(self) -> None:
        """Sends the end of the stream; what the client still sends can be read."""
        self.ended = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def stop_reading(self) -> None:
        """Makes a thread that reads return; what was sent before still arrives at the client."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)

    def abort(self) -> None:
        """Ends the connection at once; a thread that reads returns."""
        self.ended = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Releases the socket, once no other thread uses it.

        Reads for a moment what the client still sends, because a connection that is closed with unread bytes
        is reset, and the client would lose the last events.
        """
        self.close()
        with suppress(OSError):
            self._deadline = time.monotonic() + LINGER_SECONDS
            for _ in range(LINGER_BYTES // READ_BYTES):
                self._buffer.clear()
                if not self._fill():
                    break
        self._sending.close()
        self._socket.close()

    def _read_event(self) -> ReceivedEvent:
        header = _json_object(self._line())
        kind, data = header.get("type"), header.get("data") or {}
        if not isinstance(kind, str) or not isinstance(data, dict):
            raise InvalidRequest("An event needs a type, which is a text, and its data are an object.")
        data_bytes = _length(header, "data_length", MAX_DATA_BYTES)
        payload_bytes = _length(header, "payload_length", MAX_PAYLOAD_BYTES)
        if data_bytes:
            data = data | _json_object(self._take(data_bytes))
        return ReceivedEvent(kind, data, self._take(payload_bytes))

    def _line(self) -> bytes:
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > MAX_HEADER_BYTES:
                raise TooLarge(
                    "The header of an event is too long. The limit is {max_bytes} bytes.",
                    max_bytes=MAX_HEADER_BYTES,
                )
            self._fill_or_raise()
        line = self._take(end)
        del self._buffer[:1]
        return line

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._fill_or_raise()
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _fill_or_raise(self) -> None:
        if not self._fill():
            raise EOFError

    def _fill(self) -> bool:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        received = self._socket.recv(READ_BYTES)
        self._buffer += received
        return bool(received)


def _json_object(text: bytes) -> JsonObject:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidRequest("The event is not valid JSON.") from None
    if not isinstance(parsed, dict):
        raise InvalidRequest("The event is not a JSON object.")
    return parsed


def _length(header: JsonObject, name: str, limit: int) -> int:
    length = header.get(name) or 0
    if type(length) is not int or length < 0:
        raise InvalidRequest("{name} must be a number of bytes.", name=name, field=name)
    if length > limit:
        raise TooLarge(
            "{name} is too large. The limit is {max_bytes} bytes.", name=name, max_bytes=limit, field=name
        )
    return length
