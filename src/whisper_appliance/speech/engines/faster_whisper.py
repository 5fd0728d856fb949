"""Whisper on CTranslate2, through faster-whisper's tokenizer, features and alignment.

The encoder is given only as much audio as there is, plus three seconds of zeros, instead of Whisper's fixed
30 s: its time falls faster than linearly with length. Short input makes Whisper run on past the end of the
audio, so timestamps stay on, what lies past the end is cut, and tokens are bounded by the audio's length.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from whisper_appliance.errors import EngineFailed, ModelUnavailable
from whisper_appliance.speech.engine import (
    SAMPLE_RATE,
    SPARE_WORKERS,
    EngineSpec,
    Options,
    Samples,
    Window,
    WindowResult,
)
from whisper_appliance.speech.repetition import compression_ratio, cut_loops
from whisper_appliance.speech.transcript import Dropped, Segment, Word

if TYPE_CHECKING:
    from ctranslate2 import StorageView
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer

PADDING_SECONDS = 3.0
MAX_FRAMES = 3000
FRAMES_PER_SECOND = 100
TOKENS_PER_SECOND = 8
RESUME_AFTER_SECONDS = 1.0
LOW_LOGPROB = -1.0
HIGH_COMPRESSION = 2.4
HIGH_NO_SPEECH = 0.6
FALLBACK_TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0)
PREPENDED_PUNCTUATION = "\"'“¿([{-"
APPENDED_PUNCTUATION = "\"'.。,，!！?？:：”)]}、"


@dataclass(frozen=True, slots=True)
class Decoding:
    """One answer of the decoder: tokens with timestamps, and how sure it was."""

    tokens: list[int]
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float

    @property
    def looks_bad(self) -> bool:
        """Worth another try: repetitive, or unlikely although there is speech."""
        if self.compression_ratio > HIGH_COMPRESSION:
            return True
        return self.avg_logprob < LOW_LOGPROB and self.no_speech_prob <= HIGH_NO_SPEECH


class FasterWhisperEngine:
    """A loaded CTranslate2 model; calls from several threads run side by side, one core each on the CPU."""

    name = "faster-whisper"

    def __init__(self, spec: EngineSpec) -> None:
        """Loads the model. Raises `ModelUnavailable` where its files cannot be used."""
        import faster_whisper

        self.version = faster_whisper.__version__
        self._model, self.device, self.compute_type, self.warnings = _load(spec)
        self.multilingual = self._model.model.is_multilingual
        self._tokenizers: dict[tuple[str, str], Tokenizer] = {}

    def transcribe(self, windows: Sequence[Window]) -> list[WindowResult]:
        """Hears each window; see `speech.engine.Engine`."""
        try:
            return [Hearing(self, window).result() for window in windows]
        except (RuntimeError, ValueError, MemoryError) as error:
            raise EngineFailed(f"The model could not work on this audio: {error}") from error

    def tokenizer(self, language: str, task: str) -> "Tokenizer":
        """The tokenizer for a language and task, made once."""
        from faster_whisper.tokenizer import Tokenizer

        key = (language, task)
        if key not in self._tokenizers:
            self._tokenizers[key] = Tokenizer(
                self._model.hf_tokenizer, self.multilingual, task=task, language=language
            )
        return self._tokenizers[key]

    def encode(self, samples: Samples, *, whole: bool = False) -> "StorageView":
        """The encoder's output for the samples and their padding; `whole` pads to Whisper's own 30 s."""
        from faster_whisper.transcribe import get_ctranslate2_storage

        padding = 30 * SAMPLE_RATE - len(samples) if whole else round(PADDING_SECONDS * SAMPLE_RATE)
        features = self._model.feature_extractor(np.pad(samples, (0, max(padding, 0))))
        frames = min(features.shape[-1] // 2 * 2, MAX_FRAMES)
        return self._model.model.encode(
            get_ctranslate2_storage(features[np.newaxis, :, :frames]), to_cpu=False
        )

    def detect_language(self, encoded: "StorageView") -> tuple[str, float]:
        """The most probable language and its probability."""
        token, probability = self._model.model.detect_language(encoded)[0][0]
        return token[2:-2], probability

    def decode(self, encoded: "StorageView", prompt: list[int], tokenizer: "Tokenizer", new_tokens: int,
               beam_size: int, temperature: float) -> Decoding:  # fmt: skip
        """Lets the decoder speak, at most `new_tokens` tokens."""
        from faster_whisper.transcribe import get_suppressed_tokens

        sampling: dict[str, Any] = {"beam_size": beam_size}
        if temperature > 0:
            sampling = {"num_hypotheses": 5, "sampling_topk": 0, "sampling_temperature": temperature}
        result = self._model.model.generate(
            encoded,
            [prompt],
            # CTranslate2 generates at most min(max_length / 2, max_length - prompt) tokens.
            max_length=min(self._model.max_length, max(2 * new_tokens, new_tokens + len(prompt))),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
            max_initial_timestamp_index=50,
            **sampling,
        )[0]
        tokens = result.sequences_ids[0]
        text = tokenizer.decode([token for token in tokens if token < tokenizer.eot])
        logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)
        return Decoding(tokens, logprob, result.no_speech_prob, compression_ratio(text), temperature)

    def add_words(
        self, segments: list[Segment], tokenizer: "Tokenizer", encoded: "StorageView", seconds: float
    ) -> list[Segment]:
        """The segments with the times of their words (dynamic time warping over the cross-attention)."""
        drafts: list[dict[str, Any]] = [
            {"seek": 0, "start": s.start, "end": s.end, "tokens": list(s.tokens)} for s in segments
        ]
        if not drafts:
            return segments
        frames = min(math.ceil(seconds * FRAMES_PER_SECOND), MAX_FRAMES)
        self._model.add_word_timestamps(
            [drafts], tokenizer, encoded, frames, PREPENDED_PUNCTUATION, APPENDED_PUNCTUATION, 0.0
        )
        return [_with_words(segment, draft) for segment, draft in zip(segments, drafts, strict=True)]

    def prompt(self, tokenizer: "Tokenizer", options: Options, previous_text: str | None) -> list[int]:
        """The tokens the decoder starts from: hot words, prompt and what was said before, then the task."""
        before = " ".join(part.strip() for part in (options.prompt, previous_text) if part)
        previous = tokenizer.encode(" " + before) if before else []
        tokens: list[int] = self._model.get_prompt(tokenizer, previous, hotwords=options.hotwords)
        return tokens


class Hearing:
    """One window being heard."""

    def __init__(self, engine: FasterWhisperEngine, window: Window) -> None:
        self._engine = engine
        self._window = window
        self._options = window.options
        self._whole = window.options.quality == "accurate"
        self._beam_size = window.options.beam_size or (5 if self._whole else 1)
        self._language = "en" if not engine.multilingual else window.options.language
        self._probability = 1.0
        self._dropped: list[Dropped] = []

    def result(self) -> WindowResult:
        """Hears the window to its end: where the decoder stopped early, it is asked again from there."""
        segments: list[Segment] = []
        position = 0.0
        while position < self._seconds:
            part, reached = self._part(position)
            segments += part
            stuck = reached <= position or not part
            position = self._seconds if stuck else reached
            if self._whole or self._seconds - position <= RESUME_AFTER_SECONDS:
                break
        return WindowResult(
            tuple(segments), self._language or "en", self._probability, tuple(self._dropped), position
        )

    @property
    def _seconds(self) -> float:
        return len(self._window.samples) / SAMPLE_RATE

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        return self._engine.tokenizer(self._language or "en", self._options.task)

    def _part(self, position: float) -> tuple[list[Segment], float]:
        """The segments from `position` seconds of the window on, and how far the decoder came."""
        samples = self._window.samples[round(position * SAMPLE_RATE) :]
        seconds = len(samples) / SAMPLE_RATE
        encoded = self._engine.encode(samples, whole=self._whole)
        if self._language is None:
            self._language, self._probability = self._engine.detect_language(encoded)
        decoding = self._decode(encoded, seconds)
        segments, reached = self._segments(decoding, seconds)
        if self._options.word_timestamps:
            segments = self._engine.add_words(segments, self._tokenizer, encoded, seconds)
        return [_shifted(segment, position) for segment in segments], position + reached

    def _decode(self, encoded: "StorageView", seconds: float) -> Decoding:
        """Greedy first; beam search and rising temperatures only where the answer looks bad."""
        options = self._options
        prompt = self._engine.prompt(self._tokenizer, options, self._window.previous_text)
        new_tokens = min(math.ceil(seconds * TOKENS_PER_SECOND) + 12, 224)
        best: Decoding | None = None
        for beam_size, temperature in self._attempts():
            decoding = self._engine.decode(
                encoded, prompt, self._tokenizer, new_tokens, beam_size, temperature
            )
            if not decoding.looks_bad:
                return decoding
            if best is None or decoding.avg_logprob > best.avg_logprob:
                best = decoding
        assert best is not None  # noqa: S101 - there is always a first attempt
        return best

    def _attempts(self) -> list[tuple[int, float]]:
        options = self._options
        if options.temperature:
            return [(1, options.temperature)]
        attempts = [(self._beam_size, 0.0)]
        if options.quality == "fast":
            return attempts
        if self._beam_size == 1:
            attempts.append((5, 0.0))
        if options.temperature is None:
            attempts += [(1, temperature) for temperature in FALLBACK_TEMPERATURES]
        return attempts

    def _segments(self, decoding: Decoding, seconds: float) -> tuple[list[Segment], float]:
        """Cuts the tokens at their timestamps. What begins at or after the end of the audio was invented."""
        if decoding.no_speech_prob > HIGH_NO_SPEECH and decoding.avg_logprob < LOW_LOGPROB:
            self._drop(
                self._tokenizer.decode([t for t in decoding.tokens if t < self._tokenizer.eot]),
                0.0,
                seconds,
                "no speech",
            )
            return [], seconds
        phrases, reached = phrases_of(
            decoding.tokens, self._tokenizer.timestamp_begin, self._tokenizer.eot, seconds
        )
        segments = []
        for start, end, tokens in phrases:
            text = self._tokenizer.decode(tokens)
            if not text.strip():
                continue
            kept, cut = cut_loops(text)
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
                )
            )
        return segments, reached

    def _drop(self, text: str, start: float, end: float, reason: str) -> None:
        if text.strip():
            self._dropped.append(Dropped(start, end, text.strip(), reason))


def phrases_of(
    tokens: list[int], timestamp_begin: int, eot: int, seconds: float
) -> tuple[list[tuple[float, float, list[int]]], float]:
    """(start, end, text tokens) of each phrase, and the time up to which the audio was heard.

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


