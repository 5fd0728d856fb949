"""`./scripts/dev.sh bench-live`: microphones at a real server, in real time, over TLS."""

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import live_peer
from benchmarks.audio import Recording
from benchmarks.competitors import Server
from benchmarks.live_reporting import LiveReport, heads, row, write
from benchmarks.live_speech import Speech, noises, samples_of, speeches
from benchmarks.live_trials import Programme, Trial, attempt, invented, offline
from whisper_appliance.models.store import ModelStore

HERE = Path(__file__).parent
SHARED_AUDIO = HERE.parent.parent / "shared" / "audio"
LONG = "long.flac"


def main() -> None:
    """Runs what was asked for and says where the table is."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="bench-live-", dir=arguments.work) as folder:
        report = _run(arguments, Path(folder))
    path = write(report, arguments.results)
    print(path.read_text())
    print(f"Written to {path}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./scripts/dev.sh bench-live", description=__doc__)
    audio = SHARED_AUDIO if (SHARED_AUDIO / "manifest.json").is_file() else None
    parser.add_argument(
        "--audio", type=Path, default=audio, help="folder with recordings and a manifest.json"
    )
    parser.add_argument(
        "--packaged", action="store_true", help="only the short recordings that come with the tests"
    )
    parser.add_argument("--only", nargs="*", default=[], help="some of the recordings, by name")
    parser.add_argument("--model", default="base", help="a model of the catalogue that is on this machine")
    parser.add_argument("--models", type=Path, help="model folder (default: one from installed packages)")
    parser.add_argument("--streams", type=int, nargs="*", default=[1, 4, 8])
    parser.add_argument("--no-long", action="store_true", help="leave out the trials beside a long file")
    parser.add_argument("--no-noise", action="store_true", help="leave out silence, noise and hum")
    parser.add_argument("--no-peer", action="store_true", help="leave out WhisperLive")
    parser.add_argument(
        "--peer-environment",
        type=Path,
        default=Path.home() / ".cache" / "whisper-appliance-bench" / "whisper-live",
        help="the virtual environment WhisperLive is kept in",
    )
    parser.add_argument("--work", type=Path, help="where temporary files go")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    arguments = parser.parse_args()
    if arguments.packaged:
        arguments.audio = None
    return arguments


def _run(arguments: argparse.Namespace, work: Path) -> LiveReport:
    load = os.getloadavg()[0]
    models = arguments.models or work / "models"
    model = ModelStore(models, downloads_allowed=False).locate(arguments.model)
    if model is None:
        name = arguments.model
        raise SystemExit(
            f"The model {name} is not on this machine. Get it: whisper-appliance models pull {name}"
        )
    speech = speeches(arguments.audio, arguments.only)
    with _server(work, models, arguments.model, max(arguments.streams, default=1)) as server:
        server.wait_for_page()
        print("Hearing the recordings on the file road, as the yardstick", flush=True)
        truths = [offline(server, one.recording(work)) for one in speech]
        programme = Programme(speech, truths)
        trials = list(_trials(arguments, server, programme, work))
        words = {} if arguments.no_noise else _invented(server)
    if not arguments.no_peer:
        trials.append(_peer(arguments, model, programme))
    return LiveReport(arguments.model, programme.turned(0)[0].seconds, load, tuple(trials), words)


def _server(work: Path, models: Path, model: str, streams: int) -> Server:
    most = str(streams + 1)
    return Server(
        work / "data", models, WHISPER_MODEL=model, MODEL_IDLE_TIMEOUT="0", LIVE_SESSIONS=most,
        LIVE_SESSIONS_PER_USER=most, MAX_WEBSOCKETS_PER_ADDRESS="100",
    )  # fmt: skip


def _trials(
    arguments: argparse.Namespace, server: Server, programme: Programme, work: Path
) -> Iterator[Trial]:
    long = None if arguments.no_long else _long(arguments.audio, programme.speech, work)
    print(heads(), flush=True)
    for beside in (None, long) if long else (None,):
        for streams in arguments.streams:
            seconds = programme.turned(0)[0].seconds
            also = " beside a long file" if beside else ""
            print(f"  {streams} at once{also}, for {seconds:.0f} s", flush=True)
            trial = attempt(server, programme, streams, beside)
            print(row(trial), flush=True)
            yield trial


def _long(folder: Path | None, speech: Sequence[Speech], work: Path) -> Recording:
    """A file that takes a while; without a folder, the longest of the recordings."""
    if folder and (folder / LONG).is_file():
        return Speech("long", samples_of(folder / LONG), "").recording(work)
    return max(speech, key=lambda one: one.seconds).recording(work)


def _invented(server: Server) -> dict[str, int]:
    print("  where nobody speaks", flush=True)
    return invented(server, noises())


def _peer(arguments: argparse.Namespace, model: Path, programme: Programme) -> Trial:
    spoken, truth = programme.turned(0)
    try:
        python = live_peer.environment(arguments.peer_environment)
        print(f"  WhisperLive, 1 stream, for {spoken.seconds:.0f} s", flush=True)
        log = arguments.results / "whisper-live.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        trial = live_peer.attempt(python, model, spoken, truth, programme.offline, log)
    except live_peer.NotToBeHad as reason:
        trial = Trial(f"WhisperLive {live_peer.VERSION}", 1, beside=False, problem=str(reason))
    print(row(trial), flush=True)
    return trial


if __name__ == "__main__":
    main()
