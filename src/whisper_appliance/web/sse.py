"""Server-Sent Events (SSE): the frame of an event, heartbeats, and the streaming response."""

import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing

from flask import Response, stream_with_context

from whisper_appliance.core.errors import ApplianceError, NotAllowed, NotFound, SignInRequired
from whisper_appliance.web.auth.authentication import current_actor, reauthenticate
from whisper_appliance.web.context import web_context

RECHECK_SECONDS = 10.0
HEARTBEAT = ": heartbeat\n\n"
"""A comment, which clients ignore. It keeps proxies from closing the connection, and shows a closed one."""


def frame(event: str, data: object, *, event_id: int | None = None) -> str:
    """One event as text: its name, its data as JSON, and the id that a client sends as Last-Event-ID."""
    head = "" if event_id is None else f"id: {event_id}\n"
    return f"{head}event: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def with_heartbeat(
    frames: Generator[str | None, None, None],
    interval_seconds: float,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[str]:
    """Passes `frames` on, and adds a heartbeat after `interval_seconds` without one.

    `frames` must yield None now and then while there is nothing to send. It is closed with this iterator.
    """
    last = monotonic()
    with closing(frames):
        for each in frames:
            if each is None and monotonic() - last < interval_seconds:
                continue
            last = monotonic()
            yield HEARTBEAT if each is None else each


def while_authorized(
    frames: Iterable[str],
    authorize: Callable[[], object],
    monotonic: Callable[[], float] = time.monotonic,
    last_frame: Callable[[ApplianceError], str] = lambda _error: "",
) -> Iterator[str]:
    """Passes `frames` on until the right to read them ends; checks it every `RECHECK_SECONDS`.

    `authorize` raises `SignInRequired`, `NotAllowed` or `NotFound` once the right has ended; `last_frame`
    says so to the client.
    """
    checked_at = monotonic()
    for each in frames:
        if monotonic() - checked_at >= RECHECK_SECONDS:
            checked_at = monotonic()
            try:
                reauthenticate()
                authorize()
            except (SignInRequired, NotAllowed, NotFound) as error:
                if last := last_frame(error):
                    yield last
                return
        yield each


def sse_response(
    frames: Iterable[str],
    authorize: Callable[[], object],
    last_frame: Callable[[ApplianceError], str] = lambda _error: "",
) -> Response:
    """The streaming response, which ends once `authorize` raises.

    Holds a slot of its client until it is closed; raises `Busy` if none is free.
    """
    slots, actor = web_context().streams, current_actor()
    slots.acquire(actor.client, actor.network)
    response = Response(
        stream_with_context(while_authorized(frames, authorize, last_frame=last_frame)),
        mimetype="text/event-stream",
    )
    response.call_on_close(lambda: slots.release(actor.client, actor.network))
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold events back
    return response
