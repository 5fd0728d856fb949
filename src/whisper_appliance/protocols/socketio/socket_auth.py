"""Who is on the sockets: known when they connect, and looked at again while they stay."""

import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from flask import g, request
from flask_socketio import ConnectionRefusedError

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.core.errors import ApplianceError, NotFound, SignInRequired
from whisper_appliance.live.manager import LiveManager
from whisper_appliance.web.auth.authentication import ENDED, SOCKET_KEY, current_actor, access_mode

LOOK_AGAIN_SECONDS = 60.0
Said = ParamSpec("Said")
Answer = TypeVar("Answer")


class SocketAuth:
    """The connections. A user whose session or key ends loses theirs within a minute."""

    def __init__(
        self, live: LiveManager, close: Callable[[str], None], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`close` ends a connection by its id."""
        self._live = live
        self._close = close
        self._monotonic = monotonic
        self._looked_at: dict[str, float] = {}

    def let_in(self, connection: str, auth: object) -> None:
        """Called in `connect`. `auth` may carry a user's key as `key`, or the token of a captions link.

        Raises flask_socketio's `ConnectionRefusedError`, which tells the client why.
        """
        sent: dict[str, Any] = auth if isinstance(auth, dict) else {}
        if key := sent.get("key"):
            request.environ[SOCKET_KEY] = str(key)[:200]
        try:
            asking = _present()
            if asking.user is None and access_mode() == "accounts" and not self._reads_along(sent):
                raise SignInRequired("Sign in to use this appliance.")
        except ApplianceError as error:
            raise ConnectionRefusedError(error.message, {"code": error.code}) from None
        if asking.user is not None:
            self._looked_at[connection] = self._monotonic()

    def left(self, connection: str) -> None:
        """The connection is gone."""
        self._looked_at.pop(connection, None)

    def vouched(
        self, connection: Callable[[], str], handler: Callable[Said, Answer]
    ) -> Callable[Said, Answer]:
        """`handler`, for users who are still who they were when they came."""

        def handle(*said: Said.args, **more: Said.kwargs) -> Answer:
            self._look_again(connection())
            return handler(*said, **more)

        return handle

    def _look_again(self, connection: str) -> None:
        looked_at = self._looked_at.get(connection)
        if looked_at is None or self._monotonic() - looked_at < LOOK_AGAIN_SECONDS:
            return
        self._looked_at[connection] = self._monotonic()
        try:
            _present()
        except SignInRequired:
            self._close(connection)
            raise

    def _reads_along(self, sent: dict[str, Any]) -> bool:
        try:
            self._live.sharing.viewer_state(str(sent.get("captions", ""))[:100])
        except NotFound:
            return False
        return True


def _present() -> Actor:
    """Whoever asks. Raises `SignInRequired` when they showed a session or a key that has ended."""
    asking = current_actor()
    if g.get("session_ended"):
        raise SignInRequired(ENDED)
    return asking
