"""Hypotheses: turns a window result into words with absolute times, and chooses the next window's start."""

from collections.abc import Sequence
from dataclasses import replace

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.engines.contract import WindowResult
from whisper_appliance.live.local_agreement import normalized
from whisper_appliance.transcript.model import Word

GAP_SECONDS = 0.3
SENTENCE_ENDS = (".", "?", "!", "。", "？", "！", "…")
CONTEXT_SECONDS = 3.0
CONTEXT_PAUSE_SECONDS = 2.0
CONTEXT_WORDS = 40
LEAD_SECONDS = 0.3
ROUNDING_SECONDS = 0.01
SQUEEZED_WORDS = 3
SQUEEZED_SECONDS = 0.05


def words_of(result: WindowResult, offset: float) -> list[Word]:
    """The words of a window that starts `offset` seconds into the recording.

    A word of punctuation only is appended to the word before it.
    """
    words: list[Word] = []
    for word in (word for segment in result.segments for word in segment.words):
        if not normalized(word) and words:
            words[-1] = replace(words[-1], word=words[-1].word + word.word.rstrip())
        elif normalized(word):
            words.append(replace(word, start=word.start + offset, end=word.end + offset))
    return _without_squeezed_tail(words)


def _without_squeezed_tail(words: list[Word]) -> list[Word]:
    """Removes last words that are impossibly short, because Whisper repeats sentences into silence."""
    for first in range(len(words) - SQUEEZED_WORDS + 1):
        if words[-1].end - words[first].start < SQUEEZED_SECONDS * (len(words) - first):
            return words[:first]
    return words


def context_start(words: Sequence[Word], sample: int, max_seconds: float = CONTEXT_SECONDS) -> int:
    """The start of a window that decodes from `sample` on, with some committed words as left context.

    Whisper gets the first words wrong if a window begins in the middle of a sentence. The window starts at
    the begin of a sentence within `max_seconds` if there is one, else between two words.
    """
    at = sample / SAMPLE_RATE
    before = [word for word in words[-CONTEXT_WORDS:] if word.end <= at + ROUNDING_SECONDS]
    if not before or at - before[-1].end > CONTEXT_PAUSE_SECONDS:
        return sample
    near = [pair for pair in _pairs(before) if pair[1].start >= at - max_seconds]
    boundaries = [pair for pair in near if is_boundary(*pair)]
    if not near:
        return sample
    last, first = (boundaries or near)[0]
    return round((max(last.end, first.start - LEAD_SECONDS) + first.start) / 2 * SAMPLE_RATE)


def is_boundary(word: Word, following: Word) -> bool:
    """True if a sentence ends or a pause lies between two words."""
    return following.start - word.end > GAP_SECONDS or word.word.rstrip().endswith(SENTENCE_ENDS)


def _pairs(words: Sequence[Word]) -> list[tuple[Word, Word]]:
    """Each word with the one before it; an empty word precedes the first."""
    nothing = replace(words[0], start=0.0, end=0.0, word="") if words else None
    return list(zip([nothing, *words[:-1]], words, strict=True)) if nothing else []
