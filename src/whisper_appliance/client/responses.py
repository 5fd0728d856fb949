"""Reads responses: errors as classes of `core.errors`, and Server-Sent Events."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from whisper_appliance.core import errors

BY_STATUS: dict[int, type[errors.ApplianceError]] = {
    400: errors.InvalidRequest,
    401: errors.SignInRequired,
    403: errors.NotAllowed,
    404: errors.NotFound,
    409: errors.Conflict,
    412: errors.PreconditionFailed,
    413: errors.TooLarge,
    415: errors.UnsupportedMedia,
    422: errors.AudioError,
    429: errors.Busy,
    507: errors.DiskFull,
}


def _classes(parent: type[errors.ApplianceError]) -> list[type[errors.ApplianceError]]:
    return [parent, *(each for child in parent.__subclasses__() for each in _classes(child))]


def error_of(status: int, body: bytes, headers: Mapping[str, str]) -> errors.ApplianceError:
    """The error of a response: of the class with the server's code, else of the class of its status."""
    try:
        told = json.loads(body)["error"]
        code, message, wrong = str(told["code"]), str(told["message"]), told.get("field")
    except (ValueError, TypeError, KeyError):
        code, message, wrong = f"http_{status}", f"The server responded with status {status}.", None
    error = error_of_code(code, message, status=status)
    error.field = wrong
    error.retry_after_seconds = _seconds(headers.get("Retry-After"))
    if request_id := headers.get("X-Request-Id"):
        error.add_note(f"Request id: {request_id}")
    return error


def error_of_code(code: str, message: str, *, status: int = 0) -> errors.ApplianceError:
    """The error with the server's code and message."""
    by_code = {each.code: each for each in _classes(errors.ApplianceError)}
    usual = errors.Unavailable if status >= 500 else errors.ApplianceError
    error = by_code.get(code, BY_STATUS.get(status, usual))(message)
    error.code = code
    return error


def _seconds(header: str | None) -> float | None:
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


@dataclass
class EventStream:
    """Parses Server-Sent Events line by line."""

    _name: str = ""
    _data: list[str] = field(default_factory=list)

    def feed(self, line: str) -> tuple[str, Any] | None:
        """The name and the JSON of the event that this line ends, if it ends one."""
        if line:
            name, _, value = line.partition(":")
            if name == "event":
                self._name = value.removeprefix(" ")
            elif name == "data":
                self._data.append(value.removeprefix(" "))
            return None
        name, data = self._name, "\n".join(self._data)
        self._name, self._data = "", []
        return (name, json.loads(data)) if data else None
