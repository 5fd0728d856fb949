"""Diarization error rate on mixes of speakers, and how surely voices are known again.

    python -m benchmarks.diarization ada=ada-1.flac,ada-2.flac bob=bob-*.flac ...

Each argument is a speaker with recordings in which only that one speaks; patterns are allowed. Half of the
recordings of a speaker name the voice, the other half are heard later. The extra `diarization` is needed.
"""

import argparse
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob
from itertools import combinations, pairwise, permutations

import av
import numpy as np
import numpy.typing as npt

from whisper_appliance.diarization.contract import Diarization, Diarizer, DiarizerSpec
from whisper_appliance.diarization.registry import DEFAULT, load_diarizer
from whisper_appliance.engines.vad import FRAME as VAD_FRAME
from whisper_appliance.engines.vad import SILENCE_BELOW, SPEECH_AT, Silero

RATE = 16_000
FRAME = RATE // 100
"""Samples of a frame, in which the reference and the turns are compared: 10 ms."""
PAUSE_FRAMES = 30
"""Shorter pauses belong to the speech around them."""
OVERLAP_SECONDS = 3.0
GAP_SECONDS = 0.4
MIX_SECONDS = 60.0
PEAK = 0.9
THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)

Samples = npt.NDArray[np.float32]
Activity = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Mix:
    """A recording of several speakers, and who speaks in each frame; shape (frames, speakers)."""

    samples: Samples
    activity: Activity
    speakers: tuple[str, ...]


@dataclass(frozen=True)
class Errors:
    """Frames of speech, and those that are wrong (NIST's diarization error rate without a collar)."""

    speech: int
    missed: int
    false_alarm: int
    confused: int

    def __add__(self, other: "Errors") -> "Errors":
        pairs = zip(self._all(), other._all(), strict=True)
        return Errors(*(one + another for one, another in pairs))

    @property
    def rate(self) -> float:
        """Errors of all kinds over the speech."""
        return (self.missed + self.false_alarm + self.confused) / max(self.speech, 1)

    def _all(self) -> tuple[int, int, int, int]:
        return self.speech, self.missed, self.false_alarm, self.confused


def errors(reference: Activity, found: Activity) -> Errors:
    """The errors with the best assignment of found speakers to true ones; shapes (frames, speakers)."""
    true, said = reference.sum(axis=1), found.sum(axis=1)
    both = reference.T.astype(int) @ found.astype(int)  # frames that a true and a found speaker share
    if both.shape[0] > both.shape[1]:
        both = both.T
    columns = sorted(range(both.shape[1]), key=lambda each: -int(both[:, each].sum()))[:8]
    rows = range(both.shape[0])
    orders = permutations(columns, both.shape[0])
    right = max((sum(int(both[row, order[row]]) for row in rows) for order in orders), default=0)
    return Errors(
        int(true.sum()),
        int(np.maximum(true - said, 0).sum()),
        int(np.maximum(said - true, 0).sum()),
        int(np.minimum(true, said).sum()) - right,
    )


