"""What is transcribed: recordings with their true words, all as 16 kHz mono WAV: decoding is no contest."""

import json
import wave
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE = 16_000
CLIP_SECONDS = 3

TWO_CITIES = """
It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of
foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season of light, it
was the season of darkness, it was the spring of hope, it was the winter of despair, we had everything
before us, we had nothing before us, we were all going direct to heaven, we were all going direct the
other way. In short, the period was so far like the present period that some of its noisiest authorities
insisted on its being received for good or for evil in the superlative degree of comparison only.
"""
BECKETT = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."

# Sets of a folder with a manifest.json: read speech of good quality, and one long recording of four speakers.
FOLDER_SETS = {
    "clear": ("jfk.flac", "sonnet-p001.mp3", "lj-chapter.flac"),
    "long": ("long.flac",),
}


@dataclass(frozen=True)
class Recording:
    """One file and what is said in it."""

    name: str
    path: Path
    seconds: float
    language: str
    reference: str


def packaged(ending: str) -> Path:
    """A recording of the package `moonshine-voice`, which is not imported."""
    try:
        found = [
            Path(str(file.locate())) for file in files("moonshine-voice") or [] if str(file).endswith(ending)
        ]
    except PackageNotFoundError:
        found = []
    if not found:
        raise SystemExit(
            "The benchmark's own recordings come with the tests: ./scripts/dev.sh test sets them up."
        )
    return found[0]


def recording_sets(folder: Path | None, work: Path) -> dict[str, tuple[Recording, ...]]:
    """The sets by name: the packaged clips, and those of a folder with a `manifest.json`."""
    clips = (
        _written("two_cities", packaged("two_cities.wav"), work, "en", TWO_CITIES),
        _written("beckett", packaged("beckett.wav"), work, "en", BECKETT),
    )
    if folder is None:
        return {"packaged": clips}
    known = {entry["file"]: entry for entry in json.loads((folder / "manifest.json").read_text())}
    return {
        name: tuple(
            _written(Path(file).stem, folder / file, work, known[file]["language"], known[file]["reference"])
            for file in wanted
        )
        for name, wanted in FOLDER_SETS.items()
    }


def clip(work: Path) -> Recording:
    """The first three seconds of a reading: "It was the best of times, it was the worst of times"."""
    path = work / "clip.wav"
    _write(path, _samples(packaged("two_cities.wav"))[: CLIP_SECONDS * RATE])
    return Recording("clip", path, CLIP_SECONDS, "en", "It was the best of times, it was the worst of times")


def _written(name: str, source: Path, work: Path, language: str, reference: str) -> Recording:
    samples = _samples(source)
    path = work / f"{name}.wav"
    _write(path, samples)
    return Recording(name, path, len(samples) / RATE, language, " ".join(reference.split()))


def _samples(source: Path) -> npt.NDArray[np.int16]:
    import av

    with av.open(str(source)) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])


def _write(path: Path, samples: npt.NDArray[np.int16]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
