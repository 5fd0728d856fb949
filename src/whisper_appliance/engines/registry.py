"""Engine registry: loads the engine that a specification names.

The names come from `core.engine_names`: built-in engines, and entry points of other packages.
"""

import gc
from contextlib import suppress
from importlib import import_module
from typing import cast

from whisper_appliance.core.engine_names import AUTO, BUILT_IN, installed_engines
from whisper_appliance.core.errors import ModelUnavailable
from whisper_appliance.engines.contract import Engine, EngineSpec

ON_CPU = "onnxruntime"
ON_CUDA = "faster-whisper"
"""It also runs the models and number formats that the engine for CPUs does not support."""


def load_engine(spec: EngineSpec) -> Engine:
    """Loads the engine `spec.engine` with its model. Raises `ModelUnavailable`."""
    return _load_fastest(spec) if spec.engine == AUTO else _load(spec.engine, spec)


def _load_fastest(spec: EngineSpec) -> Engine:
    from whisper_appliance.engines.faster_whisper.cuda import has_cuda, unusable_card

    if spec.compute_type not in ("auto", "int8"):
        return _load(ON_CUDA, spec)
    notices = unusable_card(spec.device)
    if has_cuda(spec.device):
        engine = _load(ON_CUDA, spec)
        if engine.device == "cuda":
            return engine
        notices = engine.warnings  # they hold why the card cannot be used
        del engine
    with suppress(ModelUnavailable):
        engine = _load(ON_CPU, spec)
        engine.warnings = (*notices, *engine.warnings)
        return engine
    gc.collect()  # frees what was loaded before the failure
    return _load(ON_CUDA, spec)


def _load(name: str, spec: EngineSpec) -> Engine:
    path = BUILT_IN.get(name) or installed_engines().get(name)
    if path is None:
        raise ModelUnavailable("There is no engine {name}. Check WHISPER_ENGINE.", name=name)
    module, _, made_by = path.partition(":")
    return cast(Engine, getattr(import_module(module), made_by)(spec))
