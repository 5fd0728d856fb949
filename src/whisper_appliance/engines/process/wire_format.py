"""Wire format of requests to a process: a head of JSON, and behind it the samples of each array in the head.

The receiver rebuilds only what it expects, field by field, and no message names code. Needs no pydantic,
which these processes do not load.
"""

import json
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

MAX_PART_BYTES = 64 * 2**20
"""Of the head, and of the samples of one array."""
LITTLE_ENDIAN = np.dtype("<f4")
ARRAY = {"samples": LITTLE_ENDIAN.str}
"""Stands for an array in the head."""

_type_hints = cache(get_type_hints)


class BadMessage(Exception):
    """The message is not what the receiver expects."""


def send(connection: Connection, message: object) -> None:
    """Sends dataclasses, lists, tuples, paths, arrays of samples, and what JSON has; samples are not copied.

    Raises `TypeError` for a message with anything else in it, and `OSError`.
    """
    arrays: list[memoryview] = []

    def as_json(part: object) -> object:
        if isinstance(part, np.ndarray):
            arrays.append(np.ascontiguousarray(part, LITTLE_ENDIAN).view(np.uint8).data)
            return ARRAY
        return str(part) if isinstance(part, Path) else {type(part).__name__: fields_of(part)}

    connection.send_bytes(json.dumps(message, default=as_json).encode())
    for array in arrays:
        connection.send_bytes(array)


def receive(connection: Connection, expected: Any) -> Any:
    """The next message, of the expected type. Raises `BadMessage`, `EOFError` and `OSError`."""
    try:
        return _rebuild(connection, expected, json.loads(connection.recv_bytes(MAX_PART_BYTES)))
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"{type(error).__name__}: {error}") from error


def fields_of(value: object) -> dict[str, Any]:
    """The fields of a dataclass, by name. Raises `TypeError` if it is none."""
    if not is_dataclass(value):
        raise TypeError(f"{type(value).__name__} is no part of a message")
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _rebuild(connection: Connection, expected: Any, part: object) -> Any:
    """A part of the head as the expected type, with its samples from the connection."""
    if type(part) is expected:
        return part
    origin, arguments, name = get_origin(expected), get_args(expected), getattr(expected, "__name__", "")
    if origin in (Union, UnionType):
        for each in arguments:
            with suppress(ValueError):
                return _rebuild(connection, each, part)
    elif origin in (list, tuple) and isinstance(part, list):
        return origin(_rebuild(connection, arguments[0], each) for each in part)
    elif origin is np.ndarray and part == ARRAY:
        return np.frombuffer(connection.recv_bytes(MAX_PART_BYTES), LITTLE_ENDIAN).astype(np.float32)
    elif is_dataclass(expected) and isinstance(part, dict) and [*part] == [name]:
        return _rebuild_fields(connection, expected, part[name])
    elif (origin is Literal and part in arguments) or (expected is float and type(part) is int):
        return part
    elif expected is Path and isinstance(part, str):
        return Path(part)
    raise ValueError(f"{type(part).__name__} in the place of {expected}")


def _rebuild_fields(connection: Connection, expected: Any, parts: Any) -> Any:
    hints = _type_hints(expected)
    if not isinstance(parts, dict) or [*parts] != [*hints]:
        raise ValueError(f"these are not the fields of {expected.__name__}")
    return expected(**{name: _rebuild(connection, hints[name], part) for name, part in parts.items()})
