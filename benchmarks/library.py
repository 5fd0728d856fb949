"""The child process of a library: loads its model once, then answers each path, a line each, with the text.

It runs in whatever Python has the library, so it imports nothing else of this project.
"""

import json
import os
import sys
import wave
from collections.abc import Callable
from typing import Any

import numpy as np

Hear = Callable[[str], str]


def faster_whisper(model: str, threads: int, **options: Any) -> Hear:
    """faster-whisper as its README calls it; int8, since that is its fastest on a CPU."""
    from faster_whisper import WhisperModel

    loaded = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=threads)
    return lambda path: "".join(segment.text for segment in loaded.transcribe(path, **options)[0])


def faster_whisper_batched(model: str, threads: int) -> Hear:
    """faster-whisper's batched pipeline, eight windows at once."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    loaded = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=threads)
    pipeline = BatchedInferencePipeline(model=loaded)
    return lambda path: "".join(segment.text for segment in pipeline.transcribe(path, batch_size=8)[0])


def openai_whisper(checkpoint: str, threads: int, **options: Any) -> Hear:
    """openai-whisper in float32, its only format on a CPU; given samples: it has no decoder of its own."""
    import torch
    import whisper

    torch.set_num_threads(threads)
    loaded = whisper.load_model(checkpoint, device="cpu")

    def hear(path: str) -> str:
        with wave.open(path) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768
        return str(whisper.transcribe(loaded, samples, fp16=False, **options)["text"])

    return hear


LIBRARIES: dict[str, Callable[[str, int], Hear]] = {
    "faster-whisper": faster_whisper,
    "faster-whisper, vad_filter": lambda model, threads: faster_whisper(model, threads, vad_filter=True),
    "faster-whisper, beam 1": lambda model, threads: faster_whisper(model, threads, beam_size=1),
    "faster-whisper, batched 8": faster_whisper_batched,
    "openai-whisper": openai_whisper,
    "openai-whisper, beam 5": lambda model, threads: openai_whisper(model, threads, beam_size=5, best_of=5),
}


def main() -> None:
    """Answers requests until standard input ends. What a library prints goes to standard error."""
    name, model, threads = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    hear = LIBRARIES[name](model, int(threads))
    print(json.dumps("ready"), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(hear(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
