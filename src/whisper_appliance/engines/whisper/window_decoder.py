"""Window decoder: encodes, decodes with temperature fallback, splits at timestamps into segments.

The encoder gets the audio plus three seconds of zeros instead of Whisper's fixed 30 s, because its time falls
faster than linearly with length. With short input Whisper runs on past the end of the audio; so timestamps
stay on, segments past the end are cut, and the number of tokens is bounded by the length of the audio.
"""

import math
from collections import defaultdict
from collections.abc import Generator, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.engines.contract import NO_SPEECH, Options, Quality, Window, WindowResult
from whisper_appliance.engines.whisper.decoder_api import (
    HIGH_COMPRESSION,
    HIGH_NO_SPEECH,
    LOW_LOGPROB,
    DecodeRequest,
    DecodeResult,
    Part,
    WhisperBackend,
)
from whisper_appliance.engines.whisper.repetition import (
    are_alike,
    compression_ratio,
    is_plausible_speech,
    remove_repetition_loops,
    repeats,
)
from whisper_appliance.transcript.model import Dropped, Segment

WHOLE_SECONDS = 30.0
PADDING_SECONDS = 3.0
TOKENS_PER_SECOND = 8
MAX_TOKENS = 224
MAX_PREFIX_TOKENS = 180
MAX_PROMPT_TOKENS = 223
"""Half of the decoder's context, for the prompt and for hot words each."""
RESUME_AFTER_SECONDS = 1.0
FALLBACK_TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0)
SAMPLES = len(FALLBACK_TEMPERATURES)
BEAMS: dict[Quality, int] = {"fast": 1, "balanced": 1, "accurate": 5}
UNSURE_LOGPROB = -0.5
"""Below it, the first window of a recording is searched with beams at quality "balanced"; where the words are
clear, that costs nothing (docs/develop/onnx-engine.md).
"""
MOST_TIMES = 3
"""A window with fallbacks costs at most so many times a good one."""
ENCODER_STEPS_PER_SECOND = 3.6
"""What the encoder costs, in decoder steps of one row."""
SPOKEN_TOKENS_PER_SECOND = 3.5
LANGUAGE_PART_SECONDS = 4.0
OTHER_LANGUAGE_PROBABILITY = 0.8
"""A part of a window may be in another language if that has this probability in it."""
LEAST_TOKENS_PER_SECOND = 4.0
"""The first fallback gets at least so many, and a later one is left out that would get fewer."""


def decode_windows(model: WhisperBackend, windows: Sequence[Window]) -> list[WindowResult]:
    """The result of each window.

    Requests of several windows with equal `batch_key` are decoded in one batch, because a decoder step costs
    little more for four windows than for one.
    """
    longest = max(len(window.samples) for window in windows) / SAMPLE_RATE + PADDING_SECONDS
    results: dict[int, WindowResult] = {}
    running = {
        number: WindowDecoder(model, window, None if model.batches_any_length else longest).steps()
        for number, window in enumerate(windows)
    }
    requests = {
        number: request
        for number, steps in running.items()
        if (request := _next(steps, None, number, results))
    }
    while requests:
        together: dict[Hashable, list[int]] = defaultdict(list)
        for number, request in requests.items():
            together[request.batch_key].append(number)
        for numbers in together.values():
            decoded = model.decode([requests.pop(number) for number in numbers])
            for number, result in zip(numbers, decoded, strict=True):
                if request := _next(running[number], result, number, results):
                    requests[number] = request
            del decoded, result  # they hold the encoded audio
    return [results[number] for number in range(len(windows))]


_Steps = Generator[DecodeRequest, DecodeResult, WindowResult]


def _next(
    steps: _Steps, result: DecodeResult | None, number: int, results: dict[int, WindowResult]
) -> DecodeRequest | None:
    try:
        return next(steps) if result is None else steps.send(result)
    except StopIteration as end:
        results[number] = end.value
        return None


