"""Whisper as its authors published it, on PyTorch: the extra `openai-whisper`.

It encodes 30 s whatever the window holds, and its decoder keeps its state in hooks on the model, so windows
are heard one after the other, each with all the threads the engine was given.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from whisper_appliance.errors import EngineFailed, ModelUnavailable
from whisper_appliance.speech.engine import SAMPLE_RATE, EngineSpec, Options, Samples, Window, WindowResult
from whisper_appliance.speech.transcript import Dropped, Segment, Word

if TYPE_CHECKING:
    from whisper import Whisper

CHECKPOINT = "model.pt"
BEAM_SIZE = 5
BEST_OF = 5
FALLBACK_TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
LOW_LOGPROB = -1.0
HIGH_NO_SPEECH = 0.6
INSTALL = "pip install 'whisper-appliance[openai-whisper]'"


class OpenAIWhisperEngine:
    """A loaded checkpoint."""

    name = "openai-whisper"

    def __init__(self, spec: EngineSpec) -> None:
        """Loads the checkpoint: `spec.path` is the `.pt` file, or a folder that holds `model.pt`.

        Raises `ModelUnavailable` where the extra is not installed or the file cannot be used.
        """
        self._model, self.version = _load(spec)
        self.device = self._model.device.type
        self.compute_type = "float16" if self.device == "cuda" else "float32"
        self.multilingual = bool(self._model.is_multilingual)
        self.warnings = _warnings(spec, self.device, self.compute_type)
        self._one_at_a_time = Lock()

    def transcribe(self, windows: Sequence[Window]) -> list[WindowResult]:
        """Hears each window; see `speech.engine.Engine`."""
        try:
            with self._one_at_a_time:
                return [self._hear(window) for window in windows]
        except (RuntimeError, ValueError, MemoryError) as error:
            raise EngineFailed(f"The model could not work on this audio: {error}") from error

    def _hear(self, window: Window) -> WindowResult:
        import whisper

        language, probability = self._language(window.samples, window.options.language)
        heard = whisper.transcribe(
            self._model,
            window.samples,
            language=language,
            fp16=self.compute_type == "float16",
            **_arguments(window),
        )
        spoken = _sorted_out(heard["segments"], len(window.samples) / SAMPLE_RATE)
        return WindowResult(spoken.segments, language, probability, spoken.dropped)

    def _language(self, samples: Samples, wanted: str | None) -> tuple[str, float]:
        """The language that was asked for, or the most probable one and its probability."""
        if not self.multilingual:
            return "en", 1.0
        if wanted:
            return wanted, 1.0
        from whisper.audio import log_mel_spectrogram, pad_or_trim

        mel = log_mel_spectrogram(pad_or_trim(samples), self._model.dims.n_mels).to(self._model.device)
        _, probabilities = self._model.detect_language(mel.half() if self.compute_type == "float16" else mel)
        language = max(probabilities, key=probabilities.__getitem__)
        return str(language), float(probabilities[language])


@dataclass(frozen=True, slots=True)
class Spoken:
    """Segments to keep, and what was left out and why."""

    segments: tuple[Segment, ...]
    dropped: tuple[Dropped, ...]


def _load(spec: EngineSpec) -> "tuple[Whisper, str]":
    try:
        import torch
        import whisper
    except ImportError as error:
        raise ModelUnavailable(
            f"The engine openai-whisper is not installed. Install it with: {INSTALL}"
        ) from error
    from pickle import UnpicklingError

    path = _checkpoint(spec)
    torch.set_num_threads(max(1, spec.workers))
    try:
        # Given a file, whisper reads it with weights_only=True: data, never code.
        model = whisper.load_model(str(path), device=None if spec.device == "auto" else spec.device)
    except (RuntimeError, OSError, EOFError, KeyError, TypeError, UnpicklingError) as error:
        raise ModelUnavailable(f"The model {spec.model} could not be loaded: {error}") from error
    # The heads that follow the words best; whisper knows them by the model's name, not by the file.
    heads = whisper._ALIGNMENT_HEADS.get(spec.model)
    if heads is not None:
        model.set_alignment_heads(heads)
    return model, whisper.__version__


def _checkpoint(spec: EngineSpec) -> Path:
    path = spec.path / CHECKPOINT if spec.path.is_dir() else spec.path
    if not path.is_file():
        raise ModelUnavailable(
            f"The model {spec.model} has no {CHECKPOINT}: openai-whisper reads checkpoints of its own format."
        )
    return path


def _warnings(spec: EngineSpec, device: str, compute_type: str) -> tuple[str, ...]:
    if spec.compute_type in ("auto", compute_type):
        return ()
    return (f"openai-whisper computes in {compute_type} on the {device}, not in {spec.compute_type}.",)


def _arguments(window: Window) -> dict[str, Any]:
    """Our options in the words of `whisper.transcribe`."""
    options = window.options
    accurate = options.quality == "accurate"
    before = [part.strip() for part in (options.hotwords, options.prompt, window.previous_text) if part]
    return {
        "task": options.task,
        "temperature": _temperatures(options),
        "beam_size": options.beam_size or (BEAM_SIZE if accurate else None),
        "best_of": BEST_OF,
        "initial_prompt": " ".join(before) or None,
        "condition_on_previous_text": accurate,
        "word_timestamps": options.word_timestamps,
        "logprob_threshold": LOW_LOGPROB,
        # whisper would skip quiet parts without a word; here they are left out with the reason.
        "no_speech_threshold": None,
    }


def _temperatures(options: Options) -> tuple[float, ...]:
    """One temperature where it was asked for; else rising ones, tried where the answer looks bad."""
    if options.temperature is not None:
        return (options.temperature,)
    return FALLBACK_TEMPERATURES[:1] if options.quality == "fast" else FALLBACK_TEMPERATURES


def _sorted_out(heard: list[dict[str, Any]], seconds: float) -> Spoken:
    segments, dropped = [], []
    for data in heard:
        reason = _reason_to_drop(data, seconds)
        if not data["text"].strip():
            continue
        start, end = min(data["start"], seconds), min(data["end"], seconds)
        if reason:
            dropped.append(Dropped(start, end, data["text"].strip(), reason))
        else:
            segments.append(_segment(data, start, max(start, end), seconds))
    return Spoken(tuple(segments), tuple(dropped))


def _reason_to_drop(data: dict[str, Any], seconds: float) -> str | None:
    if data["no_speech_prob"] > HIGH_NO_SPEECH and data["avg_logprob"] < LOW_LOGPROB:
        return "no speech"
    return "past the end" if data["start"] >= seconds else None


def _segment(data: dict[str, Any], start: float, end: float, seconds: float) -> Segment:
    words = tuple(
        Word(
            min(float(w["start"]), seconds), min(float(w["end"]), seconds), w["word"], float(w["probability"])
        )
        for w in data.get("words", ())
    )
    return Segment(
        float(start),
        float(end),
        data["text"],
        float(data["avg_logprob"]),
        float(data["no_speech_prob"]),
        float(data["compression_ratio"]),
        float(data["temperature"]),
        tuple(data["tokens"]),
        words,
    )
