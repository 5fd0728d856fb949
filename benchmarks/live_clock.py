"""Microphones on a virtual clock: real code of the live room, real words, and time that only passes on paper.

Audio arrives in packets of 100 ms; workers hear one window each; how long that takes is measured (processor
time of a call on one thread) or computed by a model of the cost, so that a busy machine does not blur it.
"""

import heapq
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import numpy as np

from benchmarks.live_score import Shown
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import Engine, Options, WindowResult
from whisper_appliance.engines.vad import FRAME, Silero, load_silero
from whisper_appliance.live.events import Refined
from whisper_appliance.live.local_agreement import normalized
from whisper_appliance.live.schedule import decode_interval_seconds, pick_next
from whisper_appliance.live.streaming_state import DecodeTask, StreamingState
from whisper_appliance.transcript.model import Segment, Word

PACKET_SECONDS = 0.1
DETECTOR_SECONDS_A_SECOND = 0.002
TOKENS_A_WORD = 1.35
Cost = Literal["measured", "model"]


@dataclass
class Microphone:
    """One session and the recording that is spoken into it, from `begins` on."""

    samples: Samples
    options: Options
    truth: Sequence[Word] = ()
    begins: float = 0.0
    received: int = 0
    served: float = -1.0
    trace: list[Shown] = field(default_factory=list)
    refined: list[Refined] = field(default_factory=list)
    longest_buffer: float = 0.0

    def __post_init__(self) -> None:
        self.session = StreamingState(self.options)
        self._silero = Silero(_detector())

    def packet(self) -> bool:
        """One more packet arrives; whether it was the last."""
        stop = min(self.received + round(PACKET_SECONDS * SAMPLE_RATE), len(self.samples))
        self.session.feed_vad(self._silero.feed(self.samples[self.received : stop]).tolist())
        self.received = stop
        self.longest_buffer = max(self.longest_buffer, self.session.buffer_seconds)
        if stop < len(self.samples):
            return False
        self.session.feed_vad(self._silero.feed(np.zeros(FRAME, np.float32)).tolist())
        self.session.end(len(self.samples))
        return True

    def look(self, now: float) -> None:
        """Notes what a reader sees now."""
        self.refined += [event for event in self.session.events if isinstance(event, Refined)]
        self.session.events.clear()
        captions = self.session.agreement
        tentative = tuple(normalized(word) for word in captions.tentative)
        shown = Shown(now - self.begins, len(captions.committed), tentative)
        last = self.trace[-1] if self.trace else None
        if last is None or (last.committed, last.tentative) != (shown.committed, shown.tentative):
            self.trace.append(shown)


@dataclass(frozen=True, slots=True)
class Run:
    """Some microphones after their recordings, and the processor seconds that hearing them took."""

    microphones: Sequence[Microphone]
    processor_seconds: float
    refining_seconds: float
    jobs: int

    @property
    def audio_seconds(self) -> float:
        """Of all microphones together."""
        return sum(len(microphone.samples) for microphone in self.microphones) / SAMPLE_RATE


Hear = Callable[[Microphone, DecodeTask], WindowResult]


def by_engine(engine: Engine) -> Hear:
    """Real hearing, by a loaded engine."""

    def hear(microphone: Microphone, job: DecodeTask) -> WindowResult:
        return engine.transcribe([job.window(microphone.samples[job.start : job.stop])])[0]

    return hear


def by_script(microphone: Microphone, job: DecodeTask) -> WindowResult:
    """No hearing at all: the words that the truth has in this stretch; for how many fit, not for how well."""
    start, stop = job.start / SAMPLE_RATE, job.stop / SAMPLE_RATE
    words = tuple(
        replace(word, start=word.start - start, end=word.end - start)
        for word in microphone.truth
        if word.start >= start and word.end <= stop
    )
    text = "".join(word.word for word in words)
    tokens = (0,) * round(len(words) * TOKENS_A_WORD)
    segments = (Segment(0.0, stop - start, text, tokens=tokens, words=words),) if words else ()
    return WindowResult(segments, "en", 1.0, decoded_seconds=stop - start, tokens=tokens)


