"""The event bus of live sessions: connects the live manager, built first, with the protocols, built later."""

from whisper_appliance.live.live_session import PublishLive
from whisper_appliance.live.manager import LiveAnnouncement


def _ignore(event: LiveAnnouncement) -> None:
    """The journal keeps every event; a client that connects later reads it from there."""


class EventBus:
    """Forwards the events of live sessions to the metrics and to all subscribers."""

    def __init__(self, metrics: PublishLive = _ignore) -> None:
        """`metrics` gets every event before the subscribers do."""
        self._metrics = metrics
        self._subscribers: tuple[PublishLive, ...] = ()

    def publish(self, event: LiveAnnouncement) -> None:
        """Called by the threads of the live manager, in order for each session."""
        self._metrics(event)
        for subscriber in self._subscribers:
            subscriber(event)

    def subscribe(self, subscriber: PublishLive) -> None:
        """Adds a subscriber: a protocol, which is installed once."""
        self._subscribers = (*self._subscribers, subscriber)
