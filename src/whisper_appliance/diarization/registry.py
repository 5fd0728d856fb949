"""Diarizer registry: loads the diarizer that a specification names."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import cast

from whisper_appliance.core.errors import ModelUnavailable
from whisper_appliance.diarization.contract import Diarizer, DiarizerSpec
from whisper_appliance.diarization.pyannote.weights import packaged_library

DEFAULT = "pyannote"
BUILT_IN: Mapping[str, str] = MappingProxyType(
    {DEFAULT: "whisper_appliance.diarization.pyannote.diarizer:PyannoteDiarizer"}
)


def load_diarizer(spec: DiarizerSpec) -> Diarizer:
    """Loads the diarizer `spec.diarizer` with its model. Raises `ModelUnavailable`."""
    if spec.diarizer not in BUILT_IN:
        raise ModelUnavailable("There is no diarizer {name}.", name=spec.diarizer)
    module, _, made_by = BUILT_IN[spec.diarizer].partition(":")
    return cast(Diarizer, getattr(import_module(module), made_by)(spec))


def is_installed(model: Path | None) -> bool:
    """Whether a diarizer is available: by a model folder, or by the extra `diarization`."""
    return model.is_dir() if model else packaged_library() is not None
