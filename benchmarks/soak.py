"""`./scripts/dev.sh soak`: an hour of uploads and live sessions, and what that does to memory.

It ends with 1 where anything went wrong: an unexpected answer, any error of a client, a client that hangs, or
a web process that grows.
"""

import argparse
import random
import sqlite3
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import httpx2
import psutil

from benchmarks.audio import packaged
from benchmarks.competitors import Server, trusting
from benchmarks.hostile_clients import KINDS as HOSTILE_KINDS
from benchmarks.hostile_clients import attacked
from benchmarks.live_real import final_text, speak
from benchmarks.live_speech import Speech, speeches
from whisper_appliance.models.store import ModelStore

HERE = Path(__file__).parent
KINDS = {
    ".wav": "pcm_s16le",
    ".flac": "flac",
    ".mp3": "libmp3lame",
    ".ogg": "libopus",
    ".m4a": "aac",
    ".webm": "libopus",
}
FORMATS = ("txt", "srt", "vtt", "json", "tsv")
PAGES = ("/", "/history", "/docs", "/api/status", "/api/transcripts")
QUALITIES = ("fast", "balanced", "accurate")
HEALTH_EVERY_SECONDS = 1.0
HOSTILE_CONNECTIONS = 200
HOSTILE_SECONDS = 30.0
FAULT_EVERY_SECONDS = 20.0
SUSPENDED_SECONDS = LOCKED_SECONDS = 5.0
AFTER_AN_ERROR_SECONDS = 5.0
LONGEST_CLIENT_SECONDS = 900
ROLES = {"engine": "engine", "decoder": "decoder", " serve": "web"}
"""What the command line of a process has, and its role; others are translators and the like."""
WARM_MINUTES, JUDGED_MINUTES, MOST_GROWTH = 10, 30, 1.25
"""In runs of so many minutes, the web process may grow by this factor once it is warm."""
MEGABYTE = 1_000_000


@dataclass
class Tally:
    """What was done since the beginning, by name, and what went wrong."""

    done: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    health: list[float] = field(default_factory=list)

    @property
    def p99(self) -> float:
        """Milliseconds in which 99 of 100 answers of /health came."""
        return 1000 * statistics.quantiles(self.health, n=100)[98] if len(self.health) > 1 else 0.0


@dataclass(frozen=True)
class Look:
    """The processes at one moment: proportional memory in bytes by role."""

    minute: float
    memory: dict[str, int]
    descriptors: int
    threads: int


def main() -> None:
    """Runs for as long as asked; ends with 1 where anything failed."""
    arguments = _arguments()
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        work = Path(folder)
        models = arguments.models or work / "models"
        if ModelStore(models, downloads_allowed=False).locate(arguments.model) is None:
            raise SystemExit(f"The model {arguments.model} is not on this machine.")
        speech = speeches(arguments.audio)
        uploads = _uploads(speech, work)
        with Server(work / "data", models, WHISPER_MODEL=arguments.model) as server:
            server.wait_for_page()
            clients = list(_clients(server, tally, arguments, speech, uploads))
            rows = list(_watched(server, tally, arguments, clients))
            print(f"Health at the end: {server.get('/health')['status']}")
    tally.wrong += _grown(rows)
    print("\n".join(tally.wrong))
    counted = ", ".join(f"{count} {name}" for name, count in sorted(tally.done.items()))
    print(f"{len(tally.wrong)} went wrong; done in {rows[-1].minute:.0f} min: {counted}")
    raise SystemExit(bool(tally.wrong))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./scripts/dev.sh soak", description=__doc__)
    audio = HERE.parent.parent / "shared" / "audio"
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--every", type=float, default=5, help="minutes from one row to the next")
    parser.add_argument("--audio", type=Path, default=audio if (audio / "manifest.json").is_file() else None,
                        help="folder with recordings and a manifest.json")  # fmt: skip
    parser.add_argument("--model", default="base", help="a model of the catalogue that is on this machine")
    parser.add_argument("--models", type=Path, help="model folder (default: one from installed packages)")
    parser.add_argument("--hostile", action="store_true",
                        help="beside 200 bad connections from another address")  # fmt: skip
    parser.add_argument("--kills", action="store_true",
                        help="every 20 s, kill or suspend a child, or lock the database")  # fmt: skip
    return parser.parse_args()


def _clients(
    server: Server,
    tally: Tally,
    arguments: argparse.Namespace,
    speech: Sequence[Speech],
    uploads: Sequence[Path],
) -> Iterator[Callable[[], None]]:
    """Those that are active all the time, each in a thread."""
    yield lambda: _upload(server, tally, random.choice(uploads))
    yield lambda: _damaged(server, tally, uploads)
    yield lambda: _look_around(server, tally)
    yield lambda: _speak(server, tally, random.choice(speech))
    yield lambda: _health(server, tally)
    if arguments.hostile:
        yield lambda: _attack(server, tally)
    if arguments.kills:
        yield lambda: _fault(server, tally)


