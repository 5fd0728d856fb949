"""Settings of models and the engine that runs them."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from whisper_appliance.config.settings.section import Section
from whisper_appliance.config.types import ModelByLanguage
from whisper_appliance.core.engine_names import AUTO, installed_engines

if TYPE_CHECKING:
    EngineName = str
else:
    EngineName = Literal[(AUTO, *installed_engines())]  # the choices of the admin panel


class EngineSettings(Section):
    """Which models run, where and with which number format."""

    title = "Models and engine"

    whisper_model: str = Field("base", description="Model that is used when a request names none.")
    model_by_language: ModelByLanguage = Field(
        [],
        description="Models for languages, en:base.en,de:small, for recordings whose request names no model; "
        "other languages get WHISPER_MODEL.",
    )
    default_language: str = Field(
        "",
        pattern="^([a-z]{2,3})?$",
        description="Language of recordings that the page proposes, such as de; empty: detected.",
    )
    whisper_engine: EngineName = Field(
        "auto", description="Engine that runs the models; auto: onnxruntime on a CPU, faster-whisper on CUDA."
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where models run.")
    compute_type: str = Field(
        "auto",
        description="Number format of the weights: auto (int8 on CPU, float16 on CUDA), int8, float32, ...",
    )
    worker_processes: int = Field(
        0,
        ge=0,
        le=256,
        description="Windows of audio worked on side by side on the CPU; 0 means one per core.",
    )
    audio_chunk_size: float = Field(
        20,
        ge=5,
        le=30,
        description="Seconds of speech in one window, cut at silence; at most 14 where quality is fast.",
    )
    model_cache_size: int = Field(1, ge=1, le=16, description="Models kept loaded at once.")
    model_idle_timeout: float = Field(
        300, ge=0, description="Seconds without work after which a model is unloaded; 0 keeps it."
    )
    model_warm_up: bool = Field(True, description="Load WHISPER_MODEL right after the start.")
    diarization_model: Path | None = Field(
        None,
        description="Folder with another model of speakers (segmentation.onnx, embedding.onnx); empty: "
        "the one of the extra `diarization`.",
    )
    translation_models: Path | None = Field(
        None,
        description="Folder with models that translate text (Marian's, such as OPUS-MT, in the format of "
        "CTranslate2), each pair of languages in a subfolder such as `de-en`; empty: none.",
    )
    model_downloads: bool = Field(True, description="Let the appliance download models from the hub.")
