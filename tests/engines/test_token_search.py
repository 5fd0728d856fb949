"""What may be said next, beams that end at different times, the path through an alignment.

The decoder is a table, no model.
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest

from whisper_appliance.engines.onnx.alignment import dtw_path
from whisper_appliance.engines.onnx.token_search import Hypothesis, TimestampRules, TokenSearch, ends_in_loop
from whisper_appliance.engines.onnx.whisper import SpecialTokens, StepOutput, Tokens

A, B, C, EOT, SOT, QUIET, PLAIN, BEGIN = range(8)
TIMES = 100
SPECIAL = SpecialTokens(EOT, SOT, QUIET, PLAIN, {"en": SOT})


def at(seconds: float) -> int:
    return BEGIN + round(seconds / 0.02)


@pytest.mark.parametrize(
    ("tokens", "text", "end", "times"),
    [
        ([], False, False, range(51)),  # a timestamp within the first second
        ([at(0)], True, True, range(0)),  # then words
        ([at(0), A], True, True, range(1, TIMES)),  # or a later time
        ([at(0), A, at(0.4)], False, True, range(20, TIMES)),  # said twice, unless all was heard
        ([at(0), A, at(0.4), at(0.5)], True, True, range(0)),
        ([at(0), A, at(0.4), at(0.5), B], True, True, range(26, TIMES)),
    ],
)
def test_timestamp_rules_limit_the_next_token(tokens: list[int], text: bool, end: bool, times: range) -> None:
    allowed = TimestampRules.after(tokens, SPECIAL)
    assert (allowed.text, allowed.end) == (text, end)
    assert range(TIMES)[allowed.times] == times


class Table:
    """Answers by `likely[window][last token]`, the share of each token that may follow."""

    def __init__(self, *likely: dict[int, dict[int, float]]) -> None:
        self.likely = likely
        self.windows = list(range(len(likely)))
        self.rows = self.windows
        self.said: list[int] = []

    def prefill(self, count: int) -> StepOutput:
        return self._answer([SOT] * len(self.rows), count)

    def reorder_cache(self, windows: Sequence[int], rows: Sequence[int]) -> None:
        kept = [self.windows[window] for window in windows]
        assert [self.rows[row] for row in rows] == [w for w in kept for _ in range(len(rows) // len(kept))]
        self.windows, self.rows = kept, [self.rows[row] for row in rows]

    def step(self, tokens: Tokens, candidates: int = 1) -> StepOutput:
        assert len(tokens) == len(self.rows)
        self.said.append(len(tokens))
        return self._answer(tokens[:, 0].tolist(), candidates)

    def _answer(self, last: list[int], count: int) -> StepOutput:
        logits = np.full((len(last), BEGIN + TIMES), -30.0, np.float32)
        for row, (window, token) in enumerate(zip(self.rows, last, strict=True)):
            for following, share in self.likely[window].get(token, {EOT: 1.0}).items():
                logits[row, following] = math.log(share)
        text = logits[:, :BEGIN]
        best = np.argsort(-text, axis=1)[:, :count]
        total = np.log(np.exp(text).sum(axis=1, keepdims=True))
        return StepOutput(np.take_along_axis(text, best, 1), best, total, text[:, [EOT]], logits[:, BEGIN:])


def looked_for(table: Table, beams: int = 1, most: int = 50) -> list[tuple[int, ...]]:
    search = TokenSearch(table, SPECIAL, [Hypothesis()] * len(table.likely), most)  # type: ignore[arg-type]
    said = (
        search.greedy(table.prefill(1)) if beams == 1 else search.beam_search(table.prefill(beams + 1), beams)
    )
    return [one.tokens for one in said]


START = {SOT: {at(0): 1.0}}
GARDEN_PATH = START | {at(0): {A: 0.6, B: 0.4}, A: {C: 0.4, at(1): 0.3, EOT: 0.3}, B: {EOT: 1.0}}
SHORT = START | {at(0): {C: 1.0}}


def test_the_likeliest_next_token_need_not_begin_the_likeliest_answer() -> None:
    assert looked_for(Table(GARDEN_PATH)) == [(at(0), A, C)]
    assert looked_for(Table(GARDEN_PATH), beams=3) == [(at(0), B)]


@pytest.mark.parametrize("beams", [1, 2])
def test_windows_end_when_they_end(beams: int) -> None:
    long = START | {at(0): {A: 1.0}, A: {B: 1.0}, B: {C: 1.0}, C: {at(1): 1.0}, at(1): {EOT: 1.0}}
    table = Table(SHORT, long, SHORT)
    assert looked_for(table, beams) == [(at(0), C), (at(0), A, B, C, at(1)), (at(0), C)]
    assert table.said[-1] < table.said[0]  # nothing is worked out for those that have ended


def test_all_times_together_may_be_likelier_than_any_word() -> None:
    shares = {A: 0.3} | {at(seconds / 50): 0.7 / 50 for seconds in range(1, 51)}
    (said,) = looked_for(Table(START | {at(0): {C: 1.0}, C: shares}))
    assert said[2] >= BEGIN


def test_an_answer_is_cut_at_its_most_tokens() -> None:
    for beams in (1, 2):
        (said,) = looked_for(Table(START | {at(0): {A: 1.0}, A: {A: 1.0}}), beams, most=6)
        assert said == (at(0), A, A, A, A, A)


def test_a_loop_ends_a_hypothesis_but_a_sentence_said_at_other_times_does_not() -> None:
    loop = [at(0), *[A, B, C] * 21]
    assert any(ends_in_loop(loop[:count]) for count in range(len(loop)))
    said = [token for second in range(12) for token in (at(second), A, B, C, A, at(second + 1))]
    assert not any(ends_in_loop(said[:count]) for count in range(len(said)))


def test_the_path_is_the_cheapest() -> None:
    chance = np.random.default_rng(3)
    for rows, columns in ((1, 1), (1, 5), (5, 1), (3, 4), (4, 3)):
        costs = chance.normal(size=(rows, columns))
        path = dtw_path(costs)
        assert (path[0], path[-1]) == ((0, 0), (rows - 1, columns - 1))
        steps = {(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(path)}
        assert steps <= {(0, 1), (1, 0), (1, 1)}
        assert sum(costs[at] for at in path) == pytest.approx(_cheapest(costs, rows - 1, columns - 1))


def _cheapest(costs: np.ndarray, row: int, column: int) -> float:
    if row < 0 or column < 0:
        return math.inf
    if row == column == 0:
        return float(costs[0, 0])
    before = ((row - 1, column), (row, column - 1), (row - 1, column - 1))
    return float(costs[row, column]) + min(_cheapest(costs, *one) for one in before)
