"""APIs of other programs: their names, addresses and error shapes."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import cast

from flask import Flask, Response, current_app, g, request

from whisper_appliance.core.errors import NotFound
from whisper_appliance.web.lazy_openapi import LazyBlueprint

EXTENSION = "whisper_appliance.http_apis"


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed request, from which an API builds its error response.

    `code` is the one of `core.errors`, or of an HTTP error; `field` names the wrong input.
    """

    status: int
    code: str
    message: str
    field: str | None
    request_id: str


@dataclass(frozen=True, slots=True)
class HttpApi:
    """The HTTP API of other programs.

    `name` is one of PROTOCOL_NAMES. `prefixes` are its addresses: each with all below it; the longest
    prefix decides. `error_response` builds the response to every failed request there, also to those that a
    hook rejects or that no route matches. `Retry-After` and other common headers are added to it.
    A bearer token that is no key of the appliance counts as none, because many programs require one.
    """

    name: str
    prefixes: tuple[str, ...]
    error_response: Callable[[Failure], Response]
    blueprints: tuple[LazyBlueprint, ...] = ()


def install(app: Flask, apis: Sequence[HttpApi]) -> None:
    """Makes the APIs known to the error handlers and hooks, beside those that are known already."""
    known = cast(list[tuple[str, HttpApi]], app.extensions.get(EXTENSION, []))
    by_prefix = [*known, *((prefix, api) for api in apis for prefix in api.prefixes)]
    app.extensions[EXTENSION] = sorted(by_prefix, key=lambda entry: -len(entry[0]))


def requested_api() -> HttpApi | None:
    """The API whose address this request has; None for the appliance's own addresses."""
    by_prefix = cast(list[tuple[str, HttpApi]], current_app.extensions[EXTENSION])
    path = request.path
    return next((api for prefix, api in by_prefix if path == prefix or path.startswith(f"{prefix}/")), None)


def check_served(name: str, protocols: Collection[str]) -> None:
    """Raises `NotFound` if the setting PROTOCOLS does not have the API or protocol of this request."""
    g.served_protocol = name
    if name not in protocols:
        raise NotFound("This API is switched off. An administrator can switch it on, in PROTOCOLS.")
