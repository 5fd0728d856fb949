"""Installs realtime transcription: its routes, its authentication, and a subscription to live sessions."""

import secrets
import threading
from typing import cast

from flask import Flask, Response, jsonify, request
from flask_openapi3.types import ResponseDict

from whisper_appliance.core.errors import NotAllowed
from whisper_appliance.protocols.audio_input import MAX_APPEND_BYTES
from whisper_appliance.protocols.openai_realtime import realtime_auth
from whisper_appliance.protocols.openai_realtime.schemas import (
    FAILURES,
    BetaSessionBody,
    BetaSessionResponse,
    ClientSecretBody,
    ClientSecretResponse,
    RealtimeQuery,
)
from whisper_appliance.protocols.openai_realtime.server_events import JsonObject, parse_object
from whisper_appliance.protocols.openai_realtime.service import NAME, RealtimeService, first_session
from whisper_appliance.protocols.openai_realtime.session_config import from_beta, merged, parse_config
from whisper_appliance.protocols.openai_realtime.translation_session import checked_translation
from whisper_appliance.protocols.webrtc import webrtc_peers
from whisper_appliance.protocols.websocket import SocketOptions
from whisper_appliance.protocols.websocket_view import WebSocketView, accept_websockets, socket_gate
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.context import WebContext
from whisper_appliance.web.lazy_openapi import LazyBlueprint, LazyOpenAPI
from whisper_appliance.web.openapi import LIVE, text_response

MESSAGE_BYTES = MAX_APPEND_BYTES * 8 // 5
"""An append of the largest size in base64, and enough above it to answer a larger one with an error."""
SOCKET = SocketOptions(
    MESSAGE_BYTES, queued_messages=1, ping_seconds=10.0, subprotocols=(realtime_auth.SUBPROTOCOL,)
)
SECRET_RESPONSES: ResponseDict = {200: ClientSecretResponse, **FAILURES}
CALL_RESPONSES: ResponseDict = {
    201: text_response("The SDP answer.", "application/sdp"),
    **FAILURES,
}
UPGRADED: ResponseDict = {101: {"description": "A WebSocket with OpenAI's realtime events."}}


def install(app: Flask, context: WebContext) -> None:
    """Adds the protocol to `app`."""
    service = RealtimeService(context, WebSocketView(socket_gate(app, context)), webrtc_peers(app))
    app.extensions[NAME] = service
    realtime_auth.install(app, service.secrets)
    cast(LazyOpenAPI, app).register_api(_blueprint(service))
    for path, view in ("", "connect_realtime"), ("/translations", "connect_translation"):
        accept_websockets(app, realtime_auth.PREFIX + path, f"{NAME}.{view}")
    context.appliance.live_events.subscribe(service.on_live_event)


def close_when(stopping: threading.Event, app: Flask) -> None:
    """Closes all connections as soon as the server stops; the transcripts of their sessions are kept."""
    cast(RealtimeService, app.extensions[NAME]).close_when(stopping)


def _blueprint(service: RealtimeService) -> LazyBlueprint:
    blueprint = LazyBlueprint(NAME, __name__, url_prefix=realtime_auth.PREFIX, abp_tags=[LIVE])
    _add_sockets(blueprint, service)
    _add_client_secrets(blueprint, service)
    _add_calls(blueprint, service)
    return blueprint


def _add_sockets(blueprint: LazyBlueprint, service: RealtimeService) -> None:
    @blueprint.get("", responses={**UPGRADED, **FAILURES})
    def connect_realtime(query: RealtimeQuery) -> Response:
        """Opens a realtime transcription session, over WebSocket."""
        actor = realtime_auth.authorized_actor(service.view.gate)
        secret = realtime_auth.client_secret()
        session = first_session(secret.session if secret else None, query.model)
        if session.get("type") == "translation":
            make = service.translation(actor, session)
        else:
            parse_config(session)
            make = service.transcription(actor, session, beta=realtime_auth.is_beta())
        return service.view.upgrade(
            lambda connection, throttle: service.serve(connection, throttle, make), SOCKET, actor
        )

    @blueprint.get("/translations", responses={**UPGRADED, **FAILURES})
    def connect_translation(query: RealtimeQuery) -> Response:
        """Opens a session that translates speech into English text, over WebSocket."""
        actor = realtime_auth.authorized_actor(service.view.gate)
        secret = realtime_auth.client_secret()
        session = secret.session if secret else {"model": query.model}
        make = service.translation(actor, checked_translation(session))
        return service.view.upgrade(
            lambda connection, throttle: service.serve(connection, throttle, make), SOCKET, actor
        )


