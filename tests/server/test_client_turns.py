"""A burst of one client waits in its own line."""

import pytest

from whisper_appliance.server.client_turns import TURN_SECONDS, TURNS_AT_ONCE, ClientTurns

BURST = [f"burst {number}" for number in range(3 * TURNS_AT_ONCE)]


class Server:
    """What was started, and a clock that a test sets."""

    def __init__(self, threads_at_once: int = 0) -> None:
        self.seconds = 0.0
        self.started: list[str] = []
        self.turns = ClientTurns(
            self.started.append, threads_at_once=threads_at_once, monotonic=lambda: self.seconds
        )


@pytest.fixture
def server() -> Server:
    """A server to which one client has sent a burst."""
    server = Server()
    for each in BURST:
        server.turns.take("10.0.0.1", each)
    return server


def test_a_burst_runs_a_few_at_a_time_and_other_clients_do_not_wait(server: Server) -> None:
    assert server.started == BURST[:TURNS_AT_ONCE]
    server.turns.take("10.0.0.2", "other")
    assert server.started[-1] == "other"
    for each in BURST:
        server.turns.end("10.0.0.1", each)
    assert [each for each in server.started if each != "other"] == BURST, "in their order"
    assert server.turns.advance() is None


def test_what_takes_long_leaves_its_turn_to_the_next_one(server: Server) -> None:
    assert server.turns.advance() == TURN_SECONDS
    server.seconds = TURN_SECONDS / 2
    server.turns.end("10.0.0.1", BURST[0])
    assert server.started == BURST[: TURNS_AT_ONCE + 1]
    server.seconds = TURN_SECONDS
    assert server.turns.advance() == pytest.approx(TURN_SECONDS / 2)  # of the one that began last
    assert server.started == BURST[: 2 * TURNS_AT_ONCE]
    server.turns.end("10.0.0.1", BURST[1])
    assert server.started == BURST[: 2 * TURNS_AT_ONCE], "it had left its turn before"


def test_a_client_holds_so_many_threads_and_its_next_connections_wait() -> None:
    server = Server(threads_at_once=TURNS_AT_ONCE + 1)
    for each in BURST:
        server.turns.take("10.0.0.1", each)
    server.seconds = TURN_SECONDS
    assert server.turns.advance() is None, "no turn can begin before a thread is free"
    assert server.started == BURST[: TURNS_AT_ONCE + 1]
    server.turns.take("10.0.0.2", "other")
    assert server.started[-1] == "other"
    server.turns.end("10.0.0.1", BURST[0])
    assert server.started[-1] == BURST[TURNS_AT_ONCE + 1]
    for each in BURST:
        server.turns.end("10.0.0.1", each)
    assert [each for each in server.started if each != "other"] == BURST
