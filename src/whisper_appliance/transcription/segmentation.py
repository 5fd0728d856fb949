"""Speech segmentation: merges VAD frames into spans of speech, and cuts long speech at its best pause.

`segment_speech` turns the probabilities of Silero VAD into the windows that an engine decodes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.engines.contract import MAX_WINDOW_SECONDS
from whisper_appliance.engines.vad import FRAME, FRAME_SECONDS, SILENCE_BELOW, SPEECH_AT, Probabilities

MOST_OF_TARGET = 1.25


@dataclass(frozen=True, slots=True)
class SegmentationConfig:
    """How speech becomes windows; all lengths in seconds.

    `first_seconds` is the target of the first window of long speech, so that its words appear early.
    """

    target_seconds: float = 20.0
    first_seconds: float = 20.0
    speech_at: float = SPEECH_AT
    silence_below: float = SILENCE_BELOW
    min_speech_seconds: float = 0.1
    end_silence_seconds: float = 4.0
    padding_seconds: float = 0.3

    @property
    def max_seconds(self) -> float:
        """The longest window: a little over the target, which leaves room for a good pause."""
        return min(self.target_seconds * MOST_OF_TARGET, MAX_WINDOW_SECONDS - 2 * self.padding_seconds)


@dataclass(frozen=True, slots=True)
class SpeechSpan:
    """A stretch of the recording in samples, with the VAD probability of each frame from `first_frame` on.

    `is_last`: the recording ended within it, so that no other one follows.
    """

    start: int
    stop: int
    first_frame: int
    probabilities: tuple[float, ...]
    is_last: bool = False

    def speech_probability(self, start_seconds: float, stop_seconds: float) -> float:
        """The mean VAD probability between two times of the recording; 0 outside the span."""
        frames = self._between(start_seconds, stop_seconds)
        return sum(frames) / len(frames) if frames else 0.0

    def spoken_seconds(self, start_seconds: float, stop_seconds: float) -> float:
        """Seconds of speech between two times of the recording."""
        return sum(p >= SPEECH_AT for p in self._between(start_seconds, stop_seconds)) * FRAME_SECONDS

    def _between(self, start_seconds: float, stop_seconds: float) -> tuple[float, ...]:
        first = int(start_seconds / FRAME_SECONDS) - self.first_frame
        last = max(int(stop_seconds / FRAME_SECONDS) - self.first_frame, first + 1)
        return self.probabilities[max(first, 0) : max(last, 0)]


def segment_speech(
    probabilities: Iterable[Probabilities], config: SegmentationConfig, *, vad: bool = True
) -> Iterator[SpeechSpan]:
    """The windows of a recording, each as soon as it is complete, in order and without overlap.

    `vad=False` keeps silence: all of the recording is cut into windows.
    """
    segmenter = _Segmenter(config, vad)
    for block in probabilities:
        for probability in block.tolist():
            span = segmenter.feed(probability)
            if span is not None:
                yield span
    yield from segmenter.flush()


def merge_spans(parts: Sequence[SpeechSpan], start: int, length: int) -> SpeechSpan:
    """One span of `length` samples from `start`, or fewer where `parts` end; gaps have probability 0."""
    frames: list[float] = []
    for span in parts:
        frames += [0.0] * (span.first_frame - parts[0].first_frame - len(frames))
        frames += span.probabilities
    return SpeechSpan(start, min(start + length, parts[-1].stop), parts[0].first_frame, tuple(frames))


class _Segmenter:
    """State machine over VAD frames; holds the frames of the open window."""

    def __init__(self, config: SegmentationConfig, vad: bool) -> None:
        self._config = config
        self._vad = vad
        self._frames: list[float] = []
        self._first = 0
        self._speaking = False
        self._last_voice = 0
        self._position = 0
        self._floor = 0
        self._target = min(config.first_seconds, config.target_seconds)

    def feed(self, probability: float) -> SpeechSpan | None:
        """Adds a frame; returns the window that it completes, if any."""
        self._speaking = probability >= (
            self._config.silence_below if self._speaking else self._config.speech_at
        )
        frame = self._position
        self._position += 1
        voiced = self._speaking or not self._vad
        if not self._frames and not voiced:
            return None
        if not self._frames:
            self._first = frame
        self._frames.append(probability)
        if voiced:
            self._last_voice = frame
        if (frame - self._last_voice) * FRAME_SECONDS >= self._config.end_silence_seconds:
            return self._close(self._last_voice + 1)
        if len(self._frames) * FRAME_SECONDS >= self._config.max_seconds:
            return self._cut()
        return None

    def flush(self) -> Iterator[SpeechSpan]:
        """The open window at the end of the recording."""
        if self._frames:
            span = self._close(self._last_voice + 1)
            if span:
                yield replace(span, is_last=True)

    def _close(self, stop: int) -> SpeechSpan | None:
        """Ends the window before frame `stop` and drops the silence after it."""
        span = self._span(stop, padded=True)
        self._frames = []
        if span:
            self._target = self._config.target_seconds
        return span

    def _cut(self) -> SpeechSpan | None:
        """Ends a long window in its best pause; the frames after the pause open the next window."""
        stop = self._first + self._best_cut()
        self._target = self._config.target_seconds
        span = self._span(stop, padded=False)
        rest = self._frames[stop - self._first :]
        silent = next(
            (i for i, p in enumerate(rest) if p >= self._config.silence_below or not self._vad), len(rest)
        )
        self._first = stop + silent
        self._frames = rest[silent:]
        return span

    def _best_cut(self) -> int:
        """The frame to cut at: the middle of the pause that is longest for its distance to the target."""
        target = round(self._target / FRAME_SECONDS)
        frames = np.asarray(self._frames[: round(target * MOST_OF_TARGET)])
        quiet = frames < self._config.silence_below
        best, best_score = 0, 0.0
        start = None
        for i in range(len(frames) // 3, len(frames)):
            if quiet[i]:
                start = i if start is None else start
                middle = (start + i + 1) // 2
                score = min((i + 1 - start) * FRAME_SECONDS, 1.0) * (
                    1.0 - 0.8 * min(abs(middle - target) / target, 1.0)
                )
                if score > best_score:
                    best, best_score = middle, score
            else:
                start = None
        if best:
            return best
        half = len(frames) // 2
        return half + int(np.argmin(frames[half:]))

    def _span(self, stop: int, *, padded: bool) -> SpeechSpan | None:
        frames = self._frames[: stop - self._first]
        spoken = sum(p >= self._config.speech_at for p in frames) * FRAME_SECONDS
        if self._vad and spoken < self._config.min_speech_seconds:
            return None
        padding = round(self._config.padding_seconds * SAMPLE_RATE)
        start = max(self._first * FRAME - padding, self._floor)
        end = stop * FRAME + (padding if padded else 0)
        self._floor = end
        return SpeechSpan(start, end, self._first, tuple(frames))