def _load(spec: EngineSpec) -> "tuple[WhisperModel, str, str, tuple[str, ...]]":
    import ctranslate2
    from faster_whisper import WhisperModel

    def open_on(device: str) -> "tuple[WhisperModel, str]":
        compute_type = spec.compute_type
        if compute_type == "auto":
            compute_type = "int8" if device == "cpu" else "float16"
        model = WhisperModel(str(spec.path), device=device, compute_type=compute_type, local_files_only=True,
                             cpu_threads=1, num_workers=spec.workers + SPARE_WORKERS)  # fmt: skip
        return model, str(model.model.compute_type)

    try:
        if spec.device == "cuda" or (spec.device == "auto" and ctranslate2.get_cuda_device_count() > 0):
            try:
                model, compute_type = open_on("cuda")
                # A missing cuDNN or cuBLAS shows only when something runs.
                model.model.encode(
                    ctranslate2.StorageView.from_array(np.zeros((1, model.model.n_mels, 100), np.float32))
                )
            except (RuntimeError, ValueError) as error:
                model, compute_type = open_on("cpu")
                return model, "cpu", compute_type, (f"The GPU cannot be used ({error}); working on the CPU.",)
            return model, "cuda", compute_type, ()
        model, compute_type = open_on("cpu")
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelUnavailable(f"The model {spec.model} could not be loaded: {error}") from error
    return model, "cpu", compute_type, ()


def _with_words(segment: Segment, draft: dict[str, Any]) -> Segment:
    words = tuple(
        Word(float(w["start"]), float(w["end"]), w["word"], float(w["probability"]))
        for w in draft.get("words", ())
    )
    return replace(segment, start=float(draft["start"]), end=float(draft["end"]), words=words)


def _shifted(segment: Segment, seconds: float) -> Segment:
    if not seconds:
        return segment
    words = tuple(replace(word, start=word.start + seconds, end=word.end + seconds) for word in segment.words)
    return replace(segment, start=segment.start + seconds, end=segment.end + seconds, words=words)
