"""Authentication of realtime requests: a key or client secret in a header, or in a WebSocket subprotocol.

Browsers cannot set headers of a WebSocket, so OpenAI's clients send `openai-insecure-api-key.<key>` there.
"""

from collections.abc import Callable

from flask import Flask, current_app, g, request

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.accounts.keys import KEY_PREFIX
from whisper_appliance.core.errors import NotAllowed, SignInRequired
from whisper_appliance.core.i18n import N_
from whisper_appliance.protocols.openai_realtime.client_secrets import (
    SECRET_PREFIX,
    ClientSecret,
    ClientSecrets,
)
from whisper_appliance.web.auth import second_factor
from whisper_appliance.web.auth.authentication import ENDED, SOCKET_KEY, later, require
from whisper_appliance.web.limits.socket_gate import SocketGate

PREFIX = "/v1/realtime"
KEY_SUBPROTOCOL = "openai-insecure-api-key."
BETA_SUBPROTOCOL = "openai-beta.realtime-v1"
SUBPROTOCOL = "realtime"
FOREIGN = N_("This connection was opened by a page of another site. Use a client secret there.")


def install(app: Flask, client_secrets: ClientSecrets) -> None:
    """Authenticates requests with a client secret, and the key of a subprotocol, before all hooks."""

    def authenticate(_endpoint: str | None, _values: object) -> None:
        if not (request.path == PREFIX or request.path.startswith(f"{PREFIX}/")):
            return
        token = _token()
        if token.startswith(SECRET_PREFIX):
            g.client_secret = client_secrets.find_valid(token)
            second_factor.check_present(g.client_secret.creator)
            g.actor = g.client_secret.actor
        elif token.startswith(KEY_PREFIX) and _subprotocol_key():
            request.environ[SOCKET_KEY] = token

    app.url_value_preprocessor(authenticate)


def authorized_actor(gate: SocketGate | None = None) -> Actor:
    """The actor, who may transcribe. With a gate, pages of other sites must bring a key or secret.

    Cookies would work there without the knowledge of their user. Raises `NotAllowed`, `SignInRequired`.
    """
    actor = require("transcribe")
    if g.get("session_ended"):
        raise SignInRequired(ENDED)
    if gate and gate.is_foreign(request.environ) and not actor.key and client_secret() is None:
        raise NotAllowed(FOREIGN)
    return actor


def check_later(client_secrets: ClientSecrets) -> Callable[[], object]:
    """Checks the rights of this connection again later. Raises `SignInRequired` if they have ended."""
    if secret := client_secret():
        app, creator = current_app._get_current_object(), secret.creator  # type: ignore[attr-defined] # a proxy

        def check() -> None:
            with app.app_context():
                second_factor.check_present(creator)
                client_secrets.present(creator)

        return check
    return later(lambda: require("transcribe"))


def client_secret() -> ClientSecret | None:
    """The client secret of this request."""
    secret: ClientSecret | None = g.get("client_secret")
    return secret


def is_beta() -> bool:
    """True if the client expects the older beta events."""
    return "realtime=v1" in request.headers.get("OpenAI-Beta", "") or BETA_SUBPROTOCOL in _subprotocols()


def _token() -> str:
    authorization = request.authorization
    if authorization is not None and authorization.type == "bearer":
        return authorization.token or ""
    return _subprotocol_key()


def _subprotocol_key() -> str:
    keys = [each for each in _subprotocols() if each.startswith(KEY_SUBPROTOCOL)]
    return keys[0][len(KEY_SUBPROTOCOL) :] if keys else ""


def _subprotocols() -> list[str]:
    return [each.strip() for each in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
