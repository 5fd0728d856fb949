"""Authentication of sockets: on connect, and again later, so that a revoked API key ends them."""

import time
from collections.abc import Callable
from typing import Any

from flask import g, request
from flask_socketio import ConnectionRefusedError as SocketRefused

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.core.errors import ApplianceError, NotFound, SignInRequired
from whisper_appliance.live.manager import LiveManager
from whisper_appliance.web.auth import second_factor
from whisper_appliance.web.auth.authentication import ENDED, SOCKET_KEY, access_mode, current_actor

RECHECK_SECONDS = 60.0


class SocketAuth:
    """The connections of users. When a session or an API key ends, its connections are closed in a minute."""

    def __init__(
        self, live: LiveManager, close: Callable[[str], None], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`close` ends a connection by its id."""
        self._live = live
        self._close = close
        self._monotonic = monotonic
        self._checked_at: dict[str, float] = {}

    def authenticate(self, connection: str, auth: object) -> None:
        """Checks a new connection. `auth` may hold an API key as `key`, or the token of a captions link.

        Raises flask_socketio's `ConnectionRefusedError`, whose message reaches the client.
        """
        sent: dict[str, Any] = auth if isinstance(auth, dict) else {}
        if key := sent.get("key"):
            request.environ[SOCKET_KEY] = str(key)[:200]
        try:
            actor = _valid_actor()
            if actor.user is None and access_mode() == "accounts" and not self._has_captions_link(sent):
                raise SignInRequired("Sign in to use this appliance.")
        except ApplianceError as error:
            raise SocketRefused(error.message, {"code": error.code}) from None
        if actor.user is not None:
            self._checked_at[connection] = self._monotonic()

    def recheck(self, connection: str) -> None:
        """Checks a user's connection again, at most once a minute. Closes it and raises `SignInRequired`."""
        checked_at = self._checked_at.get(connection)
        if checked_at is None or self._monotonic() - checked_at < RECHECK_SECONDS:
            return
        self._checked_at[connection] = self._monotonic()
        try:
            _valid_actor()
        except SignInRequired:
            self._close(connection)
            raise

    def on_disconnect(self, connection: str) -> None:
        """Drops a connection that has ended."""
        self._checked_at.pop(connection, None)

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