def mix(clips: dict[str, Sequence[Samples]], *, overlap: bool, seed: int) -> Mix:
    """Clips of the speakers in turn, with pauses or overlaps between them, for some `MIX_SECONDS`."""
    chosen, names = random.Random(seed), tuple(clips)
    waiting = {name: chosen.sample(list(each), len(each)) for name, each in clips.items()}
    placed: list[tuple[int, str, Samples]] = []
    end, last = 0, ""
    while end < MIX_SECONDS * RATE and any(waiting.values()):
        able = [name for name in names if waiting[name] and name != last] or [
            name for name in names if waiting[name]
        ]
        name = max(able, key=lambda each: (len(waiting[each]), chosen.random()))
        clip = waiting[name].pop()
        shift = -OVERLAP_SECONDS if overlap and name != last else GAP_SECONDS
        start = max(0, end + round(chosen.uniform(0.5, 1.0) * shift * RATE)) if placed else 0
        placed.append((start, name, clip))
        end, last = max(end, start + len(clip)), name
    samples = np.zeros(end, np.float32)
    activity = np.zeros((-(-end // FRAME), len(names)), bool)
    for start, name, clip in placed:
        samples[start : start + len(clip)] += clip
        said = speech(clip)
        first = start // FRAME
        activity[first : first + len(said), names.index(name)] |= said[: len(activity) - first]
    return Mix(samples * (PEAK / max(PEAK, float(np.abs(samples).max()))), activity, names)


def speech(clip: Samples) -> Activity:
    """The frames of a clip in which somebody speaks: Silero VAD, which is no part of the diarizer."""
    said, now = np.zeros(len(clip) // FRAME, bool), False
    for place, probability in enumerate(Silero().feed(np.pad(clip, (0, VAD_FRAME)))):
        now = probability >= (SILENCE_BELOW if now else SPEECH_AT)
        said[place * VAD_FRAME // FRAME : (place + 1) * VAD_FRAME // FRAME] = now
    edges = np.flatnonzero(np.diff(said.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    for (_, stop), (start, _) in pairwise(edges):
        if start - stop < PAUSE_FRAMES:
            said[stop:start] = True
    return said


def heard(samples: Samples) -> Diarizer:
    """The diarizer of the appliance, after all windows of a recording."""
    diarizer = load_diarizer(DiarizerSpec(DEFAULT))
    window, step = (round(each * RATE) for each in (diarizer.window_seconds, diarizer.step_seconds))
    for start in range(0, max(1, len(samples) - window + step), step):
        diarizer.feed(samples[start : start + window])
    return diarizer


def frames_of(found: Diarization, frames: int) -> Activity:
    """The turns as frames; shape (frames, speakers)."""
    count = 1 + max((turn.speaker for turn in found.turns), default=0)
    activity = np.zeros((frames, count), bool)
    for turn in found.turns:
        activity[round(turn.start * 100) : round(turn.end * 100), turn.speaker] = True
    return activity


def true_names(mixed: Mix, found: Diarization) -> list[str]:
    """Who each found speaker truly is: the one with most of the same frames."""
    shared = frames_of(found, len(mixed.activity)).T.astype(int) @ mixed.activity.astype(int)
    return [mixed.speakers[int(row.argmax())] for row in shared]


def error_rates(clips: dict[str, list[Samples]], mixes: int) -> Iterator[str]:
    """A table: numbers of speakers, with and without overlaps, with the number known or not."""
    yield "| speakers | overlap | speakers known | DER | missed | false alarm | confused | count right |"
    yield "|---|---|---|---|---|---|---|---|"
    for count in range(2, min(4, len(clips)) + 1):
        groups = list(combinations(sorted(clips), count))
        for overlap in (False, True):
            made = [
                mix(
                    {name: clips[name] for name in groups[seed % len(groups)]},
                    overlap=overlap,
                    seed=seed,
                )
                for seed in range(mixes)
            ]
            share = np.mean([(each.activity.sum(axis=1) > 1).sum() / each.activity.sum() for each in made])
            ready = [(each, heard(each.samples)) for each in made]
            for known in (None, count):
                yield _row(ready, known, f"{count} | {share:.0%}")


def _row(made: list[tuple[Mix, Diarizer]], known: int | None, head: str) -> str:
    total, right = Errors(0, 0, 0, 0), 0
    for each, diarizer in made:
        found = diarizer.finish(known)
        total += errors(each.activity, frames_of(found, len(each.activity)))
        right += len(found.embeddings) == len(each.speakers)
    parts = [f"{part / total.speech:.1%}" for part in (total.missed, total.false_alarm, total.confused)]
    told = "yes" if known else "no"
    return f"| {head} | {told} | **{total.rate:.1%}** | {' | '.join(parts)} | {right} of {len(made)} |"


def recognition(clips: dict[str, list[Samples]], mixes: int) -> Iterator[str]:
    """Voices that are named in mixes of one half of the clips, and heard in mixes of the other half."""
    named = list(_voices({name: each[::2] for name, each in clips.items()}, mixes, seed=100))
    later = list(_voices({name: each[1::2] for name, each in clips.items()}, mixes, seed=200))
    same = np.array([one @ other for name, one in named for who, other in later if name == who])
    others = np.array([one @ other for name, one in named for who, other in later if name != who])
    pairs = f"{len(same)} pairs of one person, {len(others)} of two"
    yield f"{len(named)} voices named, {len(later)} heard: {pairs}"
    yield f"similarity of one person: {_range(same)}; of two: {_range(others)}"
    yield "| least similarity | falsely rejected | falsely accepted | best is wrong name | no name offered |"
    yield "|---|---|---|---|---|"
    for least in THRESHOLDS:
        wrong, none = _offers(named, later, least)
        yield (
            f"| {least} | {(same < least).sum()} of {len(same)} | {(others >= least).sum()} of {len(others)} "
            f"| {wrong} of {len(later)} | {none} of {len(later)} |"
        )


def _offers(
    named: list[tuple[str, npt.NDArray[np.float64]]],
    heard: list[tuple[str, npt.NDArray[np.float64]]],
    least: float,
) -> tuple[int, int]:
    wrong = none = 0
    for who, other in heard:
        similarity, name = max((float(one @ other), name) for name, one in named)
        wrong += similarity >= least and name != who
        none += similarity < least
    return wrong, none


def _voices(
    clips: dict[str, list[Samples]], mixes: int, seed: int
) -> Iterator[tuple[str, npt.NDArray[np.float64]]]:
    """The voices that the diarizer finds in mixes of two and three speakers, with their true names."""
    for number in range(mixes):
        groups = list(combinations(sorted(clips), 2 + number % 2))
        chosen = groups[(number // 2) % len(groups)]
        mixed = mix({name: clips[name] for name in chosen}, overlap=number % 4 > 1, seed=seed + number)
        found = heard(mixed.samples).finish(None)
        for name, embedding in zip(true_names(mixed, found), found.embeddings, strict=True):
            vector = np.array(embedding)
            yield name, vector / np.linalg.norm(vector)


def _range(values: npt.NDArray[np.float64]) -> str:
    low, middle, high = np.percentile(values, (0, 50, 100))
    return f"{low:.2f} to {high:.2f}, median {middle:.2f}"


def read(path: str) -> Samples:
    """A recording as 16 kHz mono."""
    resampler = av.AudioResampler("flt", "mono", RATE)
    with av.open(path) as source:
        parts = [
            made.to_ndarray()[0] for frame in source.decode(audio=0) for made in resampler.resample(frame)
        ]
        parts += [made.to_ndarray()[0] for made in resampler.resample(None)]
    return np.concatenate(parts).astype(np.float32)


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("speakers", nargs="+", metavar="NAME=FILES")
    parser.add_argument("--mixes", type=int, default=6, help="of each kind (default: 6)")
    parser.add_argument("--only", choices=("error-rate", "recognition"))
    given = parser.parse_args()
    clips: dict[str, list[Samples]] = {}
    for each in given.speakers:
        name, _, patterns = each.partition("=")
        paths = sorted(path for pattern in patterns.split(",") for path in glob(pattern))
        if not paths:
            parser.error(f"no recordings of {name}")
        clips[name] = [read(path) for path in paths]
    if given.only != "recognition":
        for line in error_rates(clips, given.mixes):
            print(line, flush=True)
    if given.only != "error-rate":
        for line in recognition(clips, 2 * given.mixes):
            print(line, flush=True)


if __name__ == "__main__":
    main()
