"""The engine "openai-whisper": Whisper as its authors published it, on PyTorch (extra `openai-whisper`).

It always encodes 30 s, and its decoder keeps its state in hooks on the model. So windows are decoded one
after the other, each with all threads of the engine.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from whisper_appliance.core.errors import EngineFailed, ModelUnavailable
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import EngineSpec, Options, Window, WindowResult
from whisper_appliance.engines.whisper.decoder_api import (
    DecodeRequest,
    DecodeResult,
    Part,
    best_sample,
    positions_of,
)
from whisper_appliance.engines.whisper.window_decoder import decode_windows
from whisper_appliance.transcript.model import Segment, Word

if TYPE_CHECKING:
    from torch import Tensor
    from whisper import Whisper
    from whisper.tokenizer import Tokenizer

CHECKPOINT = "model.pt"
FRAMES_PER_SECOND = 100
MIN_TORCH = Version("2.10")
"""Before it, `weights_only` could be tricked into running code (CVE-2025-32434, CVE-2026-24747)."""
INSTALL = "pip install 'whisper-appliance[openai-whisper]'"


@dataclass(frozen=True, slots=True)
class EncodedAudio:
    """A window padded to 30 s: its log-mel spectrogram and the encoder's output."""

    mel: "Tensor"
    features: "Tensor"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the encoder's output."""
        return tuple(self.features.shape)


