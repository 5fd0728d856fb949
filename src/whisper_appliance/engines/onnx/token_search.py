"""What the decoder says, chosen token by token: the likeliest, the best of several beams, or drawn by chance.

The rules are those of openai/whisper, `decoding.py`: timestamps come in pairs, never go back, and are said
where all of them together are likelier than any word.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from whisper_appliance.engines.onnx.ct2_weights import Floats
from whisper_appliance.engines.onnx.whisper import DecoderSession, SpecialTokens, StepOutput

FIRST_TIMESTAMP_MAX = 50  # one second
NEVER = -math.inf

Watch = Callable[[StepOutput, Sequence[int]], None]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One answer so far: its tokens without the end, and the sum of the logarithms of their probabilities."""

    tokens: tuple[int, ...] = ()
    logprob: float = 0.0
    ended: bool = False

    @property
    def avg_logprob(self) -> float:
        """By token."""
        return self.logprob / max(len(self.tokens), 1)


@dataclass(frozen=True, slots=True)
class TimestampRules:
    """What may be said next: any text, only the end of it, or neither; and a range of timestamps."""

    text: bool
    end: bool
    times: slice

    @classmethod
    def after(cls, tokens: Sequence[int], special: SpecialTokens) -> "TimestampRules":
        """By the rules for timestamps."""
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
    """How answers are looked for: `answers` has heard the prompt, a row a window.

    `begun` is what each answer begins with, `most` how many tokens it may have.
    """

    answers: DecoderSession
    special: SpecialTokens
    begun: Sequence[Hypothesis]
    most: int

    def greedy(self, step: StepOutput, watch: Watch | None = None) -> list[Hypothesis]:
        """The likeliest token each time; `step` is the answer to the prompt.

        `watch` is told of each step and which windows it answered.
        """
        said = list(self.begun)
        windows = list(range(len(said)))
        while True:
            if watch:
                watch(step, windows)
            for row, window in enumerate(windows):
                if not said[window].ended:
                    (said[window],) = self._continued(step, row, said[window], 1)
            going_on = [row for row, window in enumerate(windows) if not said[window].ended]
            if not going_on:
                return said
            if 2 * len(going_on) <= len(windows):  # until it is worth a copy, what has ended is carried along
                self.answers.reorder_cache(going_on, going_on)
                windows = [windows[row] for row in going_on]
            step = self.answers.step(self._last([said[window] for window in windows]))

    def beam_search(self, step: StepOutput, size: int) -> list[Hypothesis]:
        """Several answers at a time; the likeliest, by token, of the first `size` that have ended.

        `step` is the answer to the prompt, with more than `size` candidates.
        """
        going = [[one] for one in self.begun]
        ended: list[list[Hypothesis]] = [[] for _ in self.begun]
        windows = list(range(len(going)))
        while True:
            first_row, rows, going_on = 0, list[int](), list[int]()
            for place, window in enumerate(windows):
                beams = going[window]
                kept = self._kept(step, first_row, beams, ended[window], size)
                if kept:
                    going_on.append(place)
                    rows += [first_row + beam for _, beam in kept]
                first_row += len(beams)
                going[window] = [said for said, _ in kept]
            windows = [windows[place] for place in going_on]
            if not windows:
                return [max(candidates, key=lambda one: one.avg_logprob) for candidates in ended]
            self.answers.reorder_cache(going_on, rows)
            last = self._last([said for window in windows for said in going[window]])
            step = self.answers.step(last, candidates=size + 1)

    def sample(
        self, logits: Floats, suppress: Floats, temperature: float, count: int, chance: np.random.Generator
    ) -> list[Hypothesis]:
        """The likeliest, by token, of `count` for each window that are drawn by chance.

        `logits` (windows, vocabulary) is the answer to the prompt.
        """
        windows = range(len(self.begun))
        said = [one for one in self.begun for _ in range(count)]
        self.answers.reorder_cache(windows, [window for window in windows for _ in range(count)])
        logits = np.repeat(logits, count, axis=0)
        while True:
            for row, one in enumerate(said):
                if not one.ended:
                    likely = _log_softmax(_masked(logits[row] + suppress, one, self.special))
                    token = int(np.argmax(likely / temperature + chance.gumbel(size=likely.shape)))
                    said[row] = self._longer(one, token, float(likely[token]))
            if all(one.ended for one in said):
                break
            logits = self.answers.logits(self._last(said))
        return [
            max(said[window * count : (window + 1) * count], key=lambda one: one.avg_logprob)
            for window in windows
        ]

    def _kept(
        self,
        step: StepOutput,
        first_row: int,
        going: Sequence[Hypothesis],
        ended: list[Hypothesis],
        size: int,
    ) -> list[tuple[Hypothesis, int]]:
        """The beams that go on, each with the one it comes from; none when `ended` has enough."""
        spread = [
            (said, beam)
            for beam, one in enumerate(going)
            for said in self._continued(step, first_row + beam, one, size + 1)
        ]
        kept: list[tuple[Hypothesis, int]] = []
        for said, beam in sorted(spread, key=lambda pair: -pair[0].logprob):
            if said.ended:
                if len(ended) < size:
                    ended.append(said)
            else:
                kept.append((said, beam))
            if len(kept) == size:
                break
        if len(ended) == size or not kept:
            return []
        unlikely = Hypothesis(kept[-1][0].tokens, NEVER), kept[-1][1]
        return [*kept, *[unlikely] * (size - len(kept))]

    def _continued(self, step: StepOutput, row: int, said: Hypothesis, count: int) -> list[Hypothesis]:
        """The likeliest continuations, best first."""
        choices = _choices(step, row, TimestampRules.after(said.tokens, self.special), self.special, count)
        return [self._longer(said, token, logprob) for token, logprob in choices]

    def _longer(self, said: Hypothesis, token: int, logprob: float) -> Hypothesis:
        if token == self.special.eot:
            return Hypothesis(said.tokens, said.logprob + logprob, ended=True)
        tokens = (*said.tokens, token)
        return Hypothesis(tokens, said.logprob + logprob, len(tokens) >= self.most)

    def _last(self, said: Sequence[Hypothesis]) -> np.ndarray:
        return np.array([[one.tokens[-1] if one.tokens else self.special.eot] for one in said])


