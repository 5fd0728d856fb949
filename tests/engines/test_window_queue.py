"""Which windows go first, and which go together."""

import numpy as np

from whisper_appliance.engines.contract import Options, Priority, Window
from whisper_appliance.engines.process.window_queue import Ticket, WaitingWindows


def window(seconds: float, language: str = "en", before: tuple[int, ...] = ()) -> Window:
    return Window(np.zeros(round(seconds * 16_000), np.float32), Options(language=language), before)


def any_of_them(_: Ticket) -> bool:
    return True


def lengths(tickets: list[Ticket]) -> list[float]:
    return [ticket.samples / 16_000 for ticket in tickets]


def test_the_least_served_job_goes_first() -> None:
    waiting = WaitingWindows()
    waiting.add(window(20), Priority.INTERACTIVE, 5)
    waiting.add(window(3), Priority.INTERACTIVE, 0)
    assert lengths(waiting.take(1, any_of_them)) == [3.0]


def test_windows_of_like_length_go_together() -> None:
    waiting = WaitingWindows()
    for seconds in (20, 8, 21, 30, 19):
        waiting.add(window(seconds), Priority.BATCH, 0)
    assert lengths(waiting.take(3, any_of_them)) == [20.0, 21.0, 19.0]
    assert lengths(waiting.take(3, any_of_them)) == [8.0, 30.0]


def test_what_is_to_be_heard_differently_does_not_go_together() -> None:
    waiting = WaitingWindows()
    for each in (window(5), window(5, "de"), window(5, before=(1, 2))):
        waiting.add(each, Priority.BATCH, 0)
    waiting.add(window(5), Priority.INTERACTIVE, 0)
    assert [len(waiting.take(4, any_of_them)) for _ in range(5)] == [1, 1, 1, 1, 0]


def test_suspects_go_first_and_alone() -> None:
    waiting = WaitingWindows()
    suspects = [waiting.add(window(seconds), Priority.BATCH, 0) for seconds in (5, 6)]
    assert waiting.take(2, any_of_them) == suspects
    waiting.add(window(5), Priority.LIVE, 0)
    for suspect in suspects:
        suspect.suspect = True
        waiting.put_back(suspect)
    assert [lengths(waiting.take(4, any_of_them)) for _ in range(3)] == [[5.0], [6.0], [5.0]]


def test_a_window_that_was_cancelled_is_passed_over() -> None:
    waiting = WaitingWindows()
    tickets = [waiting.add(window(seconds), Priority.BATCH, 0) for seconds in (5, 6, 7)]
    tickets[0].future.cancel()
    tickets[2].future.cancel()
    assert lengths(waiting.take(3, any_of_them)) == [6.0]
    assert len(waiting) == 0
