"""Puts the live events together: handlers on the sockets, and what the live room says back to them."""

from dataclasses import asdict

import structlog
from flask import Flask

from whisper_appliance.errors import ApplianceError
from whisper_appliance.live.sessions import Announcement
from whisper_appliance.web import sockets
from whisper_appliance.web.admin.watch import Watchers
from whisper_appliance.web.audience import Audience
from whisper_appliance.web.door import Door, Rules
from whisper_appliance.web.guests import Guests
from whisper_appliance.web.live import Answer, LiveEvents, connection, emitter
from whisper_appliance.web.live_payloads import refusal
from whisper_appliance.web.live_simple import SimpleEvents
from whisper_appliance.web.parts import Parts

log = structlog.get_logger()


def install(app: Flask, parts: Parts) -> None:
    """Live speech for `app`, and the readers of captions for its parts."""
    appliance = parts.appliance
    settings = appliance.settings
    rules = Rules(
        per_address=settings.max_websockets_per_address,
        messages_per_second=settings.socket_messages_per_second,
        bytes_per_second=float(settings.socket_bytes_per_second),
        origins=settings.cors_origins,
    )
    wire = sockets.install(app, Door(parts.streams, rules), message_bytes=int(settings.socket_message_size))
    emit = emitter(wire)
    live = LiveEvents(appliance, emit)
    simple = SimpleEvents(appliance, emit)
    watchers = Watchers(app, appliance.vitals, emit)
    audience = parts.audience = Audience(appliance.live, emit, wire.close_room)

    guests = Guests(appliance.live, wire.server.disconnect)

    def connected(auth: object = None) -> None:
        guests.let_in(connection(), auth)
        counts = asdict(appliance.live.counts())
        emit("connection_status", {"status": "connected", "connected": True, "live": counts}, connection())

    def disconnected(*_reason: object) -> None:
        guests.left(connection())
        simple.left(connection())
        live.left(connection())
        watchers.left(connection())

    def announce(told: Announcement) -> None:
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
    appliance.relay.tell(announce)
    appliance.vitals.tell(watchers.told)


def _refused(error: Exception) -> Answer:
    """What a handler raises becomes its acknowledgement."""
    if isinstance(error, ApplianceError):
        return refusal(error)
    log.exception("a socket event failed", exc_info=error)
    return {"ok": False, "code": "internal", "message": "Something went wrong inside the appliance."}
