"""Engine names: the speech recognition engines that are built in, and those of other installed packages.

Another package adds an engine by the entry point group `whisper_appliance.engines`: the name is what
WHISPER_ENGINE selects, the object a class that takes an `EngineSpec` (see `engines.contract.Engine`).
The settings and the engine registry both read this module, so a built-in engine is one line here.
"""

from collections.abc import Mapping
from importlib.metadata import entry_points
from types import MappingProxyType

GROUP = "whisper_appliance.engines"
AUTO = "auto"
"""The fastest engine that can run the model on this machine."""
BUILT_IN: Mapping[str, str] = MappingProxyType(
    {
        "onnxruntime": "whisper_appliance.engines.onnx.engine:OnnxEngine",
        "faster-whisper": "whisper_appliance.engines.faster_whisper.engine:FasterWhisperEngine",
        "openai-whisper": "whisper_appliance.engines.openai_whisper.engine:OpenAIWhisperEngine",
    }
)


def installed_engines() -> dict[str, str]:
    """The import path ("module:class") of each engine by name; a built-in name cannot be replaced."""
    return {point.name: point.value for point in entry_points(group=GROUP)} | dict(BUILT_IN)
