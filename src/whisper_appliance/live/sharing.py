"""Sharing of live captions: read-only links to a session."""

from whisper_appliance.accounts.tokens import new_token, token_hash
from whisper_appliance.core.errors import NotFound
from whisper_appliance.live.registry import SessionRegistry
from whisper_appliance.live.results import ViewerState


class CaptionSharing:
    """Creates, revokes and resolves the share tokens of live sessions. Thread-safe.

    `share` and `unshare` accept the connection of a session, its owner, or its token.
    """

    def __init__(self, registry: SessionRegistry) -> None:
        self._registry = registry

    def share(self, session: str, *, connection: str = "", owner: str = "", token: str = "") -> str:
        """The share token of a session; the same each time. Raises `NotFound`."""
        shared = self._registry.controlled(session, connection=connection, owner=owner, token=token)
        with shared.lock:
            if not shared.share:
                shared.set_share_token(new_token())
            return shared.share

    def unshare(self, session: str, *, connection: str = "", owner: str = "", token: str = "") -> str:
        """Revokes the share token and returns it. Raises `NotFound`."""
        shared = self._registry.controlled(session, connection=connection, owner=owner, token=token)
        with shared.lock:
            share_token = shared.share
            shared.set_share_token("")
            return share_token

    def viewer_state(self, share_token: str) -> ViewerState:
        """The session of a share token and its captions so far. Raises `NotFound`."""
        wanted = token_hash(share_token)
        for session in self._registry.sessions:
            if session.share and token_hash(session.share) == wanted:
                with session.lock:
                    return ViewerState(
                        session.id,
                        session.info.request.task,
                        session.snapshot(),
                        session.partial,
                        session.arriving,
                        session.ended,
                    )
        raise NotFound("These captions are no longer available.")
