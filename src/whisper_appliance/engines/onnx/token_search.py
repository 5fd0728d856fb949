"""Greedy decoding, beam search and sampling, with Whisper's timestamp rules (openai/whisper, `decoding.py`).

Timestamps come in pairs, never go back, and are chosen where all of them together are likelier than any text.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from whisper_appliance.engines.onnx.ct2_weights import Floats
from whisper_appliance.engines.onnx.whisper import DecoderSession, SpecialTokens, StepOutput

FIRST_TIMESTAMP_MAX = 50  # one second
NEVER = -math.inf
LOOP_TOKENS = 40
LOOP_ROUNDS = 3
LONGEST_PERIOD = 32
LOOP_CHECK_TOKENS = 8

OnStep = Callable[[StepOutput, Sequence[int]], None]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One text so far: its tokens without the end of text, and the sum of their log probabilities."""

    tokens: tuple[int, ...] = ()
    logprob: float = 0.0
    ended: bool = False
    limit: int = 0
    """The most tokens it may have; 0: as many as the search allows."""

    @property
    def avg_logprob(self) -> float:
        """The mean over the tokens."""
        return self.logprob / max(len(self.tokens), 1)


@dataclass(frozen=True, slots=True)
class TimestampRules:
    """The tokens that may come next: text (then its end, too), only the end, or neither; and which times."""

    text: bool
    end: bool
    times: slice

    @classmethod
    def after(cls, tokens: Sequence[int], special: SpecialTokens) -> "TimestampRules":
        """The rules behind these tokens."""
        begin = special.timestamp_begin
        if not tokens:
            return cls(False, False, slice(0, FIRST_TIMESTAMP_MAX + 1))
        is_time = tokens[-1] >= begin
        if is_time and (len(tokens) == 1 or tokens[-2] >= begin):
            return cls(True, True, slice(0, 0))
        last = next((token - begin for token in reversed(tokens) if token >= begin), -1)
        if is_time:
            return cls(False, True, slice(last, None))
        return cls(True, True, slice(last + 1, None))


@dataclass(frozen=True, slots=True)
class TokenSearch:
    """Decodes a batch; `session` is prefilled with the prompts, one row a window.

    `prefixes` are the hypotheses to begin with, `max_tokens` the most tokens of each (its prefix included).
    """

    session: DecoderSession
    special: SpecialTokens
    prefixes: Sequence[Hypothesis]
    max_tokens: int
    even: bool = False
    """Keeps the number of rows even (`engines.contract.BatchRule`)."""

    def greedy(self, step: StepOutput, on_step: OnStep | None = None) -> list[Hypothesis]:
        """The likeliest token each time. `step` is the output of the prefill.

        `on_step` is called with each step and the windows of its rows.
        """
        found = list(self.prefixes)
        windows = list(range(len(found)))
        while True:
            if on_step:
                on_step(step, windows)
            for row, window in enumerate(windows):
                if not found[window].ended:
                    (found[window],) = self._continuations(step, row, found[window], 1)
            active = [row for row, window in enumerate(windows) if not found[window].ended]
            if not active:
                return found
            if self.even:
                active += [row for row in range(len(windows)) if row not in active][: len(active) % 2]
            if 2 * len(active) <= len(windows):  # copying the cache pays only when half of the rows go
                active.sort()
                self.session.reorder_cache(active, active)
                windows = [windows[row] for row in active]
            step = self.session.step(self._last_tokens([found[window] for window in windows]))

    def beam_search(self, step: StepOutput, size: int) -> list[Hypothesis]:
        """The best mean log probability among the first `size` hypotheses that end, for each window.

        `step` is the output of the prefill, with more than `size` candidates.
        """
        beams = [[prefix] for prefix in self.prefixes]
        ended: list[list[Hypothesis]] = [[] for _ in self.prefixes]
        windows = list(range(len(beams)))
        while True:
            first_row, rows, active = 0, list[int](), list[int]()
            for place, window in enumerate(windows):
                kept = self._best_beams(step, first_row, beams[window], ended[window], size)
                if kept:
                    active.append(place)
                    rows += [first_row + beam for _, beam in kept]
                first_row += len(beams[window])
                beams[window] = [hypothesis for hypothesis, _ in kept]
            windows = [windows[place] for place in active]
            if not windows:
                return [max(candidates, key=lambda one: one.avg_logprob) for candidates in ended]
            self.session.reorder_cache(active, rows)
            last = self._last_tokens([hypothesis for window in windows for hypothesis in beams[window]])
            step = self.session.step(last, candidates=size + 1)

    def sample(
        self, logits: Floats, suppress: Floats, temperatures: Sequence[float], random: np.random.Generator
    ) -> list[Hypothesis]:
        """One sampled hypothesis of the only window at each temperature.

        `logits` (1, vocabulary) are those of the prefill, `suppress` is added to them.
        """
        found = list(self.prefixes) * len(temperatures)
        self.session.reorder_cache([0], [0] * len(found))
        logits = np.repeat(logits, len(found), axis=0)
        while True:
            for row, (one, temperature) in enumerate(zip(found, temperatures, strict=True)):
                if not one.ended:
                    logprobs = _log_softmax(_masked(logits[row] + suppress, one, self.special))
                    sums = np.cumsum(np.exp(logprobs / temperature, dtype=np.float64))
                    token = int(np.searchsorted(sums, random.random() * sums[-1], side="right"))
                    found[row] = self._extended(one, token, float(logprobs[token]))
            if all(one.ended for one in found):
                return found
            logits = self.session.logits(self._last_tokens(found))

    def _best_beams(
        self,
        step: StepOutput,
        first_row: int,
        beams: Sequence[Hypothesis],
        ended: list[Hypothesis],
        size: int,
    ) -> list[tuple[Hypothesis, int]]:
        """The beams that continue, each with the beam it comes from; none when `ended` is full."""
        spread = [
            (hypothesis, beam)
            for beam, one in enumerate(beams)
            for hypothesis in self._continuations(step, first_row + beam, one, size + 1)
        ]
        kept: list[tuple[Hypothesis, int]] = []
        for hypothesis, beam in sorted(spread, key=lambda pair: -pair[0].logprob):
            if hypothesis.ended:
                if len(ended) < size:
                    ended.append(hypothesis)
            else:
                kept.append((hypothesis, beam))
            if len(kept) == size:
                break
        if len(ended) == size or not kept:
            return []
        filler = replace(kept[-1][0], logprob=NEVER), kept[-1][1]
        return [*kept, *[filler] * (size - len(kept))]

    def _continuations(
        self, step: StepOutput, row: int, hypothesis: Hypothesis, count: int
    ) -> list[Hypothesis]:
        """The likeliest continuations, best first."""
        rules = TimestampRules.after(hypothesis.tokens, self.special)
        choices = _choices(step, row, rules, self.special, count)
        return [self._extended(hypothesis, token, logprob) for token, logprob in choices]

    def _extended(self, hypothesis: Hypothesis, token: int, logprob: float) -> Hypothesis:
        if token == self.special.eot:
            return replace(hypothesis, logprob=hypothesis.logprob + logprob, ended=True)
        tokens = (*hypothesis.tokens, token)
        ended = len(tokens) >= (hypothesis.limit or self.max_tokens) or ends_in_loop(tokens)
        return Hypothesis(tokens, hypothesis.logprob + logprob, ended, hypothesis.limit)

    def _last_tokens(self, hypotheses: Sequence[Hypothesis]) -> np.ndarray:
        return np.array([[one.tokens[-1] if one.tokens else self.special.eot] for one in hypotheses])


