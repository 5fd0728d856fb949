"""`./scripts/dev.sh bench`: everybody on the same weights and audio, in one run, taking turns."""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.audio import Recording, clip, recording_sets
from benchmarks.competitors import Appliance, Competitor, Library
from benchmarks.library import LIBRARIES
from benchmarks.measuring import Reading, measure, word_error_rate
from benchmarks.reporting import Report, Row, write
from benchmarks.user_latency import measure_user_latency
from whisper_appliance.models.store import ModelStore

HERE = Path(__file__).parent
SHARED_AUDIO = HERE.parent.parent / "shared" / "audio"
SLOW = ("openai-whisper, beam 5",)
Readings = dict[tuple[str, str], list[list[Reading]]]


def main() -> None:
    """Runs what was asked for and says where the table is."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=arguments.work) as folder:
        report = _run(arguments, Path(folder))
    path = write(report, arguments.results)
    print(path.read_text())
    print(f"Written to {path}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./scripts/dev.sh bench", description=__doc__)
    audio = SHARED_AUDIO if (SHARED_AUDIO / "manifest.json").is_file() else None
    parser.add_argument(
        "--audio", type=Path, default=audio, help="folder with recordings and a manifest.json"
    )
    parser.add_argument(
        "--packaged", action="store_true", help="only the short recordings that come with the tests"
    )
    parser.add_argument("--model", default="base", help="a model of the catalogue that is on this machine")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument(
        "--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of each library"
    )
    parser.add_argument("--only", action="append", help="a competitor by name; may be repeated")
    parser.add_argument("--all", action="store_true", help="also the very slow ones")
    parser.add_argument("--no-latency", action="store_true", help="leave out latency, start and idle memory")
    parser.add_argument("--openai-python", default=sys.executable, help="a Python that has openai-whisper")
    parser.add_argument(
        "--models", type=Path, help="model folder (default: one made from the installed packages)"
    )
    parser.add_argument("--work", type=Path, help="where temporary files go")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    return parser.parse_args()


def _run(arguments: argparse.Namespace, work: Path) -> Report:
    models = arguments.models or work / "models"
    model = ModelStore(models, downloads_allowed=False).locate(arguments.model)
    if model is None:
        name = arguments.model
        raise SystemExit(
            f"The model {name} is not on this machine. Get it: whisper-appliance models pull {name}"
        )
    sets = recording_sets(None if arguments.packaged else arguments.audio, work)
    short = clip(work)
    with ExitStack() as stack:
        competitors = [stack.enter_context(one) for one in _competitors(arguments, work, models, model)]
        readings = _take_turns(competitors, sets, short, arguments.repetitions)
        rows = tuple(_rows(competitors, sets, readings))
    long = max((one for recordings in sets.values() for one in recordings), key=lambda one: one.seconds)
    user_latency = (
        None
        if arguments.no_latency
        else measure_user_latency(work, models, arguments.model, short, long, max(5, arguments.repetitions))
    )
    return Report(arguments.model, arguments.repetitions, rows, user_latency)


def _competitors(
    arguments: argparse.Namespace, work: Path, models: Path, model: Path
) -> Iterator[Competitor]:
    def wanted(name: str) -> bool:
        return name in arguments.only if arguments.only else arguments.all or name not in SLOW

    for quality in ("balanced", "accurate", "fast"):
        competitor = Appliance(quality, work / f"appliance-{quality}", models, arguments.model)
        if wanted(competitor.name):
            yield competitor
    checkpoint = None
    for name in filter(wanted, LIBRARIES):
        if not name.startswith("openai"):
            yield Library(name, sys.executable, model, arguments.threads)
            continue
        checkpoint = checkpoint or _checkpoint(arguments.openai_python, model, work)
        if checkpoint.is_file():
            yield Library(name, arguments.openai_python, checkpoint, arguments.threads)


def _checkpoint(python: str, model: Path, work: Path) -> Path:
    """The same weights for openai-whisper; there is no file where that library is not installed."""
    path = work / "model.pt"
    if subprocess.run([python, "-c", "import torch, whisper"], capture_output=True, check=False).returncode:
        print(f"openai-whisper is left out: {python} does not have it (--openai-python names another).")
    else:
        subprocess.run([python, "-m", "benchmarks.checkpoint", str(model), str(path)], check=True)
    return path


def _take_turns(
    competitors: Sequence[Competitor],
    sets: Mapping[str, Sequence[Recording]],
    short: Recording,
    repetitions: int,
) -> Readings:
    """Everybody once through every set, then again, beginning with another one each time."""
    readings: Readings = {(one.name, name): [] for one in competitors for name in sets}
    for one in competitors:
        one.transcribe(short)
    for turn in range(repetitions):
        first = turn % len(competitors)
        for name, recordings in sets.items():
            for one in (*competitors[first:], *competitors[:first]):
                taken = [_read(one, recording) for recording in recordings]
                readings[one.name, name].append(taken)
                print(
                    f"{turn + 1}/{repetitions} {name}: {one.name} {sum(r.wall_seconds for r in taken):.1f} s",
                    flush=True,
                )
    return readings


def _read(competitor: Competitor, recording: Recording) -> Reading:
    return measure(competitor.pid, lambda: competitor.transcribe(recording))


def _rows(
    competitors: Sequence[Competitor], sets: Mapping[str, Sequence[Recording]], readings: Readings
) -> Iterator[Row]:
    for name, recordings in sets.items():
        for one in competitors:
            taken = readings[one.name, name]
            yield Row(
                competitor=one.name,
                setting=one.setting,
                set=name,
                audio_seconds=sum(recording.seconds for recording in recordings),
                wall_seconds=tuple(sum(reading.wall_seconds for reading in turn) for turn in taken),
                cpu_seconds=tuple(sum(reading.cpu_seconds for reading in turn) for turn in taken),
                peak_bytes=max(reading.peak_bytes for turn in taken for reading in turn),
                word_error_rate=word_error_rate(
                    (recording.reference, reading.text)
                    for recording, reading in zip(recordings, taken[-1], strict=True)
                ),
            )


if __name__ == "__main__":
    main()
