"""The frozen data of speech as JSON text, and back without loss."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")

_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


def to_json(value: Any) -> str:
    """Any of the dataclasses of `speech`; infinite log-probabilities survive."""
    return json.dumps(_adapter(type(value)).dump_python(value), ensure_ascii=False, separators=(",", ":"))


def from_json(kind: type[T], text: str) -> T:
    """What `to_json` wrote; fields that came later take their defaults."""
    value: T = _adapter(kind).validate_python(json.loads(text))
    return value
