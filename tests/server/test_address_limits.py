"""How many connections one address may have, and how many new ones a second."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from whisper_appliance.server.connection_limits import BURST_SECONDS, ConnectionLimits


@dataclass(eq=False)
class Connection:
    """A connection of the server."""

    sock: socket.socket


class Time:
    """A clock that a test sets."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Sockets of the test, closed at its end."""
    with ExitStack() as opened:
        yield opened


def connection(opened: ExitStack) -> Connection:
    return Connection(opened.enter_context(socket.socket()))


def connect(limits: ConnectionLimits, opened: ExitStack, address: str = "10.0.0.1") -> str | None:
    """The limit that refuses one more connection, which stays open otherwise."""
    conn = connection(opened)
    opened.callback(lambda: conn)  # keeps it
    return limits.refusal(address, conn)


def test_an_address_has_so_many_open_connections_and_another_one_its_own(opened: ExitStack) -> None:
    limits = ConnectionLimits(2, 0, remembered=100)
    first = connection(opened)
    assert limits.refusal("10.0.0.1", first) is None
    assert limits.refusal("10.0.0.1", first) is None, "the same connection counts once"
    assert connect(limits, opened) is None
    descriptor = first.sock.detach()  # as TLS does, which then makes a socket of its own
    assert limits.refusal("10.0.0.1", connection(opened)) is None, "it is not seen in between"
    first.sock = opened.enter_context(socket.socket(fileno=descriptor))
    assert connect(limits, opened) == "connections"
    assert connect(limits, opened, "10.0.0.2") is None
    first.sock.close()
    assert connect(limits, opened) is None


def test_an_idle_connection_of_the_address_makes_room(opened: ExitStack) -> None:
    limits = ConnectionLimits(1, 0, remembered=100)
    assert connect(limits, opened, "2001:db8::1") is None
    assert limits.refusal("2001:db8::2", connection(opened), lambda network: False) == "connections"
    assert limits.refusal("2001:db8::2", connection(opened), "2001:db8::/64".__eq__) is None


def test_a_connection_that_is_gone_is_not_kept_in_memory(opened: ExitStack) -> None:
    limits = ConnectionLimits(1, 0, remembered=100)
    for _ in range(3):
        assert limits.refusal("10.0.0.1", connection(opened)) is None


def test_a_storm_of_short_connections_is_slowed_down(opened: ExitStack) -> None:
    clock = Time()
    limits = ConnectionLimits(0, 3, remembered=100, monotonic=clock)
    assert [connect(limits, opened) for _ in range(3 * BURST_SECONDS + 1)][-2:] == [None, "connection_rate"]
    assert connect(limits, opened, "10.0.0.2") is None
    clock.seconds = 1.0
    assert [connect(limits, opened) for _ in range(4)] == [None, None, None, "connection_rate"]


def test_networks_of_ipv6_are_one_client_and_clients_without_connections_are_forgotten(
    opened: ExitStack,
) -> None:
    limits = ConnectionLimits(1, 0, remembered=2)
    assert connect(limits, opened, "2001:db8::1") is None
    assert connect(limits, opened, "2001:db8::2") == "connections"
    for number in range(5):
        with socket.socket() as short:
            assert limits.refusal(f"10.0.0.{number}", Connection(short)) is None
    assert connect(limits, opened, "2001:db8::3") == "connections", "who has something open stays known"