def _choices(
    step: StepOutput, row: int, allowed: TimestampRules, special: SpecialTokens, count: int
) -> list[tuple[int, float]]:
    """(token, logarithm of its probability) of the likeliest that are allowed, best first."""
    times = step.times[row, allowed.times]
    times_sum = _log_sum(times)
    if allowed.text:
        texts = list(zip(step.text_tokens[row].tolist(), step.text[row].tolist(), strict=True))
        text_sum = float(step.text_sum[row, 0])
    elif allowed.end:
        texts, text_sum = [(special.eot, float(step.end[row, 0]))], float(step.end[row, 0])
    else:
        texts, text_sum = [], NEVER
    if texts and times_sum > texts[0][1]:
        texts, text_sum = [], NEVER
    all_of_them = float(np.logaddexp(text_sum, times_sum))
    if not math.isfinite(all_of_them):
        raise ValueError("What the decoder says is no number.")
    first = special.timestamp_begin + (allowed.times.start or 0)
    best = np.argpartition(-times, count - 1)[:count] if count < len(times) else range(len(times))
    choices = [*texts, *((first + int(at), float(times[at])) for at in best)]
    choices.sort(key=lambda choice: -choice[1])
    return [(token, logit - all_of_them) for token, logit in choices[:count] if logit > NEVER]


def _masked(logits: Floats, said: Hypothesis, special: SpecialTokens) -> Floats:
    """The logits (vocabulary) of what is allowed next; all others minus infinity."""
    allowed = TimestampRules.after(said.tokens, special)
    masked = np.full_like(logits, NEVER)
    begin, eot = special.timestamp_begin, special.eot
    masked[begin:][allowed.times] = logits[begin:][allowed.times]
    text = logits[:begin] if allowed.text else logits[eot : eot + 1] if allowed.end else logits[:0]
    if len(text) and _log_sum(masked[begin:]) <= text.max():
        masked[: len(text)] = text if allowed.text else NEVER
        masked[eot] = logits[eot]
    return masked


def _log_softmax(logits: Floats) -> Floats:
    total = _log_sum(logits)
    if not math.isfinite(total):
        raise ValueError("What the decoder says is no number.")
    likely: Floats = logits - total
    return likely


def _log_sum(logits: Floats) -> float:
    """The logarithm of the sum of the exponentials."""
    most = float(logits.max()) if len(logits) else NEVER
    return most + math.log(float(np.exp(logits - most).sum())) if most > NEVER else NEVER
