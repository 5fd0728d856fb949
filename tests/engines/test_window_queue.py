"""Which windows go first, and which go together."""

import numpy as np

from whisper_appliance.engines.contract import Options, Priority, Window
from whisper_appliance.engines.process.window_queue import QueuedWindow, WindowQueue


def window(seconds: float, language: str = "en", before: tuple[int, ...] = ()) -> Window:
    return Window(np.zeros(round(seconds * 16_000), np.float32), Options(language=language), before)


def any_of_them(_: QueuedWindow) -> bool:
    return True


def lengths(tickets: list[QueuedWindow]) -> list[float]:
    return [ticket.samples / 16_000 for ticket in tickets]


def test_the_least_served_job_goes_first() -> None:
    waiting = WindowQueue()
    waiting.enqueue(window(20), Priority.INTERACTIVE, 5)
    waiting.enqueue(window(3), Priority.INTERACTIVE, 0)
    assert lengths(waiting.take_batch(1, any_of_them)) == [3.0]


def test_windows_of_like_length_go_together() -> None:
    waiting = WindowQueue()
    for seconds in (20, 8, 21, 30, 19):
        waiting.enqueue(window(seconds), Priority.BATCH, 0)
    assert lengths(waiting.take_batch(3, any_of_them)) == [20.0, 21.0, 19.0]
    assert lengths(waiting.take_batch(3, any_of_them)) == [8.0, 30.0]


def test_windows_with_different_options_are_not_batched() -> None:
    waiting = WindowQueue()
    for each in (window(5), window(5, "de"), window(5, before=(1, 2))):
        waiting.enqueue(each, Priority.BATCH, 0)
    waiting.enqueue(window(5), Priority.INTERACTIVE, 0)
    assert [len(waiting.take_batch(4, any_of_them)) for _ in range(5)] == [1, 1, 1, 1, 0]


def test_suspects_go_first_and_alone() -> None:
    waiting = WindowQueue()
    suspects = [waiting.enqueue(window(seconds), Priority.BATCH, 0) for seconds in (5, 6)]
    assert waiting.take_batch(2, any_of_them) == suspects
    waiting.enqueue(window(5), Priority.LIVE, 0)
    for suspect in suspects:
        suspect.quarantined = True
        waiting.requeue(suspect)
    assert [lengths(waiting.take_batch(4, any_of_them)) for _ in range(3)] == [[5.0], [6.0], [5.0]]


def test_a_window_that_was_cancelled_is_passed_over() -> None:
    waiting = WindowQueue()
    tickets = [waiting.enqueue(window(seconds), Priority.BATCH, 0) for seconds in (5, 6, 7)]
    tickets[0].future.cancel()
    tickets[2].future.cancel()
    assert lengths(waiting.take_batch(3, any_of_them)) == [6.0]
    assert len(waiting) == 0
