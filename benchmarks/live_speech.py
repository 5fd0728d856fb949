"""What is spoken into the microphones: recordings one after the other, and what is said in them."""

import json
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.audio import BECKETT, TWO_CITIES, Recording, packaged
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.samples import Samples
from whisper_appliance.transcript.model import Word

PAUSES_SECONDS = (0.4, 0.75, 1.1, 1.45, 1.8)
BETWEEN_SECONDS = 1.5
SPEAKERS = ("1688",)
SINGLE = ("jfk.flac", "spont-acoustic_corpus.flac")
NOISE_SECONDS = 30


@dataclass(frozen=True)
class Speech:
    """A recording and what is said in it."""

    name: str
    samples: Samples
    reference: str

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / SAMPLE_RATE

    def recording(self, folder: Path) -> Recording:
        """As a WAV in a folder."""
        path = folder / f"{self.name.replace(' ', '-')}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes(pcm(self.samples))
        return Recording(self.name, path, self.seconds, "en", " ".join(self.reference.split()))


def speeches(folder: Path | None, only: Sequence[str] = ()) -> list[Speech]:
    """The packaged recordings, and those of a folder with a manifest.json; `only` picks some by name."""
    return [speech for speech in _all(folder) if not only or speech.name in only]


def together(pieces: Sequence[Speech], truths: Sequence[Sequence[Word]]) -> tuple[Speech, list[Word]]:
    """All of it as one recording with pauses between, and its words at their times there."""
    samples, words, offset = list[Samples](), list[Word](), 0.0
    pause = np.zeros(round(BETWEEN_SECONDS * SAMPLE_RATE), np.float32)
    for piece, truth in zip(pieces, truths, strict=True):
        words += [replace(word, start=word.start + offset, end=word.end + offset) for word in truth]
        samples += [piece.samples, pause]
        offset += piece.seconds + BETWEEN_SECONDS
    return Speech("all", np.concatenate(samples), " ".join(piece.reference for piece in pieces)), words


def noises() -> list[Speech]:
    """Where nobody speaks."""
    random = np.random.default_rng(0)
    count = NOISE_SECONDS * SAMPLE_RATE
    white = random.normal(0, 1, count)
    brown = np.cumsum(white)
    brown -= np.linspace(brown[0], brown[-1], count)
    clock = np.arange(count) / SAMPLE_RATE
    hum = sum(np.sin(2 * np.pi * 50 * harmonic * clock) / harmonic for harmonic in (1, 2, 3, 5))
    clicks = (random.random(count) < 2 / SAMPLE_RATE) * random.choice((-1.0, 1.0), count)
    sounds = {
        "silence": np.zeros(count),
        "white noise": 0.02 * white,
        "loud white noise": 0.1 * white,
        "brown noise": 0.2 * brown / np.abs(brown).max(),
        "mains hum": 0.05 * hum,
        "clicks": 0.5 * clicks,
    }
    return [Speech(name, sound.astype(np.float32), "") for name, sound in sounds.items()]


def pcm(samples: Samples) -> bytes:
    """As s16le."""
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def samples_of(path: Path) -> Samples:
    """Any file, decoded."""
    import av

    resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)
    with av.open(str(path)) as container:
        frames = [ready for frame in container.decode(audio=0) for ready in resampler.resample(frame)]
    frames += resampler.resample(None)
    whole = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
    return whole.astype(np.float32) / np.float32(32768)


def _all(folder: Path | None) -> Iterator[Speech]:
    yield Speech("two_cities", samples_of(packaged("two_cities.wav")), TWO_CITIES)
    yield Speech("beckett", samples_of(packaged("beckett.wav")), BECKETT)
    if folder is None:
        return
    known = {
        entry["file"]: entry["reference"] for entry in json.loads((folder / "manifest.json").read_text())
    }
    for name in SINGLE:
        yield Speech(Path(name).stem, samples_of(folder / name), known[name])
    for speaker in SPEAKERS:
        files = sorted(name for name in known if name.startswith(f"ls-{speaker}-"))
        yield Speech(f"speaker {speaker}", _with_pauses([samples_of(folder / name) for name in files]),
                     " ".join(known[name] for name in files))  # fmt: skip


def _with_pauses(pieces: Sequence[Samples]) -> Samples:
    joined: list[Samples] = []
    for at, piece in enumerate(pieces):
        pause = PAUSES_SECONDS[at % len(PAUSES_SECONDS)]
        joined += [piece, np.zeros(round(pause * SAMPLE_RATE), np.float32)]
    return np.concatenate(joined)
