"""Client slots: a limit on what occupies a server thread for long, in all and for each client.

A client also belongs to a group, such as the address of a user, or the user behind an address. A group has
half of all slots at most, so that neither a user at many addresses nor many users at one take them all.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from whisper_appliance.core import request_turn
from whisper_appliance.core.errors import Busy
from whisper_appliance.core.i18n import N_

RETRY_SECONDS = 10.0
_TOO_MANY = N_("You have too many connections open at once. Close one first.")


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
        self._per_group = max(per_client, limit // 2)
        self._on_refused = on_refused
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        self._held_by_group: Counter[str] = Counter()

    @property
    def in_use(self) -> int:
        """The number of slots that are held."""
        with self._lock:
            return self._held.total()

    def try_acquire(self, client: str, group: str = "") -> bool:
        """Takes a slot for `client`, which must be released; False if none is free for it."""
        try:
            self.acquire(client, group)
        except Busy:
            return False
        return True

    def acquire(self, client: str, group: str = "") -> None:
        """Takes a slot for `client`, which must be released. Raises `Busy` if none is free for it."""
        with self._lock:
            self._check(client, group)
            self._held[client] += 1
            self._held_by_group.update([group] if group else [])
        request_turn.leave()

    def join(self, group: str) -> None:
        """Puts a slot that was taken without a group into one. Raises `Busy` if the group has its share."""
        with self._lock:
            if self._has_share(group):
                raise self._refusal(_TOO_MANY)
            self._held_by_group[group] += 1

    def leave(self, group: str) -> None:
        """Takes a slot out of a group."""
        with self._lock:
            self._held_by_group = self._held_by_group - Counter([group])

    def check(self, client: str, group: str = "") -> None:
        """Raises `Busy` if `acquire` would raise it now."""
        with self._lock:
            self._check(client, group)

    def release(self, client: str, group: str = "") -> None:
        """Returns a slot of `client`."""
        with self._lock:
            self._held = self._held - Counter([client])  # keeps no clients without slots
            self._held_by_group = self._held_by_group - Counter([group])

    @contextmanager
    def hold(self, client: str, group: str = "") -> Iterator[None]:
        """Holds a slot for `client`. Raises `Busy` if none is free for it."""
        self.acquire(client, group)
        try:
            yield
        finally:
            self.release(client, group)

    def _check(self, client: str, group: str) -> None:
        if self._held[client] >= self._per_client or self._has_share(group):
            raise self._refusal(_TOO_MANY)
        if self._held.total() >= self._limit:
            raise self._refusal(N_("Too many connections at once. Try again in a moment."))

    def _has_share(self, group: str) -> bool:
        return self._held_by_group[group] >= self._per_group

    def _refusal(self, message: str) -> Busy:
        self._on_refused(self.name)
        return Busy(message, retry_after_seconds=RETRY_SECONDS)
