"""Messages between an engine's process and its client, over a pipe.

Requests have the form of `wire_format`. Responses are JSON that the client validates, because the process
runs native code on foreign input: code that takes it over must not run in the client.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from whisper_appliance.core.samples import Samples
from whisper_appliance.core.sandbox import Isolation
from whisper_appliance.engines.contract import Window, WindowResult
from whisper_appliance.engines.process.wire_format import fields_of

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MAX_RESPONSE_BYTES = 16 * 2**20


@dataclass(frozen=True)
class EngineInfo:
    """The loaded engine's own attributes, and the sandbox layers of its process."""

    name: str
    version: str
    device: str
    compute_type: str
    multilingual: bool
    warnings: tuple[str, ...]
    isolation: Isolation | None


@dataclass(frozen=True)
class DecodeWindows:
    """To the process: decode a batch. `urgent` ones run at the higher priority of the two."""

    number: int
    windows: list[Window]
    urgent: bool


@dataclass(frozen=True)
class DetectSpeech:
    """To the process: run voice activity detection on whole frames; `None` ends the stream."""

    number: int
    stream: int
    samples: Samples | None


@dataclass(frozen=True)
class Exit:
    """To the process: exit."""


@dataclass(frozen=True)
class Ready:
    """From the process: the model is loaded."""

    info: EngineInfo


@dataclass(frozen=True)
class LoadFailed:
    """From the process: the model cannot be loaded; the process exits."""

    reason: str


@dataclass(frozen=True)
class WindowsDecoded:
    """From the process: the results of a `DecodeWindows`, in order."""

    number: int
    results: list[WindowResult]


@dataclass(frozen=True)
class SpeechDetected:
    """From the process: probabilities of a `DetectSpeech`, one a frame; `None` after its end."""

    number: int
    probabilities: tuple[float, ...] | None


@dataclass(frozen=True)
class RequestFailed:
    """From the process: a `DecodeWindows` or `DetectSpeech` raised an error."""

    number: int
    reason: str


Request = DecodeWindows | DetectSpeech | Exit
Response = Ready | LoadFailed | WindowsDecoded | SpeechDetected | RequestFailed
_RESPONSES: Mapping[str, type[Response]] = {
    each.__name__: each for each in (Ready, LoadFailed, WindowsDecoded, SpeechDetected, RequestFailed)
}


class BadResponse(Exception):
    """The process sent what is no response."""


def encode_response(response: Response) -> bytes:
    """The response as JSON; infinite numbers survive. Needs no pydantic, which the process does not load."""
    return json.dumps([type(response).__name__, response], default=fields_of).encode()


def decode_response(data: bytes) -> Response:
    """The response that `encode_response` wrote. Raises `BadResponse` for anything else."""
    try:
        name, body = json.loads(data)
        response: Response = _adapter(name).validate_python(body)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadResponse(f"{type(error).__name__}: {error}") from error
    return response


@cache
def _adapter(name: str) -> "TypeAdapter[Response]":
    from pydantic import TypeAdapter

    return TypeAdapter(_RESPONSES[name])
