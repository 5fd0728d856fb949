"""How many connections one address may have open, and how many new ones a second."""

import socket
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from weakref import WeakSet

from whisper_appliance.core.errors import Busy
from whisper_appliance.core.network import client_network
from whisper_appliance.web.limits.token_bucket import TokenBucket

BURST_SECONDS = 8
"""An address may have the new connections of so many seconds at once: a page opens several."""


class OpenConnection(Protocol):
    """A connection of the server. Its socket is replaced by another one when TLS begins."""

    sock: socket.socket


@dataclass
class _Client:
    """What one network has done: its new connections, and those that may be open."""

    pace: TokenBucket | None
    connections: WeakSet[OpenConnection] = field(default_factory=WeakSet)

    def count_open(self) -> int:
        """The number of connections that are open; one whose TLS begins in this moment may be left out."""
        return sum(each.sock.fileno() >= 0 for each in list(self.connections))


class ConnectionLimits:
    """Counts the connections of each client until they are closed; one thread uses it."""

    def __init__(
        self,
        open_at_once: int,
        new_per_second: float,
        remembered: int,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """A limit of 0 is none. About so many clients are `remembered`."""
        self._open_at_once = open_at_once
        self._new_per_second = new_per_second
        self._remembered = remembered
        self._monotonic = monotonic
        self._clients: defaultdict[str, _Client] = defaultdict(self._new_client)

    def refusal(
        self,
        address: str,
        connection: OpenConnection,
        close_idle: Callable[[str], bool] = lambda network: False,
    ) -> str | None:
        """Counts a new connection; the name of the limit that refuses it, or None.

        `close_idle` is called where a network has all that it may have open; it returns whether it has
        closed one of them to make room.
        """
        self._forget_idle_clients()
        network = client_network(address)
        client = self._clients[network]
        if connection in client.connections:
            return None
        if client.pace:
            try:
                client.pace.take(1, max_wait_seconds=0)
            except Busy:
                return "connection_rate"
        if self._is_full(client) and not close_idle(network):
            return "connections"
        client.connections.add(connection)
        return None

    def _is_full(self, client: _Client) -> bool:
        limit = self._open_at_once
        return 0 < limit <= len(client.connections) and client.count_open() >= limit

    def _new_client(self) -> _Client:
        rate = self._new_per_second
        pace = TokenBucket(rate, max(1, rate * BURST_SECONDS), monotonic=self._monotonic) if rate else None
        return _Client(pace)

    def _forget_idle_clients(self) -> None:
        """Forgets who has nothing open, once there are many; a storm of one client stays known."""
        if len(self._clients) > self._remembered:
            for network, client in list(self._clients.items()):
                if not client.connections:
                    del self._clients[network]
