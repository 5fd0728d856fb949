"""Speech of numbered words: word number 7 is 0.4 s of samples of the value 7, silence is 0.

A decoder that is made for it reads the words off the values, wherever a window is cut; a word that is cut off
becomes another word, as with a real model. So every word of a recording can be accounted for.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import WindowResult
from whisper_appliance.engines.vad import FRAME, Probabilities
from whisper_appliance.transcript.model import Segment, Word

WORD_SECONDS = 0.4
PACKET_SAMPLES = 1600
BROKEN_WORD = 999
"""A window with this word fails."""


def spoken(first: int, stop: int) -> bytes:
    """Words `first` to before `stop` as pcm_s16le."""
    return np.repeat(np.arange(first, stop), round(WORD_SECONDS * SAMPLE_RATE)).astype("<i2").tobytes()


def silence(seconds: float) -> bytes:
    """So many seconds of silence as pcm_s16le."""
    return bytes(2 * round(seconds * SAMPLE_RATE))


def packets(pcm: bytes, size: int = 2 * PACKET_SAMPLES) -> Iterator[bytes]:
    """The audio in packets of so many bytes."""
    return (pcm[at : at + size] for at in range(0, len(pcm), size))


def words_of(samples: Samples) -> list[Word]:
    """The words of these samples, with their times."""
    values = np.rint(samples * 32768).astype(int)
    edges = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    words = []
    for start, stop in pairwise(edges):
        if stop > start and values[start]:
            whole = stop - start >= 0.6 * WORD_SECONDS * SAMPLE_RATE
            text = f" w{values[start]}" if whole else " eh"
            words.append(Word(start / SAMPLE_RATE, stop / SAMPLE_RATE, text, 0.9))
    return words


def decoded(samples: Samples) -> WindowResult:
    """The window result for these samples."""
    words = tuple(words_of(samples))
    seconds = len(samples) / SAMPLE_RATE
    text = "".join(word.word for word in words)
    segments = (Segment(words[0].start, words[-1].end, text, words=words),) if words else ()
    return WindowResult(segments, "en", 1.0, decoded_seconds=seconds)


def is_broken(samples: Samples) -> bool:
    """Whether the broken word is in these samples: enough of it, because real speech has its value too."""
    return int((np.rint(samples * 32768) == BROKEN_WORD).sum()) >= 0.1 * WORD_SECONDS * SAMPLE_RATE


def speech_probabilities(samples: Samples) -> Probabilities:
    """1.0 for each VAD frame with a word in it."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    return np.asarray(np.abs(frames).max(axis=1) > 0, np.float32)
