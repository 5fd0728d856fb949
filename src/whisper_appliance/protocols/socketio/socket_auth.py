"""Authentication of sockets: on connect, and again later, so that a revoked API key ends them."""

from collections.abc import Callable
from typing import Any

from flask import g, request
from flask_socketio import ConnectionRefusedError as SocketRefused

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.core.errors import ApplianceError, NotFound, SignInRequired
from whisper_appliance.live.manager import LiveManager
from whisper_appliance.web.auth import second_factor
from whisper_appliance.web.auth.authentication import (
    ENDED,
    SOCKET_KEY,
    access_mode,
    current_actor,
    later,
)
from whisper_appliance.web.rights_watch import RightsWatch


class SocketAuth:
    """Authenticates connections. When the right to one ends, with its session or key, it is closed."""

    def __init__(self, live: LiveManager, rights: RightsWatch, close: Callable[[str], None]) -> None:
        """`close` ends a connection by its id."""
        self._live = live
        self._rights = rights
        self._close = close

    def authenticate(self, connection: str, auth: object, identify: Callable[[str], None]) -> None:
        """Checks a new connection. `auth` may hold an API key as `key`, or the token of a captions link.

        `identify` is called with the id of its user, and may raise an `ApplianceError`.

        Raises flask_socketio's `ConnectionRefusedError`, whose message reaches the client.
        """
        sent: dict[str, Any] = auth if isinstance(auth, dict) else {}
        if key := sent.get("key"):
            request.environ[SOCKET_KEY] = str(key)[:200]

        def check() -> Actor:
            actor = _valid_actor()
            if actor.user is None and access_mode() == "accounts" and not self._has_captions_link(sent):
                raise SignInRequired("Sign in to use this appliance.")
            return actor

        try:
            if user := check().user:
                identify(user.id)
        except ApplianceError as error:
            raise SocketRefused(error.message, {"code": error.code}) from None
        self._rights.add(connection, later(check), lambda _error: self._close(connection))

    def on_disconnect(self, connection: str) -> None:
        """Drops a connection that has ended."""
        self._rights.remove(connection)

    def _has_captions_link(self, sent: dict[str, Any]) -> bool:
        try:
            self._live.sharing.viewer_state(str(sent.get("captions", ""))[:100])
        except NotFound:
            return False
        return True


def _valid_actor() -> Actor:
    """The actor of the request. Raises `SignInRequired` if its session or key has ended."""
    actor = current_actor()
    if g.get("session_ended"):
        raise SignInRequired(ENDED)
    second_factor.check_present(actor)
    return actor