def ends_in_loop(tokens: Sequence[int]) -> bool:
    """Whether the last `LOOP_TOKENS` and more repeat themselves; not looked at after every token.

    Sentences that are said again have other timestamps between them, so they are no loop.
    """
    if len(tokens) % LOOP_CHECK_TOKENS or len(tokens) <= LOOP_TOKENS:
        return False
    for period in range(1, LONGEST_PERIOD + 1):
        needed = max(LOOP_TOKENS, (LOOP_ROUNDS - 1) * period)
        if tokens[-1] != tokens[-1 - period] or len(tokens) < needed + period:
            continue
        if tokens[-needed:] == tokens[-needed - period : -period]:
            return True
    return False


def _choices(
    step: StepOutput, row: int, rules: TimestampRules, special: SpecialTokens, count: int
) -> list[tuple[int, float]]:
    """(token, log probability) of the likeliest tokens within the rules, best first."""
    times = step.times[row, rules.times]
    times_sum = _log_sum(times)
    texts, text_sum = _text_choices(step, row, rules, special)
    if texts and times_sum > texts[0][1]:
        texts, text_sum = [], NEVER
    total = float(np.logaddexp(text_sum, times_sum))
    if not math.isfinite(total):
        raise ValueError("The decoder's logits are not finite.")
    first = special.timestamp_begin + (rules.times.start or 0)
    best = np.argpartition(-times, count - 1)[:count] if count < len(times) else range(len(times))
    choices = [*texts, *((first + int(at), float(times[at])) for at in best)]
    choices.sort(key=lambda choice: -choice[1])
    return [(token, logit - total) for token, logit in choices[:count] if logit > NEVER]


def _text_choices(
    step: StepOutput, row: int, rules: TimestampRules, special: SpecialTokens
) -> tuple[list[tuple[int, float]], float]:
    """(token, logit) of text tokens, best first, and the log of the sum of the exponentials of all."""
    if rules.text:
        tokens, logits = step.text_tokens[row].tolist(), step.text[row].tolist()
        return list(zip(tokens, logits, strict=True)), float(step.text_sum[row, 0])
    if rules.end:
        end = float(step.end[row, 0])
        return [(special.eot, end)], end
    return [], NEVER


def _masked(logits: Floats, hypothesis: Hypothesis, special: SpecialTokens) -> Floats:
    """The logits (vocabulary) within the rules; all others minus infinity."""
    rules = TimestampRules.after(hypothesis.tokens, special)
    masked = np.full_like(logits, NEVER)
    begin, eot = special.timestamp_begin, special.eot
    masked[begin:][rules.times] = logits[begin:][rules.times]
    text = logits[:begin] if rules.text else logits[eot : eot + 1] if rules.end else logits[:0]
    if len(text) and _log_sum(masked[begin:]) <= text.max():
        masked[: len(text)] = text if rules.text else NEVER
        masked[eot] = logits[eot]
    return masked


def _log_softmax(logits: Floats) -> Floats:
    total = _log_sum(logits)
    if not math.isfinite(total):
        raise ValueError("The decoder's logits are not finite.")
    logprobs: Floats = logits - total
    return logprobs


def _log_sum(logits: Floats) -> float:
    """The logarithm of the sum of the exponentials."""
    largest = float(logits.max()) if len(logits) else NEVER
    return largest + math.log(float(np.exp(logits - largest).sum())) if largest > NEVER else NEVER
