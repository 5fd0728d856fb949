"""An engine that follows a script: what it does with a window is written into the window's prompt.

"sleep 0.2" takes its time, "fail" raises, "die" ends the process, "die once FILE" only the first time.
"die if loud" ends it for a window that is not silent.
"swell 0.3" takes so many GiB and sleeps, "confess PORT" says what the process may do.
"nice" says how far it steps back.
"skip" says hardly a word unless it is to be fast.
"unsure" is unsure of silence unless it may take its time. Any other prompt is what it says it heard.
"""

import json
import os
import resource
import socket
import time
from collections.abc import Sequence
from pathlib import Path

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import EngineFailed, ModelUnavailable
from whisper_appliance.engines.contract import EngineSpec, Window, WindowResult
from whisper_appliance.transcript.model import Segment


class ScriptedEngine:
    """Keeps the contract of `speech.engine.Engine` without hearing anything."""

    name = "scripted"
    version = "1"
    device = "cpu"
    compute_type = "none"
    multilingual = True
    warnings: tuple[str, ...] = ()

    def transcribe(self, windows: Sequence[Window]) -> list[WindowResult]:
        """Does what each window's prompt says."""
        return [self._act(window) for window in windows]

    def _act(self, window: Window) -> WindowResult:
        script = (window.options.prompt or "").split()
        match script:
            case ["sleep", seconds]:
                time.sleep(float(seconds))
            case ["swell", gigabytes]:
                held = bytearray(os.urandom(1)) * round(float(gigabytes) * 2**30)
                time.sleep(len(held) and 30)
            case ["confess", port]:
                script = [confession(int(port))]
            case ["nice"]:
                script = [str(os.getpriority(os.PRIO_PROCESS, 0))]  # Linux: of the thread that asks
            case ["fail"]:
                raise EngineFailed("The script says so.")
            case ["die"]:
                os._exit(9)
            case ["die", "if", "loud"] if window.samples.any():
                os._exit(9)
            case ["die", "once", path] if not Path(path).exists():
                Path(path).touch()
                os._exit(9)
        seconds = len(window.samples) / SAMPLE_RATE
        text = " " + " ".join(script)
        if script == ["skip"]:
            text = " hm" if window.options.quality != "fast" else " all that was said here" * 10
        if script == ["unsure"]:
            return self._unsure(window, seconds)
        return WindowResult(
            (Segment(0.0, seconds, text),), window.options.language or "en", 1.0, decoded_seconds=seconds
        )

    def _unsure(self, window: Window, seconds: float) -> WindowResult:
        text, logprob = " unsure", -0.45
        if window.options.quality == "accurate":
            text, logprob = f" sure after {window.previous_tokens}", -0.1
        elif window.samples.any():
            text, logprob = " sound", -0.1
        segment = Segment(0.0, seconds, text, logprob, tokens=(1,))
        return WindowResult((segment,), "en", 1.0, (), seconds, tokens=(50364, 1, 50464))


def confession(port: int) -> str:
    """What this process is left with, as JSON; `port` is one of the machine's own that listens."""
    with socket.socket() as stranger:
        stranger.settimeout(2)
        reached = stranger.connect_ex(("127.0.0.1", port)) == 0
    said = Path("/proc/self/status").read_text()
    return json.dumps(
        {
            "reached": reached,
            "variables": sorted(os.environ),
            "no_new_privileges": "NoNewPrivs:\t1" in said,
            "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
            "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        }
    )


def load_scripted(spec: EngineSpec) -> ScriptedEngine:
    """For `EngineProcess(load=...)`; the model "broken" cannot be loaded, "deadly" ends the process."""
    if spec.model == "broken":
        raise ModelUnavailable("The model broken is broken.")
    if spec.model == "deadly":
        os._exit(9)
    return ScriptedEngine()
