"""An excerpt of a recording: the sound of a span of it, as a WAV file of 16 kHz mono PCM."""

import os
import wave
from pathlib import Path

from whisper_appliance.audio.recording import Recording
from whisper_appliance.core.audio_format import SAMPLE_RATE

_FULL_SCALE = 32767


def write_excerpt(recording: Recording, target: Path, start: float, end: float | None) -> float:
    """Writes the sound from `start` to `end` (None: to the end) of a recording that is being decoded.

    Times are in seconds. Returns the seconds that were written; 0 if the recording ends before `start`.
    Decodes only as far as the span goes. The file is on disk (fsync) afterwards. Raises the errors of the
    decoder.
    """
    first, stop = round(start * SAMPLE_RATE), None if end is None else round(end * SAMPLE_RATE)
    at = written = 0
    with open(target, "xb", opener=_private) as file, wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLE_RATE)
        for block in recording.blocks():
            samples = block[max(first - at, 0) : None if stop is None else max(stop - at, 0)]
            sound.writeframes((samples * _FULL_SCALE).astype("<i2").tobytes())
            at, written = at + len(block), written + len(samples)
            if stop is not None and at >= stop:
                break
        sound.close()
        file.flush()
        os.fsync(file.fileno())
    return written / SAMPLE_RATE


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
