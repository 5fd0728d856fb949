"""Installs the Socket.IO protocol: event handlers, middleware, and a subscription to live sessions."""

from dataclasses import asdict
from functools import partial

import structlog
from flask import Flask
from flask_socketio import SocketIO

from whisper_appliance.core import descriptors
from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.live.manager import LiveAnnouncement
from whisper_appliance.monitoring.metrics import Metrics
from whisper_appliance.protocols.socketio.caption_viewers import CaptionViewers
from whisper_appliance.protocols.socketio.emit import JsonObject, current_connection, emitter
from whisper_appliance.protocols.socketio.events import LiveEvents
from whisper_appliance.protocols.socketio.middleware import SocketMiddleware
from whisper_appliance.protocols.socketio.payloads import error_ack
from whisper_appliance.protocols.socketio.server import create_socketio, end_connection
from whisper_appliance.protocols.socketio.simple_events import SimpleEvents
from whisper_appliance.protocols.socketio.socket_auth import SocketAuth
from whisper_appliance.protocols.socketio.telemetry_stream import TelemetryStream
from whisper_appliance.protocols.socketio.webrtc_events import WebRtcEvents
from whisper_appliance.protocols.webrtc import webrtc_peers
from whisper_appliance.protocols.websocket_view import socket_gate
from whisper_appliance.web.context import WebContext
from whisper_appliance.web.limits.socket_gate import SocketGate

log = structlog.get_logger()


def install(app: Flask, context: WebContext) -> None:
    """Adds live transcription over Socket.IO to `app`, and sets `context.revoke_captions`."""
    settings = context.appliance.settings
    gate = socket_gate(app, context)
    sockets = create_socketio(app, gate, message_bytes=int(settings.socket_message_size))
    auth = SocketAuth(context.appliance.live, context.rights, partial(end_connection, sockets.server))
    SocketMiddleware(sockets, gate).install()
    _register(app, context, sockets, auth, gate)
    sockets.on_error_default(partial(_error_ack, context.appliance.metrics))


def _register(app: Flask, context: WebContext, sockets: SocketIO, auth: SocketAuth, gate: SocketGate) -> None:
    appliance, emit = context.appliance, emitter(sockets)
    webrtc = WebRtcEvents(appliance.live, emit, gate, webrtc_peers(app))
    live = LiveEvents(appliance, emit, webrtc)
    simple = SimpleEvents(appliance, emit)
    telemetry = TelemetryStream(app, appliance.resource_sampler, emit)
    viewers = CaptionViewers(appliance.live, emit, sockets.close_room)
    context.revoke_captions = viewers.revoke

    def on_connect(credentials: object = None) -> None:
        connection = current_connection()
        engine_id = str(sockets.server.manager.eio_sid_from_sid(connection, "/"))
        auth.authenticate(connection, credentials, lambda user: gate.identify(engine_id, user))
        status = {"status": "connected", "connected": True, "live": asdict(appliance.live.counts())}
        emit("connection_status", status, current_connection())

    def on_disconnect(*_reason: object) -> None:
        connection = current_connection()
        auth.on_disconnect(connection)
        simple.on_disconnect(connection)
        live.on_disconnect(connection)
        telemetry.on_disconnect(connection)

    def on_live_event(event: LiveAnnouncement) -> None:
        viewers.on_live_event(event)
        if not simple.on_live_event(event):
            live.on_live_event(event)

    sockets.on_event("connect", on_connect)
    sockets.on_event("disconnect", on_disconnect)
    parts = (live, webrtc, simple, viewers, telemetry)
    for event, handler in [each for part in parts for each in part.handlers.items()]:
        sockets.on_event(event, handler)
    appliance.live_events.subscribe(on_live_event)
    appliance.resource_sampler.subscribe(telemetry.on_sample)


def _error_ack(metrics: Metrics, error: Exception) -> JsonObject:
    """Turns an exception of a handler into its acknowledgement."""
    known = descriptors.translated(error)
    if isinstance(known, ApplianceError):
        metrics.count_limit(known)
        return error_ack(known)
    log.exception("a socket event failed", exc_info=error)
    return {"ok": False, "code": "internal", "message": "An internal error occurred."}
