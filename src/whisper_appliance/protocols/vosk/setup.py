"""Installs the Vosk WebSocket at `/vosk`, and a subscription to live sessions."""

import threading
from typing import cast

from flask import Flask, Response, jsonify, make_response

from whisper_appliance.protocols.socket_service import SocketService
from whisper_appliance.protocols.vosk.vosk_session import MAX_CHUNK_BYTES, VoskSession, error_json
from whisper_appliance.protocols.websocket import SocketOptions
from whisper_appliance.protocols.websocket_view import WebSocketView, accept_websockets, socket_gate
from whisper_appliance.web import http_api
from whisper_appliance.web.context import WebContext
from whisper_appliance.web.errors import error_body
from whisper_appliance.web.http_api import Failure, HttpApi
from whisper_appliance.web.lazy_openapi import LazyBlueprint, LazyOpenAPI
from whisper_appliance.web.openapi import LIVE, error_responses

NAME = "vosk"
PATH = "/vosk"
SOCKET = SocketOptions(MAX_CHUNK_BYTES * 2, queued_messages=4, ping_seconds=10.0)


def install(app: Flask, context: WebContext) -> None:
    """Adds the protocol to `app`."""
    service = SocketService(NAME, context, WebSocketView(socket_gate(app, context)), error_json)
    app.extensions[NAME] = service
    http_api.install(app, (HttpApi(NAME, (PATH,), _error_response),))
    blueprint = LazyBlueprint(NAME, __name__, abp_tags=[LIVE])

    @blueprint.get(
        PATH,
        responses={
            101: {"description": "A WebSocket with Vosk's messages."},
            **error_responses(401, 403, 404, 429, 503),
        },
    )
    def connect_vosk() -> Response:
        """Opens a Vosk connection, over WebSocket."""
        actor = service.authorized_actor()
        return service.view.upgrade(
            lambda connection, throttle: service.serve(
                connection,
                throttle,
                lambda outbox, throttled: VoskSession(
                    context.appliance, actor, outbox.send, throttle=throttled, on_ended=outbox.finish
                ),
            ),
            SOCKET,
            actor,
        )

    cast(LazyOpenAPI, app).register_api(blueprint)
    accept_websockets(app, PATH, f"{NAME}.connect_vosk")
    context.appliance.live_events.subscribe(service.on_live_event)


def _error_response(failure: Failure) -> Response:
    """The response to a handshake that fails: the appliance's own, because clients read the status only."""
    return make_response(jsonify(error_body(failure.code, failure.message, failure.field)), failure.status)


def close_when(stopping: threading.Event, app: Flask) -> None:
    """Closes all connections as soon as the server stops; the transcripts of their sessions are kept."""
    cast(SocketService, app.extensions[NAME]).view.close_when(stopping)
