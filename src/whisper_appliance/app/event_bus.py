"""The event bus of live sessions: connects the live manager, built first, with the protocols, built later."""

from whisper_appliance.live.live_session import PublishLive
from whisper_appliance.live.manager import LiveAnnouncement


def _ignore(event: LiveAnnouncement) -> None:
    """The journal keeps every event; a client that connects later reads it from there."""


class EventBus:
    """Forwards the events of live sessions to the metrics and to one subscriber."""

    def __init__(self, metrics: PublishLive = _ignore) -> None:
        """`metrics` gets every event before the subscriber does."""
        self._metrics = metrics
        self._subscriber: PublishLive = _ignore

    def publish(self, event: LiveAnnouncement) -> None:
        """Called by the threads of the live manager, in order for each session."""
        self._metrics(event)
        self._subscriber(event)

    def subscribe(self, subscriber: PublishLive) -> None:
        """Replaces the subscriber; there is one."""
        self._subscriber = subscriber