class OpenAIWhisperEngine:
    """A loaded checkpoint."""

    name = "openai-whisper"
    batches_any_length = True  # each is of 30 s

    def __init__(self, spec: EngineSpec) -> None:
        """Loads the checkpoint: `spec.path` is the `.pt` file, or a folder that holds `model.pt`.

        Raises `ModelUnavailable` if the extra is not installed or the file cannot be used.
        """
        self._model, self.version = _load(spec)
        self.device = self._model.device.type
        self.compute_type = "float16" if self.device == "cuda" else "float32"
        self.multilingual = bool(self._model.is_multilingual)
        self.warnings = _warnings(spec, self.device, self.compute_type)
        self._one_at_a_time = Lock()

    def transcribe(self, windows: Sequence[Window]) -> list[WindowResult]:
        """See `engines.contract.Engine`."""
        import torch

        try:
            with self._one_at_a_time, torch.no_grad():
                return decode_windows(self, windows)
        except (RuntimeError, ValueError, MemoryError) as error:
            raise EngineFailed("The model could not work on this audio: {error}", error=error) from error

    def tokenizer(self, language: str, task: str) -> "Tokenizer":
        """The tokenizer for a language and task."""
        from whisper.tokenizer import get_tokenizer

        return get_tokenizer(
            self.multilingual, num_languages=self._model.num_languages, language=language, task=task
        )

    def encode(self, samples: Samples, seconds: float) -> EncodedAudio:
        """The encoder's output for the samples; always of 30 s."""
        from whisper.audio import log_mel_spectrogram, pad_or_trim

        mel = log_mel_spectrogram(pad_or_trim(samples), self._model.dims.n_mels).to(self._model.device)
        if self.compute_type == "float16":
            mel = mel.half()
        return EncodedAudio(mel, self._model.embed_audio(mel.unsqueeze(0)))

    def language_probabilities(
        self, encoded: EncodedAudio, parts: Sequence[Part] = ()
    ) -> list[dict[str, float]]:
        """See `WhisperBackend`. Of a part, whisper's `detect_language` takes no encoded audio."""
        _, (whole,) = self._model.detect_language(encoded.features)
        found = [{str(language): float(each) for language, each in whole.items()}]
        return found + [self._languages_of(encoded.features[:, positions_of(part)]) for part in parts]

    def _languages_of(self, features: "Tensor") -> dict[str, float]:
        import torch

        tokenizer = self.tokenizer("en", "transcribe")
        tokens = list(tokenizer.all_language_tokens)
        logits = self._model.logits(torch.tensor([[tokenizer.sot]], device=features.device), features)
        probabilities = logits[0, 0, tokens].float().softmax(dim=-1).tolist()
        return dict(zip(tokenizer.all_language_codes, probabilities, strict=True))

    def decode(self, requests: Sequence[DecodeRequest]) -> list[DecodeResult]:
        """Decodes one request after the other."""
        return [self._sample(one) if one.temperatures else self._decode(one, 0.0) for one in requests]

    def _sample(self, request: DecodeRequest) -> DecodeResult:
        import torch

        torch.manual_seed(request.seed)
        return best_sample([self._decode(request, temperature) for temperature in request.temperatures])

    def _decode(self, request: DecodeRequest, temperature: float) -> DecodeResult:
        # Without the prefix: whisper's rules want a timestamp within the first second behind it.
        from whisper import DecodingOptions, decode

        options = DecodingOptions(
            task=request.tokenizer.task or "transcribe",
            language=request.tokenizer.language or "en",
            prompt=request.prompt,
            sample_len=min(request.new_tokens, self._model.dims.n_text_ctx // 2),
            temperature=temperature,
            beam_size=request.beam_size if temperature == 0 and request.beam_size > 1 else None,
            fp16=self.compute_type == "float16",
        )
        (decoded,) = decode(self._model, request.encoded.features, options)
        return DecodeResult(
            decoded.tokens,
            decoded.avg_logprob,
            decoded.no_speech_prob,
            decoded.compression_ratio,
            temperature,
        )

    def add_word_timestamps(
        self, segments: list[Segment], tokenizer: "Tokenizer", encoded: EncodedAudio, seconds: float
    ) -> list[Segment]:
        """The segments with the times of their words (dynamic time warping over the cross-attention)."""
        from whisper.timing import add_word_timestamps

        drafts: list[dict[str, Any]] = [
            {"seek": 0, "start": s.start, "end": s.end, "tokens": list(s.tokens)} for s in segments
        ]
        add_word_timestamps(
            segments=drafts,
            model=self._model,
            tokenizer=tokenizer,
            mel=encoded.mel,
            num_frames=min(math.ceil(seconds * FRAMES_PER_SECOND), encoded.mel.shape[-1]),
            last_speech_timestamp=0.0,
        )
        return [_with_words(segment, draft) for segment, draft in zip(segments, drafts, strict=True)]

    def prompt(self, tokenizer: "Tokenizer", options: Options, previous: Sequence[int]) -> list[int]:
        """Hot words, prompt and previous tokens; whisper itself adds language and task."""
        given = [part.strip() for part in (options.hotwords, options.prompt) if part]
        return [*(tokenizer.encode(" " + " ".join(given)) if given else []), *previous]


def check_torch(version: str) -> None:
    """Raises `ModelUnavailable` for a PyTorch that may run code from a checkpoint."""
    if Version(version) < MIN_TORCH:
        raise ModelUnavailable(
            "PyTorch {found} may run code from a checkpoint. Install {least} or newer.",
            found=version,
            least=MIN_TORCH,
        )


def _load(spec: EngineSpec) -> "tuple[Whisper, str]":
    try:
        import torch
        import whisper
    except ImportError as error:
        raise ModelUnavailable(
            "The engine openai-whisper is not installed. Install it with: {install}", install=INSTALL
        ) from error
    from pickle import UnpicklingError

    check_torch(torch.__version__)
    path = _checkpoint(spec)
    torch.set_num_threads(max(1, spec.workers))
    try:
        # Given a file, whisper reads it with weights_only=True: data, never code.
        model = whisper.load_model(str(path), device=None if spec.device == "auto" else spec.device)
    except (RuntimeError, OSError, EOFError, KeyError, TypeError, UnpicklingError) as error:
        raise ModelUnavailable(
            "The model {model} could not be loaded: {error}", model=spec.model, error=error
        ) from error
    # The alignment heads; whisper lists them by the model's name, they are not in the file.
    heads = whisper._ALIGNMENT_HEADS.get(spec.model)
    if heads is not None:
        model.set_alignment_heads(heads)
    return model, whisper.__version__


def _checkpoint(spec: EngineSpec) -> Path:
    path = spec.path / CHECKPOINT if spec.path.is_dir() else spec.path
    if not path.is_file():
        raise ModelUnavailable(
            "The model {model} has no {checkpoint}: openai-whisper reads checkpoints of its own format.",
            model=spec.model,
            checkpoint=CHECKPOINT,
        )
    return path


def _warnings(spec: EngineSpec, device: str, compute_type: str) -> tuple[str, ...]:
    if spec.compute_type in ("auto", compute_type):
        return ()
    return (f"openai-whisper computes in {compute_type} on the {device}, not in {spec.compute_type}.",)


def _with_words(segment: Segment, draft: dict[str, Any]) -> Segment:
    words = tuple(
        Word(float(w["start"]), float(w["end"]), w["word"], float(w["probability"]))
        for w in draft.get("words", ())
    )
    return replace(segment, start=float(draft["start"]), end=float(draft["end"]), words=words)