def run(
    hear: Hear,
    microphones: Sequence[Microphone],
    *,
    workers: int = 2,
    cost: Cost = "measured",
    step: Callable[[int, float], float | None] = decode_interval_seconds,
) -> Run:
    """Speaks all recordings to their ends."""
    clock = _Clock(hear, microphones, workers, cost, step)
    clock.run()
    return Run(microphones, clock.processor_seconds, clock.refining_seconds, clock.jobs)


class _Clock:
    def __init__(
        self,
        hear: Hear,
        microphones: Sequence[Microphone],
        workers: int,
        cost: Cost,
        step: Callable[[int, float], float | None],
    ) -> None:
        self._hear_job = hear
        self._microphones = microphones
        self._free = workers
        self._cost = cost
        self._step = step
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self.processor_seconds = self.refining_seconds = 0.0
        self.jobs = 0

    def run(self) -> None:
        for microphone in self._microphones:
            self._at(microphone.begins + PACKET_SECONDS, partial(self._packet, microphone))
        while self._events:
            now, _, happen = heapq.heappop(self._events)
            happen(now)
            while self._free and self._dispatch(now):
                pass

    def _at(self, moment: float, happen: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._order), happen))

    def _packet(self, microphone: Microphone, now: float) -> None:
        self.processor_seconds += PACKET_SECONDS * DETECTOR_SECONDS_A_SECOND
        if not microphone.packet():
            self._at(now + PACKET_SECONDS, partial(self._packet, microphone))
        microphone.look(now)

    def _dispatch(self, now: float) -> bool:
        streams = sum(not microphone.session.done for microphone in self._microphones)
        wanting = []
        for at, microphone in enumerate(self._microphones):
            lag = microphone.session.lag_seconds(microphone.received)
            kind = microphone.session.next_task_kind(self._step(streams, lag))
            if kind:
                wanting.append((at, kind, microphone.served))
        chosen = pick_next(wanting)
        if chosen is None:
            return False
        self._hear(
            self._microphones[chosen[0]], self._microphones[chosen[0]].session.start_task(chosen[1]), now
        )
        return True

    def _hear(self, microphone: Microphone, job: DecodeTask, now: float) -> None:
        before = time.process_time()
        result = self._hear_job(microphone, job)
        seconds = time.process_time() - before
        if self._cost == "model":
            known = round(len(job.prefix.split()) * TOKENS_A_WORD)
            seconds = modelled_seconds((job.stop - job.start) / SAMPLE_RATE, result, known)
        self._free -= 1
        self.jobs += 1
        self.processor_seconds += seconds
        self.refining_seconds += seconds if job.kind == "refine" else 0.0
        microphone.served = now
        self._at(now + seconds, partial(self._done, microphone, job, result))

    def _done(self, microphone: Microphone, job: DecodeTask, result: WindowResult, now: float) -> None:
        self._free += 1
        microphone.session.finish_task(job, result)
        microphone.look(now)


def modelled_seconds(audio_seconds: float, result: WindowResult, known: int = 0) -> float:
    """What a call of base int8 takes on one core of the machine the method was measured on, to itself.

    The decoder makes one token after the other, those it was given (`known`) all at once.
    """
    frames = min((audio_seconds + 3) * 100, 3000)
    encoding = float(
        np.interp(
            frames, [0, 350, 550, 750, 1150, 2000, 3000], [0.005, 0.0256, 0.04, 0.059, 0.118, 0.33, 0.68]
        )
    )
    tokens = sum(len(segment.tokens) + 2 for segment in result.segments) + 3
    made = max(3, len(result.tokens) + 1 - known)
    decoding = 0.010 + (0.0016 + 1.3e-6 * frames) * made + (0.008 if known else 0.0)
    aligning = 0.006 + 1.0e-5 * frames * tokens / 19
    return encoding + decoding + aligning + 6e-6 * frames


def _detector(loaded: list[object] = []) -> object:  # noqa: B006 - loaded once, shared by all
    if not loaded:
        loaded.append(load_silero())
    return loaded[0]