class WindowDecoder:
    """Decodes one window; the encoder gets `encoded_seconds`, padded with zeros, or the window's length."""

    def __init__(self, model: WhisperBackend, window: Window, encoded_seconds: float | None) -> None:
        self._model = model
        self._window = window
        self._encoded_seconds = encoded_seconds
        self._options = window.options
        self._whole = window.options.quality == "accurate"
        self._beam_size = window.options.beam_size or BEAMS[window.options.quality]
        self._language = "en" if not model.multilingual else window.options.language
        self._probability = 1.0
        self._may_be_mixed = False
        self._position = 0.0
        self._dropped: list[Dropped] = []
        self._tokens: list[int] = []
        self._temperature = 0.0

    def steps(self) -> _Steps:
        """A generator of requests. Decodes to the end: if the decoder stops early, continues from there."""
        if self._window.detect_only:
            encoded = self._model.encode(self._window.samples, self._to_encode(0.0, self._seconds))
            language, probability = ("en", 1.0)
            if self._model.multilingual:
                ((language, probability),) = self._detect(encoded)
            return WindowResult((), language, probability, (), self._seconds)
        if self._window.text_to_align:
            return self._aligned(self._window.text_to_align)
        segments: list[Segment] = []
        position = 0.0
        while position < self._seconds:
            part, reached = yield from self._part(position)
            segments += part
            stuck = reached <= position or not part
            position = self._seconds if stuck else reached
            if not self._window.decode_to_end or self._seconds - position <= RESUME_AFTER_SECONDS:
                break
        return WindowResult(
            tuple(segments),
            self._language or "en",
            self._probability,
            tuple(self._dropped),
            position,
            tuple(self._tokens),
            self._temperature,
            self._is_prompt_cut,
            self._may_be_mixed,
        )

    def _aligned(self, text: str) -> WindowResult:
        """Forced alignment: the decoder gets the text, its cross-attention gives the times of the words."""
        encoded = self._model.encode(self._window.samples, self._to_encode(0.0, self._seconds))
        self._language = self._language or self._detect(encoded)[0][0]
        segment = Segment(0.0, self._seconds, text, tokens=tuple(self._tokenizer.encode(text)))
        segments: list[Segment] = [segment]
        if len(segment.tokens) <= MAX_TOKENS:
            segments = self._model.add_word_timestamps(segments, self._tokenizer, encoded, self._seconds)
        return WindowResult(tuple(segments), self._language, 1.0, (), self._seconds)

    @property
    def _is_prompt_cut(self) -> bool:
        given = (text.strip() for text in (self._options.prompt, self._options.hotwords) if text)
        return any(
            len(text.encode()) > MAX_PROMPT_TOKENS and len(self._tokenizer.encode(text)) > MAX_PROMPT_TOKENS
            for text in given
        )

    @property
    def _given(self) -> str:
        """The prompt and the words to expect: of repetitive ones Whisper goes on, whatever is said."""
        return " ".join(text for text in (self._options.prompt, self._options.hotwords) if text)

    def _text(self, decoding: DecodeResult) -> str:
        return str(self._tokenizer.decode([t for t in decoding.tokens if t < self._tokenizer.eot]))

    @property
    def _seconds(self) -> float:
        return len(self._window.samples) / SAMPLE_RATE

    @cached_property
    def _tokenizer(self) -> Any:
        return self._model.tokenizer(self._language or "en", self._options.task)

    def _detect_languages(self, encoded: Any, seconds: float) -> None:
        """Sets the language of the window, and whether a part of it may be in another one."""
        count = int(seconds / LANGUAGE_PART_SECONDS)
        parts = [(seconds / count * part, seconds / count * (part + 1)) for part in range(count)]
        (self._language, self._probability), *others = self._detect(encoded, parts if count > 1 else [])
        self._may_be_mixed = any(
            language != self._language and probability >= OTHER_LANGUAGE_PROBABILITY
            for language, probability in others
        )

    def _detect(self, encoded: Any, parts: Sequence[Part] = ()) -> list[tuple[str, float]]:
        """The most probable language of the candidates, and its probability among them; also in each part."""
        return [self._likeliest(each) for each in self._model.language_probabilities(encoded, parts)]

    def _likeliest(self, probabilities: Mapping[str, float]) -> tuple[str, float]:
        candidates = [code for code in self._options.languages if code in probabilities] or list(
            probabilities
        )
        best = max(candidates, key=probabilities.__getitem__)
        total = sum(probabilities[code] for code in candidates)
        return best, probabilities[best] / total if total else 0.0

    def _part(self, position: float) -> Generator[DecodeRequest, DecodeResult, tuple[list[Segment], float]]:
        """The segments from `position` seconds of the window on, and where the decoder stopped."""
        samples = self._window.samples[round(position * SAMPLE_RATE) :]
        seconds = len(samples) / SAMPLE_RATE
        encoded = self._model.encode(samples, self._to_encode(position, seconds))
        if self._language is None:
            self._detect_languages(encoded, seconds)
        decoding = yield from self._decode(encoded, seconds, self._options, at_the_beginning=not position)
        if self._given and repeats(self._text(decoding), self._given):
            unaided = replace(self._options, prompt=None, hotwords=None)
            other = yield from self._decode(encoded, seconds, unaided, at_the_beginning=not position)
            if not are_alike(self._text(other), self._text(decoding)):
                decoding = other
        self._temperature = max(self._temperature, decoding.temperature)
        self._position = position
        segments, reached = self._segments(decoding, seconds)
        if self._options.word_timestamps:
            if decoding.encoded_with_attention is not None:
                encoded = decoding.encoded_with_attention
            segments = self._model.add_word_timestamps(segments, self._tokenizer, encoded, seconds)
        return [_shifted(segment, position) for segment in segments], position + reached

    def _to_encode(self, position: float, seconds: float) -> float:
        if self._whole:
            return WHOLE_SECONDS
        if position or self._encoded_seconds is None:
            return seconds + PADDING_SECONDS
        return self._encoded_seconds

    def _decode(
        self, encoded: Any, seconds: float, options: Options, *, at_the_beginning: bool
    ) -> Generator[DecodeRequest, DecodeResult, DecodeResult]:
        """Temperature fallback: greedy, then beam search, then sampling while it `needs_fallback`.

        All of it costs at most `MOST_TIMES` a good window. A plausible text that is unsure has no such limit:
        the search for a better one may need as many tokens.
        """
        prompt = self._model.prompt(self._tokenizer, options, self._window.previous_tokens)
        prefix: tuple[int, ...] = ()
        if at_the_beginning and self._window.prefix_text:
            prefix = tuple(self._tokenizer.encode(" " + self._window.prefix_text.strip()))
            prefix = prefix if len(prefix) <= MAX_PREFIX_TOKENS else ()  # too long: all is decoded anew
        if prefix:
            seconds = max(0.0, seconds - self._window.prefix_seconds)
        new_tokens = min(len(prefix) + math.ceil(seconds * TOKENS_PER_SECOND) + 12, MAX_TOKENS)
        best: DecodeResult | None = None
        unsure: DecodeResult | None = None
        left = MOST_TIMES * good_cost(seconds, self._beam_size) - seconds * ENCODER_STEPS_PER_SECOND
        least = seconds * LEAST_TOKENS_PER_SECOND
        for attempt, (beam_size, temperatures) in enumerate(self._attempts()):
            step = step_cost(max(beam_size, len(temperatures)))
            if attempt and unsure is None:
                if attempt > 1 and left / step < least:
                    break
                new_tokens = min(new_tokens, len(prefix) + round(max(left / step, least)))
            decoding = yield DecodeRequest(
                encoded, prompt, self._tokenizer, new_tokens, beam_size, temperatures, prefix,
                keep_attention=self._options.word_timestamps, batch=self._window.batch,
                seed=self._options.seed,
            )  # fmt: skip
            if not decoding.needs_fallback or self._is_real_repetition(decoding, seconds):
                if attempt or not self._is_unsure(decoding):
                    return decoding
                unsure = decoding
            elif unsure:
                return unsure
            if best is None or decoding.avg_logprob > best.avg_logprob:
                best = decoding
            left -= len(decoding.tokens) * step
        assert best is not None  # noqa: S101 - there is always a first attempt
        return best

    def _is_real_repetition(self, decoding: DecodeResult, seconds: float) -> bool:
        """Whether a text repeats itself because it was said again: each phrase has the time that it takes."""
        if decoding.avg_logprob < LOW_LOGPROB:
            return False
        begin, eot = self._tokenizer.timestamp_begin, self._tokenizer.eot
        phrases, _ = split_at_timestamps(decoding.tokens, begin, eot, seconds)
        texts = [(self._tokenizer.decode(tokens), end - start) for start, end, tokens in phrases]
        return len(texts) > 1 and all(
            compression_ratio(text) <= HIGH_COMPRESSION and is_plausible_speech(text, spoken)
            for text, spoken in texts
        )

    def _is_unsure(self, decoding: DecodeResult) -> bool:
        """Whether a plausible text of a greedy decoder is searched for a better one."""
        options = self._options
        is_greedy = options.quality == "balanced" and self._beam_size == 1 and not options.temperature
        return is_greedy and self._window.batch == "alone" and decoding.avg_logprob < UNSURE_LOGPROB

    def _attempts(self) -> list[tuple[int, tuple[float, ...]]]:
        """(beam size, temperatures) of each attempt."""
        options = self._options
        if options.temperature:
            return [(1, (options.temperature,) * SAMPLES)]
        attempts: list[tuple[int, tuple[float, ...]]] = [(self._beam_size, ())]
        if options.quality == "fast":
            return attempts
        if self._beam_size < BEAMS["accurate"]:
            attempts.append((BEAMS["accurate"], ()))
        if options.temperature is None:
            attempts.append((1, FALLBACK_TEMPERATURES))
        return attempts

    def _segments(self, decoding: DecodeResult, seconds: float) -> tuple[list[Segment], float]:
        """Splits the tokens at their timestamps; segments past the end of the audio are hallucinated."""
        if decoding.no_speech_prob > HIGH_NO_SPEECH and decoding.avg_logprob < LOW_LOGPROB:
            self._drop(
                self._tokenizer.decode([t for t in decoding.tokens if t < self._tokenizer.eot]),
                0.0,
                seconds,
                NO_SPEECH,
            )
            return [], seconds
        begin, tokens = self._tokenizer.timestamp_begin, decoding.tokens
        closed = None if self._window.decode_to_end else tokens_to_resume_from(tokens, begin)
        if closed is not None:
            tokens = tokens[:closed]
        self._tokens += tokens
        phrases, reached = split_at_timestamps(tokens, begin, self._tokenizer.eot, seconds)
        if closed is None and not self._window.decode_to_end:
            reached = seconds
        segments = []
        for start, end, tokens in phrases:
            text = self._tokenizer.decode(tokens)
            if not text.strip():
                continue
            kept, cut = remove_repetition_loops(text, end - start)
            if cut:
                self._drop(cut, start, end, "repetition")
                tokens = self._tokenizer.encode(kept)
            segments.append(
                Segment(
                    start,
                    end,
                    kept,
                    decoding.avg_logprob,
                    decoding.no_speech_prob,
                    decoding.compression_ratio,
                    decoding.temperature,
                    tuple(tokens),
                    language=self._language or "",
                )
            )
        return segments, reached

    def _drop(self, text: str, start: float, end: float, reason: str) -> None:
        if text.strip():
            start, end = start + self._position, end + self._position
            self._dropped.append(Dropped(start, end, text.strip(), reason))


