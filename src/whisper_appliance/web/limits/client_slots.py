"""Client slots: a limit on what occupies a server thread for long, in all and for each client."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from whisper_appliance.core import request_turn
from whisper_appliance.core.errors import Busy
from whisper_appliance.core.i18n import N_

RETRY_SECONDS = 10.0


class ClientSlots:
    """A counting semaphore that also counts by client, so that one client cannot take all slots.

    What takes a slot leaves its turn (`core.request_turn`), because it is about to wait.
    """

    def __init__(
        self, name: str, limit: int, per_client: int, *, on_refused: Callable[[str], None] = lambda name: None
    ) -> None:
        """`name` stands in metrics; `on_refused` is called with it for each refusal."""
        self.name = name
        self._limit = limit
        self._per_client = per_client
        self._on_refused = on_refused
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    @property
    def in_use(self) -> int:
        """The number of slots that are held."""
        with self._lock:
            return self._held.total()

    def try_acquire(self, client: str) -> bool:
        """Takes a slot for `client`, which must be released; False if none is free for it."""
        with self._lock:
            if self._reason(client):
                self._on_refused(self.name)
                return False
            self._held[client] += 1
        request_turn.leave()
        return True

    def acquire(self, client: str) -> None:
        """Takes a slot for `client`, which must be released. Raises `Busy` if none is free for it."""
        with self._lock:
            self._check(client)
            self._held[client] += 1
        request_turn.leave()

    def check(self, client: str) -> None:
        """Raises `Busy` if `acquire` would raise it now."""
        with self._lock:
            self._check(client)

    def release(self, client: str) -> None:
        """Returns a slot of `client`."""
        with self._lock:
            self._held[client] -= 1
            self._held += Counter()  # removes clients without slots

    @contextmanager
    def hold(self, client: str) -> Iterator[None]:
        """Holds a slot for `client`. Raises `Busy` if none is free for it."""
        self.acquire(client)
        try:
            yield
        finally:
            self.release(client)

    def _check(self, client: str) -> None:
        if reason := self._reason(client):
            self._on_refused(self.name)
            raise Busy(reason, retry_after_seconds=RETRY_SECONDS)

    def _reason(self, client: str) -> str:
        if self._held[client] >= self._per_client:
            return N_("You have too many connections open at once. Close one first.")
        if self._held.total() >= self._limit:
            return N_("Too many connections at once. Try again in a moment.")
        return ""