def _add_client_secrets(blueprint: LazyBlueprint, service: RealtimeService) -> None:
    @blueprint.post("/client_secrets", responses=SECRET_RESPONSES)
    def create_client_secret(body: ClientSecretBody) -> Response:
        """Makes a short-lived token with which a browser opens realtime sessions."""
        described = _described(body.session)
        return _created(service, body.session, described, body.expires_after.seconds)

    @blueprint.post("/translations/client_secrets", responses=SECRET_RESPONSES)
    def create_translation_secret(body: ClientSecretBody) -> Response:
        """Makes a short-lived token with which a browser opens translation sessions."""
        session = {**checked_translation(body.session), "type": "translation"}
        described = {**_identity("realtime.translation_session"), **session}
        return _created(service, session, described, body.expires_after.seconds)

    @blueprint.post("/transcription_sessions", responses={200: BetaSessionResponse, **FAILURES})
    def create_beta_session(body: BetaSessionBody) -> Response:
        """Makes a short-lived token, with the older names of the session's fields."""
        session = merged({}, from_beta(body.model_extra or {}))
        config = parse_config(session)
        expires_after = body.client_secret.expires_after
        value, expires_at = _new_secret(service, session, expires_after.seconds if expires_after else 600)
        return jsonify(
            {
                **_identity("realtime.transcription_session"),
                **config.as_beta_json(),
                "modalities": ["text"],
                "client_secret": {"value": value, "expires_at": expires_at},
            }
        )


def _add_calls(blueprint: LazyBlueprint, service: RealtimeService) -> None:
    @blueprint.post("/calls", responses=CALL_RESPONSES)
    def create_call() -> Response:
        """Opens a realtime transcription session over WebRTC: an SDP offer in, an SDP answer out.

        The body is the offer (`application/sdp`), or a form with `sdp` and, as JSON, `session`.
        """
        return _answer(service)

    @blueprint.post("", responses=CALL_RESPONSES)
    def create_older_call() -> Response:
        """As `/v1/realtime/calls`, at its older address."""
        return _answer(service)


def _answer(service: RealtimeService) -> Response:
    actor = realtime_auth.authorized_actor(service.view.gate)
    secret = realtime_auth.client_secret()
    session = secret.session if secret else parse_object(request.form.get("session") or "{}", "session")
    offer = request.form.get("sdp") or request.get_data(as_text=True)
    response = Response(service.answer(offer, actor, session), 201, content_type="application/sdp")
    response.headers["Location"] = f"{realtime_auth.PREFIX}/calls/rtc_{secrets.token_hex(12)}"
    return response


def _described(session: JsonObject) -> JsonObject:
    return {**parse_config(session).as_json(), **_identity("realtime.transcription_session")}


def _identity(kind: str) -> JsonObject:
    return {"id": f"sess_{secrets.token_hex(12)}", "object": kind}


def _created(service: RealtimeService, session: JsonObject, described: JsonObject, seconds: int) -> Response:
    value, expires_at = _new_secret(service, session, seconds)
    return jsonify(
        {"value": value, "expires_at": expires_at, "session": {**described, "expires_at": expires_at}}
    )


def _new_secret(service: RealtimeService, session: JsonObject, seconds: int) -> tuple[str, int]:
    actor = realtime_auth.authorized_actor()
    if realtime_auth.client_secret():
        raise NotAllowed("A client secret cannot make another one. Use the key of its creator.")
    value, secret = service.secrets.create(actor, session, seconds)
    record("client_secret.create", seconds=seconds)
    return value, secret.expires_at
