"""Messages between an engine's process and its client, over a pipe, by pickle.

No `slots`: frozen classes with slots pickle through Python code, those with a `__dict__` do not.
"""

from dataclasses import dataclass

from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import Window, WindowResult
from whisper_appliance.engines.vad import Probabilities


@dataclass(frozen=True)
class EngineInfo:
    """The loaded engine's own attributes, and what its process can reach (see `EngineStatus.network`)."""

    name: str
    version: str
    device: str
    compute_type: str
    multilingual: bool
    warnings: tuple[str, ...]
    network: str


@dataclass(frozen=True)
class DecodeWindows:
    """To the process: decode a batch. `urgent` ones run at the higher priority of the two."""

    number: int
    windows: list[Window]
    urgent: bool


@dataclass(frozen=True)
class DetectSpeech:
    """To the process: run voice activity detection on whole frames; `None` ends the stream."""

    number: int
    stream: int
    samples: Samples | None


@dataclass(frozen=True)
class Exit:
    """To the process: exit."""


@dataclass(frozen=True)
class Ready:
    """From the process: the model is loaded."""

    info: EngineInfo


@dataclass(frozen=True)
class LoadFailed:
    """From the process: the model cannot be loaded; the process exits."""

    reason: str


@dataclass(frozen=True)
class WindowsDecoded:
    """From the process: the results of a `DecodeWindows`, in order."""

    number: int
    results: list[WindowResult]


@dataclass(frozen=True)
class SpeechDetected:
    """From the process: the probabilities of a `DetectSpeech`; `None` if the stream has ended."""

    number: int
    probabilities: Probabilities | None


@dataclass(frozen=True)
class RequestFailed:
    """From the process: a `DecodeWindows` or `DetectSpeech` raised an error."""

    number: int
    reason: str


Request = DecodeWindows | DetectSpeech | Exit
Response = Ready | LoadFailed | WindowsDecoded | SpeechDetected | RequestFailed
