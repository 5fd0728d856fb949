"""How many connections one address may have, and how many new ones a second."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from whisper_appliance.server.connection_limits import BURST_SECONDS, ConnectionLimits


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


def connect(limits: ConnectionLimits, opened: ExitStack, address: str = "10.0.0.1") -> str | None:
    return limits.refusal(address, opened.enter_context(socket.socket()))


def test_an_address_has_so_many_open_connections_and_another_one_its_own(opened: ExitStack) -> None:
    limits = ConnectionLimits(2, 0, remembered=100)
    first = opened.enter_context(socket.socket())
    assert limits.refusal("10.0.0.1", first) is None
    assert limits.refusal("10.0.0.1", first) is None, "the same connection counts once"
    assert connect(limits, opened) is None
    assert connect(limits, opened) == "connections"
    assert connect(limits, opened, "10.0.0.2") is None
    first.close()
    assert connect(limits, opened) is None


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
            assert limits.refusal(f"10.0.0.{number}", short) is None
    assert connect(limits, opened, "2001:db8::3") == "connections", "who has something open stays known"
