"""Chants: a word or a short phrase that is said again and again, with pauses; counted by its sound.

Whisper writes it too often, once, or not at all, because its decoder cannot count. In the sound, each copy
is an utterance of its own, and all of them are alike. If they are not alike, the text is a repetition loop
over other speech, which the hallucination filter drops. If Whisper dropped a chant as no speech, its first
copies are decoded by themselves, because for few copies Whisper writes the right word.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import EngineFailed
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import NO_SPEECH, WindowResult
from whisper_appliance.engines.whisper.repetition import UNSPACED
from whisper_appliance.transcript.model import Dropped, Segment, Word
from whisper_appliance.transcription.segmentation import SpeechSpan

MIN_COPIES, MIN_WRITTEN_COPIES = 4, 2
"""Of a chant in its sound, and of those that Whisper writes."""
MAX_WORD_CHARACTERS, MAX_PHRASE_WORDS = 12, 4
MIN_SAME_SHARE = 0.6
"""Some words of a chant may be others, as Whisper writes them at its end or for some copies."""
HOP_SECONDS, FRAME_SECONDS = 0.01, 0.025
MIN_PAUSE_SECONDS, MIN_UTTERANCE_SECONDS = 0.15, 0.08
MAX_UTTERANCE_SECONDS = {1: 1.2, 2: 1.5, 3: 1.8, 4: 2.1}
"""By the words of a copy."""
QUIET_SHARE = 0.1
"""Between utterances the level is below this share of that of the loud frames (-20 dB)."""
MAX_LENGTH_RATIO = 1.6
MIN_LIKENESS = 0.6
MIN_ALIKE_SHARE = 0.75
DECODED_COPIES = 4
MIN_WORD_LOGPROB = -1.0
_BANDS, _STEPS = 24, 8
_STOPS = tuple("、。，．！？・…,.!?;")
_CLAUSES = re.compile(r"[{0}]*[^{0}]+[{0}]*".format("".join(_STOPS)))

Utterance = tuple[float, float]
"""Start and end in seconds from the first sample."""
Phrase = tuple[str, ...]
"""The words of a copy, without case and punctuation."""


@dataclass(frozen=True, slots=True)
class _Run:
    """A stretch of a result in which the same phrase stands again and again."""

    start: float
    end: float
    phrase: Phrase
    segments: tuple[Segment, ...]
    dropped: tuple[Dropped, ...]


def count_chants(
    result: WindowResult,
    span: SpeechSpan,
    read: Callable[[], Samples],
    decode: Callable[[SpeechSpan], WindowResult],
) -> WindowResult:
    """The result in which each chant has as many copies as there are utterances in its sound.

    `read` gives the samples of the span; `decode` decodes a part of it. Other results are returned as
    they are.
    """
    result = count_copies(result, span, read)
    for lost in [one for one in result.dropped if one.reason == NO_SPEECH]:
        run = _Run(lost.start, lost.end, ("",), (), ())
        if spoken := _spoken(run, result, span, read):
            with suppress(EngineFailed):  # it stays dropped
                phrase, again = _decode_phrase(span, spoken, decode)
                if phrase and again.avg_logprob >= MIN_WORD_LOGPROB:
                    found = replace(result, dropped=tuple(one for one in result.dropped if one != lost))
                    result = _with_chant(found, replace(run, phrase=phrase, segments=again.segments), spoken)
    return result


def count_copies(result: WindowResult, span: SpeechSpan, read: Callable[[], Samples]) -> WindowResult:
    """The result in which each chant that is written has as many copies as there are utterances."""
    for run in list(_runs(result)):
        if spoken := _spoken(run, result, span, read):
            result = _with_chant(result, run, spoken)
    return result


def _spoken(
    run: _Run, result: WindowResult, span: SpeechSpan, read: Callable[[], Samples]
) -> list[Utterance]:
    """The utterances of the run, if they are those of a chant."""
    between = _around(run, result, (span.stop - span.start) / SAMPLE_RATE)
    spoken = _utterances(read(), between, MAX_UTTERANCE_SECONDS[len(run.phrase)])
    return spoken if spoken and _is_voice(span, spoken) else []


def _decode_phrase(
    span: SpeechSpan, spoken: Sequence[Utterance], decode: Callable[[SpeechSpan], WindowResult]
) -> tuple[Phrase, WindowResult]:
    """The phrase of the first copies, and the result that has it; no words if there is none.

    Whisper may write one copy for all of them. It counts if the first by itself has half of its words.
    """
    several = decode(_first_copies(span, spoken, DECODED_COPIES))
    if phrase := _only_phrase(several.segments):
        return phrase, several
    words = _words(several.text)
    if not 0 < len(words) <= MAX_PHRASE_WORDS:
        return (), several
    one = decode(_first_copies(span, spoken, 1))
    phrase = tuple(_words(one.text))
    same = sum(word == other for word, other in zip(phrase, words, strict=False))
    return (phrase if len(phrase) == len(words) <= 2 * same else ()), one


def _first_copies(span: SpeechSpan, spoken: Sequence[Utterance], copies: int) -> SpeechSpan:
    """The part with the first utterances, from the middle of a pause to the middle of a pause."""
    margin = MIN_PAUSE_SECONDS / 2
    count = min(copies, len(spoken))
    start, stop = max(0.0, spoken[0][0] - margin), spoken[count - 1][1] + margin
    return replace(
        span,
        start=span.start + round(start * SAMPLE_RATE),
        stop=min(span.stop, span.start + round(stop * SAMPLE_RATE)),
    )


def _with_chant(result: WindowResult, run: _Run, spoken: Sequence[Utterance]) -> WindowResult:
    kept = [one for one in result.segments if one not in run.segments]
    segments = sorted([*kept, _chant(run, spoken)], key=lambda segment: segment.start)
    dropped = tuple(one for one in result.dropped if one not in run.dropped)
    return replace(result, segments=tuple(segments), dropped=dropped)


def _around(run: _Run, result: WindowResult, seconds: float) -> tuple[float, float]:
    """Where the run may be: between the texts before and after it, because its own times are guesses."""
    others = [s for s in result.segments if s not in run.segments]
    before = [one.end for one in others if one.start < run.start]
    after = [one.start for one in others if one.start >= run.start]
    return max(before, default=0.0), min(after, default=seconds)


def _utterances(samples: Samples, between: tuple[float, float], longest: float) -> list[Utterance]:
    """The utterances between two times if there are enough, all of them alike; otherwise none."""
    first, last = (round(seconds * SAMPLE_RATE) for seconds in between)
    part = samples[first:last]
    found = find_utterances(part)
    if len(found) < MIN_COPIES or not are_alike(part, found, longest):
        return []
    return [(round(start + between[0], 3), round(stop + between[0], 3)) for start, stop in found]


def find_utterances(samples: Samples) -> list[Utterance]:
    """The stretches of sound between pauses."""
    hop, size = round(HOP_SECONDS * SAMPLE_RATE), round(FRAME_SECONDS * SAMPLE_RATE)
    if len(samples) < size:
        return []
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[::hop]
    levels = np.sqrt(np.square(frames).mean(axis=1))
    is_loud = levels > QUIET_SHARE * np.quantile(levels, 0.95)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_loud, [False]]).astype(np.int8)))
    found: list[Utterance] = []
    for start, stop in edges.reshape(-1, 2) * HOP_SECONDS:
        if found and start - found[-1][1] < MIN_PAUSE_SECONDS:
            found[-1] = (found[-1][0], float(stop))
        else:
            found.append((float(start), float(stop)))
    return [(start, stop) for start, stop in found if stop - start >= MIN_UTTERANCE_SECONDS]


def are_alike(samples: Samples, utterances: Sequence[Utterance], longest: float) -> bool:
    """Whether most utterances are the same words, by their lengths (in seconds) and spectra over time."""
    lengths = np.asarray([stop - start for start, stop in utterances])
    typical = float(np.median(lengths))
    if typical > longest:
        return False
    ratios = np.maximum(lengths / typical, typical / lengths)
    shapes = np.stack([_shape(samples, utterance) for utterance in utterances])
    likeness = np.median(np.corrcoef(shapes), axis=1)
    alike = (ratios <= MAX_LENGTH_RATIO) & (likeness >= MIN_LIKENESS)
    return float(alike.mean()) >= MIN_ALIKE_SHARE


def _shape(samples: Samples, utterance: Utterance) -> npt.NDArray[np.float64]:
    """The spectrum of an utterance in some bands, at some steps of its time, without its level."""
    start, stop = (round(seconds * SAMPLE_RATE) for seconds in utterance)
    size = round(FRAME_SECONDS * SAMPLE_RATE)
    spoken = np.pad(samples[start:stop], (0, max(0, size - (stop - start))))
    frames = np.lib.stride_tricks.sliding_window_view(spoken, size)[:: size // 2]
    powers = np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)) ** 2
    edges = np.unique(np.geomspace(3, powers.shape[1], _BANDS + 1).astype(int))
    bands = np.log10(np.add.reduceat(powers, edges[:-1], axis=1) + 1e-9)
    steps = np.array_split(bands, _STEPS) if len(bands) >= _STEPS else [bands]
    picture = np.stack([step.mean(axis=0) for step in steps] * (1 if len(steps) > 1 else _STEPS))
    whole: npt.NDArray[np.float64] = (picture - picture.mean()).ravel()
    return whole


def _runs(result: WindowResult) -> Iterator[_Run]:
    """Each stretch whose segments and dropped texts have one phrase only, again and again."""
    texts: list[Segment | Dropped] = sorted((*result.segments, *result.dropped), key=lambda one: one.start)
    copies = [_copies(_written(one.text)) for one in texts]
    first = 0
    while first < len(texts):
        phrase, stop = _end_of_run(copies, first)
        together = texts[first:stop]
        if together:
            yield _Run(
                max(0.0, min(one.start for one in together)),
                max(one.end for one in together),
                phrase,
                tuple(one for one in together if isinstance(one, Segment)),
                tuple(one for one in together if isinstance(one, Dropped)),
            )
        first = max(stop, first + 1)


def _end_of_run(copies: Sequence[tuple[Phrase, int] | None], first: int) -> tuple[Phrase, int]:
    """The phrase and the end of the run that begins with this text; `first` if none does."""
    phrase: Phrase = ()
    count, stop = 0, first
    for one in copies[first:]:
        if one is None or (phrase and one[0] and one[0] != phrase):
            break
        phrase, count, stop = phrase or one[0], count + one[1], stop + 1
    is_short = all(len(word) <= MAX_WORD_CHARACTERS for word in phrase)
    return phrase, stop if count >= MIN_WRITTEN_COPIES and is_short else first


def _copies(written: Sequence[str]) -> tuple[Phrase, int] | None:
    """The phrase that a text consists of, and how often; None if of none, no words if it has none.

    Of a single word some copies may be another one, if there are many.
    """
    words = [_plain(each) for each in written]
    if not words:
        return (), 0
    if (clause := _clause_words(written)) > 1:
        return tuple(words[:clause]), len(words) // clause
    word, same = Counter(words).most_common(1)[0]
    if same == len(words) or (len(words) >= MIN_COPIES and same >= MIN_SAME_SHARE * len(words)):
        return (word,), len(words)
    for size in range(2, MAX_PHRASE_WORDS + 1):
        copies, rest = divmod(len(words), size)
        if not rest and list(words) == list(words[:size]) * copies:
            return tuple(words[:size]), copies
    return None


def _clause_words(written: Sequence[str]) -> int:
    """How many words each clause has, if all are the same ("Bye bye, bye bye."); 0 if they are not."""
    stops = [at for at, each in enumerate(written, 1) if each.endswith(_STOPS)]
    size = stops[0] if stops else 0
    if not 1 < size <= MAX_PHRASE_WORDS or stops != list(range(size, len(written) + 1, size)):
        return 0
    words = [_plain(each) for each in written]
    is_whole = words == words[:size] * (len(words) // size)
    return size if is_whole and (len(words) > size or size == MIN_WRITTEN_COPIES) else 0


def _only_phrase(texts: Sequence[Segment]) -> Phrase:
    """The phrase that all of the texts consist of, at least twice; no words if there is none."""
    phrase, stop = _end_of_run([_copies(_written(one.text)) for one in texts], 0)
    return phrase if stop == len(texts) else ()


def _words(text: str) -> list[str]:
    return [_plain(each) for each in _written(text)]


def _written(text: str) -> list[str]:
    """The words of a text as they are written; of scripts without spaces, the copies of a phrase.

    Only where neither spaces nor punctuation separate them, they are found by what repeats, because a
    reduplicated word like ママ or もしもし repeats by itself.
    """
    pieces = [piece for each in text.split() for piece in _clauses(each) if _plain(piece)]
    return _unspaced_copies(pieces[0]) if len(pieces) == 1 else pieces


def _clauses(word: str) -> list[str]:
    """A word of a script without spaces, cut behind its punctuation; of others, the word."""
    return _CLAUSES.findall(word) if UNSPACED.search(word) else [word]


def _unspaced_copies(piece: str) -> list[str]:
    """The copies in a piece of a script without spaces, the last of which may be cut off; else the piece.

    A single character is no copy, because ママママ may be four words or two.
    """
    plain = _plain(piece)
    longest = len(plain) // MIN_WRITTEN_COPIES if UNSPACED.search(piece) else 0
    if len(set(plain)) == 1:
        return [piece]
    for size in range(2, min(longest, MAX_WORD_CHARACTERS) + 1):
        if plain == (plain[:size] * len(plain))[: len(plain)]:
            return re.findall(rf"(?:\w\W*){{{size}}}", piece)
    return [piece]


def _plain(text: str) -> str:
    return re.sub(r"\W+", "", text).casefold()


def _chant(run: _Run, spoken: Sequence[Utterance]) -> Segment:
    """One segment with a copy for each utterance, written as the first ones were.

    If the text has exactly two for each, and nothing separates them, each utterance has both (もしもし).
    """
    source: list[Segment | Dropped] = [*run.segments, *run.dropped]
    written = [piece for one in source for piece in _written(one.text)]
    size = len(run.phrase)
    parts = [written[at : at + size] for at in range(0, len(written), size)]
    copies = [part for part in parts if tuple(map(_plain, part)) == run.phrase]
    has_spaces = any(one.text.split() == _written(one.text) for one in source)
    space = " " if has_spaces else ""
    if len(copies) == 2 * len(spoken) and not has_spaces and not copies[0][-1].endswith(_STOPS):
        copies = [[one[0] + other[0]] for one, other in zip(copies[::2], copies[1::2], strict=True)]
    following = copies[min(1, len(copies) - 1)]
    texts = [copies[0], *[following] * (len(spoken) - 2), [*following[:-1], _ended(following[-1])]]
    segment = run.segments[0] if run.segments else Segment(spoken[0][0], spoken[-1][1], "")
    words: tuple[Word, ...] = ()
    if segment.words:
        probability = segment.words[0].probability
        words = tuple(
            replace(word, probability=probability)
            for text, utterance in zip(texts, spoken, strict=True)
            for word in _timed(text, utterance, space)
        )
    text = "".join(f"{space}{piece}" for text in texts for piece in text)
    return replace(segment, start=spoken[0][0], end=spoken[-1][1], text=text, words=words)


def _timed(copy: Sequence[str], utterance: Utterance, space: str) -> Iterator[Word]:
    """The words of a copy, each with an equal part of the utterance."""
    edges = np.linspace(*utterance, len(copy) + 1).round(3).tolist()
    for piece, start, end in zip(copy, edges, edges[1:], strict=False):
        yield Word(start, end, f"{space}{piece}", 1.0)


def _ended(text: str) -> str:
    """The last copy, which ends the sentence where the others have a comma."""
    if text.endswith(("、", "，")):
        return f"{text[:-1]}。"
    return f"{text[:-1]}." if text.endswith(",") else text


def _is_voice(span: SpeechSpan, spoken: Sequence[Utterance]) -> bool:
    """Whether most utterances, whose times count from the first sample of the span, are those of a voice."""
    offset = span.start / SAMPLE_RATE
    voiced = sum(span.spoken_seconds(offset + start, offset + stop) > 0 for start, stop in spoken)
    return 2 * voiced >= len(spoken)