def step_cost(rows: int) -> float:
    """What a decoder step of so many rows costs beside one of one row (docs/develop/onnx-engine.md)."""
    return 0.69 + 0.31 * rows


def good_cost(seconds: float, beams: int) -> float:
    """What a window of speech costs without fallbacks, in decoder steps of one row."""
    tokens = 4 + seconds * SPOKEN_TOKENS_PER_SECOND
    return seconds * ENCODER_STEPS_PER_SECOND + tokens * step_cost(beams)


def tokens_to_resume_from(tokens: list[int], timestamp_begin: int) -> int | None:
    """Sequential mode: how many tokens to keep before the next window resumes; None: all.

    Whisper's rule (openai/whisper, `transcribe`): two timestamps in a row end a segment and begin the next.
    What follows the last such pair is decoded again, unless a single timestamp ends the text.
    """
    stamps = [token >= timestamp_begin for token in tokens]
    pairs = [i for i in range(1, len(stamps)) if stamps[i - 1] and stamps[i]]
    if not pairs or (len(stamps) > 1 and stamps[-1] and not stamps[-2]):
        return None
    return pairs[-1]


def split_at_timestamps(
    tokens: list[int], timestamp_begin: int, eot: int, seconds: float
) -> tuple[list[tuple[float, float, list[int]]], float]:
    """(start, end, text tokens) of each segment, and the time up to which the audio was decoded.

    A timestamp within 0.1 s of the end, once there is text, ends it: what follows lies in the padding.
    """
    phrases: list[tuple[float, float, list[int]]] = []
    start, text, closed = 0.0, list[int](), 0.0
    for token in tokens:
        if token < eot:
            text.append(token)
        elif token >= timestamp_begin:
            time = min((token - timestamp_begin) * 0.02, seconds)
            if text:
                phrases.append((start, max(time, start), text))
                closed, text = time, []
                if time >= seconds - 0.1:
                    return phrases, seconds
            start = time
    if text and start < seconds - 0.1:
        phrases.append((start, seconds, text))
        closed = seconds
    return phrases, closed


def _shifted(segment: Segment, seconds: float) -> Segment:
    if not seconds:
        return segment
    words = tuple(replace(word, start=word.start + seconds, end=word.end + seconds) for word in segment.words)
    return replace(segment, start=segment.start + seconds, end=segment.end + seconds, words=words)
