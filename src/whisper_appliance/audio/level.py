"""Level: brings very faint speech, and peaks over full scale, to a level that fits voice detection.

The level of faint speech is what it reaches for a third of a second without the lowest frequencies, so that
no click, DC offset or hum beside it hides it. What is loud for less than a second in all (a slam with its
tail, a burst) is left out before, where the rest rises and falls as speech does.
"""

from dataclasses import dataclass, replace

import numpy as np

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.samples import Samples

BLOCK_SECONDS = 30.0
"""The level is measured in blocks of this length, so that a loud part hides no faint one."""
FAINTEST_PEAK, FAINT_PEAK, WANTED_PEAK = 10 ** (-80 / 20), 10 ** (-36 / 20), 10 ** (-12 / 20)
"""Below the faintest there is only the noise of converters; what is not faint stays as it is."""
_FRAME = SAMPLE_RATE // 50
HIDDEN_LEVEL = 10 ** (-44 / 20)
"""The level of faint speech beside something loud is below; ordinary speech is above, even a single word."""
_LOUD_FRAMES, _SHORTEST_SHARE = 15, 5
"""Words are loud in so many frames (0.3 s), clicks and pops in fewer; of a short clip, in a fifth of it."""
_EVENT_FRAMES, _LONGEST_SHARE = 50, 4
"""What is loud for so many frames (1 s) is ordinary speech; in a short clip, for a quarter of it."""
_BEFORE_FRAMES, _TAIL_FRAMES = 2, 10
"""Around something loud, what belongs to it."""
_SPEECH_RATIO = 10 ** (10 / 20)
"""Words are so many times as loud as their pauses; steady noise is not."""
_ORDINARY_STEP = 0.03
"""Between two samples of ordinary speech, but not of hum at full scale, whose steps are small."""
_STOP_HERTZ, _PASS_HERTZ = 125.0, 225.0
"""Hum, its first overtone and an offset are below; the telephone cuts off more."""
_CLEAN_RATIO = 10 ** (14 / 20)
"""Speech whose peak is at most so many times its level has nothing beside it."""
_FFT_STEP = 8192
_EDGE = SAMPLE_RATE // 10


@dataclass(frozen=True, slots=True)
class Level:
    """How a block of samples is brought to level.

    `gain` is 1 for all but faint blocks and those over full scale. `is_hidden`: the speech is faint beside
    something loud, so that the lowest frequencies are removed, and what would be over full scale is turned
    down frame by frame.
    """

    gain: float = 1.0
    is_hidden: bool = False
    has_no_numbers: bool = False
    """Some samples are infinite or not a number, as broken programs write them; they become silence."""

    def apply(self, block: Samples) -> Samples:
        """The whole block that was measured, at its level."""
        block = _finite(block) if self.has_no_numbers else block
        if not self.is_hidden:
            return block * np.float32(self.gain)
        high = _without_hum(block)
        return high * _limited_gain(high, self.gain)


def measure(block: Samples) -> Level:
    """The level of a block of samples."""
    peak = float(np.abs(block).max(initial=0.0))
    if not np.isfinite(peak):
        return replace(measure(_finite(block)), has_no_numbers=True)
    if peak > FAINTEST_PEAK:
        level = _hidden_level(block)
        if FAINTEST_PEAK < level < HIDDEN_LEVEL and peak > level * _CLEAN_RATIO:
            return Level(WANTED_PEAK / level, is_hidden=True)
    if peak > 1.0:
        return Level(1.0 / peak)
    return Level(WANTED_PEAK / peak) if FAINTEST_PEAK < peak < FAINT_PEAK else Level()


def _hidden_level(block: Samples) -> float:
    """The level of what is faint in the block; 0 if what is loud in it goes on as speech does."""
    steps = _frame_peaks(_steps(block))
    if _loudest(steps, _LOUD_FRAMES, _SHORTEST_SHARE) < _ORDINARY_STEP:
        return _level(_without_hum(block))
    if _loudest(steps, _EVENT_FRAMES, _LONGEST_SHARE) > 2 * HIDDEN_LEVEL:  # no wave has larger steps
        return 0.0
    return _level_between_events(_frame_peaks(_without_hum(block)))


def _level_between_events(peaks: Samples) -> float:
    """The level of the frames that are not near loud ones; 0 if it is not that of speech."""
    loud = np.flatnonzero(peaks >= HIDDEN_LEVEL)
    if len(loud) > min(_EVENT_FRAMES, len(peaks) // _LONGEST_SHARE):
        return 0.0
    is_rest = np.ones(len(peaks), bool)
    for frame in loud:
        is_rest[max(0, frame - _BEFORE_FRAMES) : frame + _TAIL_FRAMES] = False
    rest = peaks[is_rest]
    level = _loudest(rest, _LOUD_FRAMES, _SHORTEST_SHARE)
    return level if level > _SPEECH_RATIO * float(np.median(rest)) else 0.0


def _finite(block: Samples) -> Samples:
    return np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)


def _steps(block: Samples) -> Samples:
    """The differences of samples, in which an offset is nothing and hum is little."""
    return np.diff(block, prepend=block[:1])


def _level(samples: Samples) -> float:
    """The peak that the loudest frames reach, `_LOUD_FRAMES` of them."""
    return _loudest(_frame_peaks(samples), _LOUD_FRAMES, _SHORTEST_SHARE)


def _loudest(peaks: Samples, count: int, share: int) -> float:
    """The peak that so many frames reach, or, of few frames, one in `share`."""
    count = max(1, min(count, len(peaks) // share))
    return float(np.partition(peaks, -count)[-count])


def _frame_peaks(samples: Samples) -> Samples:
    """The peak of each frame of 20 ms; the last one may be shorter."""
    peaks: Samples = np.maximum.reduceat(np.abs(samples), np.arange(0, len(samples), _FRAME))
    return peaks


def _without_hum(block: Samples) -> Samples:
    """The block without its lowest frequencies. Beyond its edges it is continued as a point reflection."""
    edge = min(_EDGE, len(block) - 1)
    before = 2 * block[0] - block[edge:0:-1]
    after = 2 * block[-1] - block[-2 : -2 - edge : -1]
    longer = np.concatenate([before, block, after]) - block.mean()
    size = -(-len(longer) // _FFT_STEP) * _FFT_STEP
    spectrum = np.fft.rfft(longer, size)
    frequencies = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    share = np.clip((frequencies - _STOP_HERTZ) / (_PASS_HERTZ - _STOP_HERTZ), 0.0, 1.0)
    filtered = np.fft.irfft(spectrum * (0.5 - 0.5 * np.cos(np.pi * share)), size)
    return filtered[edge : edge + len(block)].astype(np.float32)


def _limited_gain(samples: Samples, gain: float) -> Samples:
    """The gain of each sample: less around frames that would be over full scale, a click or a near word."""
    peaks = np.pad(_frame_peaks(samples), 1, mode="edge")
    loudest = np.lib.stride_tricks.sliding_window_view(peaks, 3).max(axis=1)
    gains = np.minimum(gain, 1.0 / np.maximum(loudest, FAINTEST_PEAK))
    middles = (np.arange(len(gains)) + 0.5) * _FRAME
    each: Samples = np.interp(np.arange(len(samples)), middles, gains).astype(np.float32)
    return each
