"""Installs Deepgram's WebSocket at `/v1/listen`, its authentication, and a subscription to live sessions."""

import threading
from typing import cast

from flask import Flask, Response, request

from whisper_appliance.accounts.keys import KEY_PREFIX
from whisper_appliance.app.readiness import check_ready
from whisper_appliance.core.errors import Busy
from whisper_appliance.protocols.deepgram.listen_audio import named_decoder
from whisper_appliance.protocols.deepgram.listen_query import ListenStreamQuery
from whisper_appliance.protocols.deepgram.listen_session import MAX_CHUNK_BYTES, ListenSession
from whisper_appliance.protocols.deepgram.live_results import error_json
from whisper_appliance.protocols.outbox import Outbox
from whisper_appliance.protocols.socket_service import SocketService, Throttle
from whisper_appliance.protocols.websocket import SocketOptions
from whisper_appliance.protocols.websocket_view import WebSocketView, accept_websockets, socket_gate
from whisper_appliance.web.auth.authentication import SOCKET_KEY
from whisper_appliance.web.context import WebContext
from whisper_appliance.web.deepgram_format import FAILURES, check_supported_live
from whisper_appliance.web.lazy_openapi import LazyBlueprint, LazyOpenAPI
from whisper_appliance.web.openapi import LIVE

NAME = "deepgram"
BLUEPRINT = "deepgram_live"
PATH = "/v1/listen"
KEY_SUBPROTOCOLS = ("token", "bearer")
"""Browsers cannot set headers of a WebSocket, so Deepgram's clients send `token, <key>` as subprotocols."""
SOCKET = SocketOptions(
    MAX_CHUNK_BYTES * 2, queued_messages=4, ping_seconds=10.0, subprotocols=KEY_SUBPROTOCOLS
)


def install(app: Flask, context: WebContext) -> None:
    """Adds the protocol to `app`."""
    service = SocketService(NAME, context, WebSocketView(socket_gate(app, context)), error_json)
    app.extensions[NAME] = service
    app.url_value_preprocessor(_authenticate)
    blueprint = LazyBlueprint(BLUEPRINT, __name__, abp_tags=[LIVE])

    @blueprint.get(
        PATH,
        responses={
            101: {"description": "A WebSocket with Deepgram's messages."},
            **FAILURES,
        },
    )
    def connect_deepgram(query: ListenStreamQuery) -> Response:
        """Opens a Deepgram connection for live speech, over WebSocket."""
        actor = service.authorized_actor()
        _check(query, context)

        def make(outbox: Outbox, throttle: Throttle) -> ListenSession:
            return ListenSession(
                context.appliance, actor, outbox.send, query, throttle=throttle, on_ended=outbox.finish
            )

        return service.view.upgrade(
            lambda connection, throttle: service.serve(connection, throttle, make), SOCKET, actor
        )

    cast(LazyOpenAPI, app).register_api(blueprint)
    accept_websockets(app, PATH, f"{BLUEPRINT}.connect_deepgram")
    context.appliance.live_events.subscribe(service.on_live_event)


def close_when(stopping: threading.Event, app: Flask) -> None:
    """Closes all connections as soon as the server stops; the transcripts of their sessions are kept."""
    cast(SocketService, app.extensions[NAME]).view.close_when(stopping)


def _check(query: ListenStreamQuery, context: WebContext) -> None:
    """Raises what opening the live sessions would raise, as long as there is a response to raise it in."""
    check_supported_live()
    named_decoder(query)
    session = query.session_request()
    check_ready(context.appliance.models, session.model, language=session.language)
    counts = context.appliance.live.counts()
    if counts.sessions + query.streams > counts.limit:
        raise Busy(
            "All live sessions are taken. Try again later.",
            retry_after_seconds=30,
            limit_name="live_sessions",
        )


def _authenticate(_endpoint: str | None, _values: object) -> None:
    """Takes the key of a subprotocol, before all hooks."""
    if request.path != PATH:
        return
    scheme, _, key = request.headers.get("Sec-WebSocket-Protocol", "").partition(",")
    if scheme.strip().lower() in KEY_SUBPROTOCOLS and key.strip().startswith(KEY_PREFIX):
        request.environ[SOCKET_KEY] = key.strip()
