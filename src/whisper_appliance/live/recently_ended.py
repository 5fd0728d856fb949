"""Sessions that have ended and can still be asked for: for a while, and not very many of them."""

from collections.abc import Callable

MAX_SESSIONS = 50  # each keeps its files open


class RecentlyEnded:
    """Their ids, the one that ended first in front."""

    def __init__(self, seconds: Callable[[], float], clock: Callable[[], float]) -> None:
        """`seconds` is asked each time."""
        self._seconds = seconds
        self._clock = clock
        self._since: dict[str, float] = {}

    def __contains__(self, id: str) -> bool:
        return id in self._since

    def add(self, id: str) -> None:
        """From now on."""
        self._since[id] = self._clock()

    def discard(self, id: str) -> None:
        """It is gone."""
        self._since.pop(id, None)

    def expired(self) -> list[str]:
        """Those whose time is over, and the first of too many."""
        since = list(self._since.items())
        surplus = len(since) - MAX_SESSIONS
        oldest = self._clock() - self._seconds()
        return [id for number, (id, at) in enumerate(since) if number < surplus or at < oldest]