def _watched(
    server: Server, tally: Tally, arguments: argparse.Namespace, clients: Sequence[Callable[[], None]]
) -> Iterator[Look]:
    """Lets the clients work, and looks at the processes now and then."""
    over = threading.Event()
    threads = [threading.Thread(target=_again, args=(client, tally, over), daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    print(
        "| minute | web MB | engine MB | others MB | descriptors | threads | health p99 ms | wrong | done |"
    )
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    began = time.monotonic()
    while True:
        look = _seen(server.pid, (time.monotonic() - began) / 60)
        print(_row(look, tally), flush=True)
        yield look
        left = began + arguments.minutes * 60 - time.monotonic()
        if left <= 0:
            break
        time.sleep(min(arguments.every * 60, left))
    over.set()
    for thread in threads:
        thread.join(LONGEST_CLIENT_SECONDS)
    tally.wrong += ["A client hangs." for thread in threads if thread.is_alive()]


def _again(client: Callable[[], None], tally: Tally, over: threading.Event) -> None:
    while not over.is_set():
        with _Counted(tally, over):
            client()


@dataclass(frozen=True)
class _Counted:
    """Counts any error as wrong, and lets the client go on.

    Any, because a client that ends by one that nobody expected would do nothing more, and nothing more of it
    would go wrong.
    """

    tally: Tally
    over: threading.Event

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        if kind is not None:
            self.tally.wrong.append(f"{time.strftime('%H:%M:%S')} {kind.__name__}: {error}")
            self.over.wait(AFTER_AN_ERROR_SECONDS)
        return True


def _grown(looks: Sequence[Look]) -> Iterator[str]:
    """Yields an error if the web process has grown since it was warm: by the medians of both halves.

    A single look is no measure, because an attack may go on at that moment.
    """
    warm = [look.memory.get("web", 0) for look in looks if look.minute >= WARM_MINUTES]
    if looks[-1].minute >= JUDGED_MINUTES:
        half = len(warm) // 2
        before, after = statistics.median(warm[:half]), statistics.median(warm[half:])
        if after > MOST_GROWTH * before:
            yield f"The web process has grown from {before / MEGABYTE:.0f} MB to {after / MEGABYTE:.0f} MB."


def _upload(server: Server, tally: Tally, path: Path) -> None:
    """One visitor: a file, its text in some format; half of them delete it afterwards, some cancel."""
    with _client(server) as client, path.open("rb") as file:
        wishes = {"quality": random.choice(QUALITIES), "word_timestamps": random.choice(("true", "false"))}
        wishes["async"] = random.choice(("true", "false"))
        answer = client.post("/transcribe", data=wishes, files={"file": (path.name, file)})
        body = answer.raise_for_status().json()
        if answer.status_code == httpx2.codes.ACCEPTED:
            if random.random() < 0.2:
                client.delete(f"/api/jobs/{body['id']}").raise_for_status()
                tally.done["cancelled"] += 1
                return
            body = _finished(client, body["id"])
        if not body["text"].strip():
            raise ValueError(f"No words in {path.name}")
        address = f"/api/transcripts/{body['id']}"
        client.get(address, params={"format": random.choice(FORMATS)}).raise_for_status()
        if random.random() < 0.5:
            client.delete(address).raise_for_status()
    tally.done[f"{path.suffix[1:]} files"] += 1


def _finished(client: httpx2.Client, job: str) -> dict[str, Any]:
    while True:
        state = client.get(f"/api/jobs/{job}").raise_for_status().json()
        if state["status"] == "done":
            return dict(client.get(f"/api/transcripts/{job}").raise_for_status().json())
        if state["status"] in ("failed", "cancelled"):
            raise ValueError(f"Job {job} {state['status']}: {state['error']}")
        time.sleep(0.5)


def _damaged(server: Server, tally: Tally, uploads: Sequence[Path]) -> None:
    """A file that is none, or not whole; a clear answer is expected."""
    whole = random.choice(uploads)
    data = random.choice((b"", random.randbytes(50_000), whole.read_bytes()[: random.randrange(40, 4000)]))
    with _client(server) as client:
        answer = client.post("/transcribe", files={"file": (f"damaged{whole.suffix}", data)})
    if answer.status_code not in (200, 400, 415, 422):
        raise ValueError(f"A damaged file got {answer.status_code}: {answer.text[:200]}")
    tally.done["damaged files"] += 1
    time.sleep(5)


def _look_around(server: Server, tally: Tally) -> None:
    with _client(server) as client:
        for page in PAGES:
            client.get(page).raise_for_status()
            tally.done["pages"] += 1
    time.sleep(2)


def _speak(server: Server, tally: Tally, speech: Speech) -> None:
    seen = speak(server, speech.samples)
    if seen.live.strip():
        tally.done["live sessions"] += 1
    elif final_text(server, seen.transcript_id or "").strip():  # its engine was killed again and again
        tally.done["live sessions without captions"] += 1
    else:
        raise ValueError(f"No words of {speech.name}")


def _attack(server: Server, tally: Tally) -> None:
    """Bad connections of one kind; the other clients must not notice."""
    kind = random.choice(list(HOSTILE_KINDS))
    with attacked(kind, server, packaged("beckett.wav"), HOSTILE_CONNECTIONS):
        time.sleep(HOSTILE_SECONDS)
    tally.done[f"attacks ({kind})"] += 1


def _fault(server: Server, tally: Tally) -> None:
    """A fault that work outlasts; a killed web process would end requests under way."""
    role = random.choice(("decoder", "engine", "database"))
    fault = _lock if role == "database" else random.choice((_kill, _suspend))
    if fault(server, role):
        tally.done[f"{fault.__name__[1:]} {role}"] += 1
    time.sleep(FAULT_EVERY_SECONDS)


def _kill(server: Server, role: str) -> bool:
    """SIGKILL to a process whose work is done again."""
    found = _process(server, role)
    with suppress(psutil.NoSuchProcess):
        if found:
            found.kill()
    return found is not None


def _suspend(server: Server, role: str) -> bool:
    """SIGSTOP, and SIGCONT after a while."""
    found = _process(server, role)
    with suppress(psutil.NoSuchProcess):
        if found:
            found.suspend()
            time.sleep(SUSPENDED_SECONDS)
            found.resume()
    return found is not None


def _lock(server: Server, _role: str) -> bool:
    """Another program locks the database, for less than writers wait."""
    path = server.data / "appliance.sqlite"
    if not path.exists():
        return False
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        time.sleep(LOCKED_SECONDS)
        database.execute("ROLLBACK")
    return True


def _process(server: Server, role: str) -> psutil.Process | None:
    children = psutil.Process(server.pid).children(recursive=True)
    return next((process for process in children if _role(process) == role), None)


def _role(process: psutil.Process) -> str:
    """What it does; "" for one that has ended."""
    try:
        command = " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""
    return next((role for part, role in ROLES.items() if part in command), "others")


def _health(server: Server, tally: Tally) -> None:
    before = time.perf_counter()
    server.get("/health")
    tally.health.append(time.perf_counter() - before)
    time.sleep(HEALTH_EVERY_SECONDS)


def _client(server: Server) -> httpx2.Client:
    return httpx2.Client(base_url=server.url, verify=trusting(), timeout=600)


def _uploads(speech: Sequence[Speech], work: Path) -> list[Path]:
    """Each recording in each container that people send."""
    sources = [packaged("two_cities.wav"), *(one.recording(work).path for one in speech)]
    return [_encoded(source, work, ending, codec) for source in sources for ending, codec in KINDS.items()]


def _encoded(source: Path, work: Path, ending: str, codec: str) -> Path:
    target = work / f"{source.stem}-{ending[1:]}{ending}"
    with av.open(str(source)) as read, av.open(str(target), "w") as write:
        stream = write.add_stream(codec, rate=48_000)
        assert isinstance(stream, av.AudioStream)
        for frame in read.decode(audio=0):
            write.mux(stream.encode(frame))
        write.mux(stream.encode(None))
    return target


def _seen(pid: int, minute: float) -> Look:
    memory: Counter[str] = Counter()
    descriptors = threads = 0
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        try:
            memory[_role(process)] += process.memory_full_info().pss
            descriptors += process.num_fds()
            threads += process.num_threads()
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return Look(minute, dict(memory), descriptors, threads)


def _row(look: Look, tally: Tally) -> str:
    own = {role: look.memory.get(role, 0) for role in ("web", "engine")}
    sizes = (*own.values(), sum(look.memory.values()) - sum(own.values()))
    megabytes = [f"{size / MEGABYTE:.0f}" for size in sizes]
    cells = [
        f"{look.minute:.0f}",
        *megabytes,
        look.descriptors,
        look.threads,
        f"{tally.p99:.0f}",
        len(tally.wrong),
    ]
    return f"| {' | '.join(map(str, cells))} | {sum(tally.done.values())} |"


if __name__ == "__main__":
    main()
