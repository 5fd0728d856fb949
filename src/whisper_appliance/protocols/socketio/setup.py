"""Puts the live events together: handlers on the sockets, and what the live room says back to them."""

from dataclasses import asdict

import structlog
from flask import Flask

from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.live.manager import LiveAnnouncement
from whisper_appliance.protocols.socketio import server
from whisper_appliance.protocols.socketio.caption_viewers import CaptionViewers
from whisper_appliance.protocols.socketio.events import Answer, LiveEvents, connection, emitter
from whisper_appliance.protocols.socketio.payloads import error_ack
from whisper_appliance.protocols.socketio.simple_events import SimpleEvents
from whisper_appliance.protocols.socketio.socket_auth import SocketAuth
from whisper_appliance.protocols.socketio.telemetry_stream import TelemetryStream
from whisper_appliance.web.context import WebContext
from whisper_appliance.web.limits.socket_gate import SocketGate, SocketLimits

log = structlog.get_logger()


def install(app: Flask, parts: WebContext) -> None:
    """Live speech for `app`, and the readers of captions for its parts."""
    appliance = parts.appliance
    settings = appliance.settings
    rules = SocketLimits(
        per_address=settings.max_websockets_per_address,
        messages_per_second=settings.socket_messages_per_second,
        bytes_per_second=float(settings.socket_bytes_per_second),
        origins=settings.cors_origins,
    )
    wire = server.install(
        app, SocketGate(parts.streams, rules), message_bytes=int(settings.socket_message_size)
    )
    emit = emitter(wire)
    live = LiveEvents(appliance, emit)
    simple = SimpleEvents(appliance, emit)
    watchers = TelemetryStream(app, appliance.resource_sampler, emit)
    audience = CaptionViewers(appliance.live, emit, wire.close_room)
    parts.revoke_captions = audience.dismiss

    guests = SocketAuth(appliance.live, wire.server.disconnect)

    def connected(auth: object = None) -> None:
        guests.let_in(connection(), auth)
        counts = asdict(appliance.live.counts())
        emit("connection_status", {"status": "connected", "connected": True, "live": counts}, connection())

    def disconnected(*_reason: object) -> None:
        guests.left(connection())
        simple.left(connection())
        live.left(connection())
        watchers.left(connection())

    def announce(told: LiveAnnouncement) -> None:
        audience.announce(told)
        if not simple.announce(told):
            live.announce(told)

    handlers = {"connect": connected, "disconnect": disconnected}
    hear = live.handlers | simple.handlers | audience.handlers | watchers.handlers
    for event, handler in handlers.items():
        wire.on_event(event, handler)
    for event, hearer in hear.items():
        wire.on_event(event, guests.vouched(connection, hearer))
    wire.on_error_default(_refused)
    appliance.live_events.subscribe(announce)
    appliance.resource_sampler.subscribe(watchers.told)


def _refused(error: Exception) -> Answer:
    """What a handler raises becomes its acknowledgement."""
    if isinstance(error, ApplianceError):
        return error_ack(error)
    log.exception("a socket event failed", exc_info=error)
    return {"ok": False, "code": "internal", "message": "Something went wrong inside the appliance."}
