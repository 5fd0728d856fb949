"""`./scripts/dev.sh bench-hostile`: what clients that mean no good cost those at another address.

Many connections of one bad kind come from one address of this machine (127.0.0.2), while another (127.0.0.1)
asks for /health, sends a clip again and again, and speaks. Each kind is compared with the time before and
after it.
"""

import argparse
import asyncio
import math
import multiprocessing
import os
import random
import ssl
import statistics
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from benchmarks.audio import packaged
from benchmarks.competitors import Server, trusting
from benchmarks.live_real import speak
from benchmarks.live_speech import Speech, speeches
from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.models.store import ModelStore

HOSTILE_ADDRESS = "127.0.0.2"
DRIP_SECONDS = 1.0
OPENING_SECONDS = 2.0
HEALTH_EVERY_SECONDS = 0.1
CLIP_EVERY_SECONDS = 1.0
"""Fewer than UPLOADS_PER_MINUTE, because the limits are those of an appliance as it comes."""
SPEECH_SAMPLES = 16_000 * 8
GIVE_UP = (OSError, ssl.SSLError, asyncio.IncompleteReadError)
HEAD = b"POST /transcribe HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
FORM = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'


@dataclass(frozen=True)
class Target:
    """What is attacked: the port of the server, a clip to send, and a stream that anybody may open."""

    port: int
    clip: Path
    stream: str


Client = Callable[[Target], Awaitable[None]]


@dataclass
class Seen:
    """What the honest client saw: seconds of each answer; None is a refusal or a failure."""

    health: list[float] = field(default_factory=list)
    clips: list[float] = field(default_factory=list)
    speeches: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def p99_ms(self) -> float:
        """Milliseconds in which 99 of 100 answers of /health came."""
        return 1000 * statistics.quantiles(self.health, n=100)[98]


async def _open(port: int, tls: bool = True) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(
        "127.0.0.1",
        port,
        ssl=ssl._create_unverified_context() if tls else None,
        local_addr=(HOSTILE_ADDRESS, 0),
    )


async def half_handshake(target: Target) -> None:
    """Begins a TLS handshake, and says no more."""
    reader, writer = await _open(target.port, tls=False)
    writer.write(bytes.fromhex("160301020001"))
    await reader.read()


async def silent(target: Target) -> None:
    """Connects, and says nothing."""
    reader, _writer = await _open(target.port, tls=False)
    await reader.read()


async def dripping_head(target: Target) -> None:
    """Sends a head byte by byte."""
    _reader, writer = await _open(target.port)
    for byte in HEAD * 10:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(DRIP_SECONDS)


async def dripping_body(target: Target) -> None:
    """Promises a megabyte, and sends it byte by byte."""
    _reader, writer = await _open(target.port)
    writer.write(HEAD + b"Content-Length: 1000000\r\n\r\n" + FORM)
    while True:
        writer.write(b"\0")
        await writer.drain()
        await asyncio.sleep(DRIP_SECONDS)


async def sockets(target: Target) -> None:
    """Opens a WebSocket and keeps it."""
    reader, writer = await _open(target.port)
    writer.write(
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    while await reader.read(4096):
        pass


async def streams(target: Target) -> None:
    """Opens a stream of events and does not read it."""
    reader, writer = await _open(target.port)
    writer.write(f"GET {target.stream} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await writer.drain()
    while await reader.read(4096):
        await asyncio.sleep(DRIP_SECONDS)


async def waiting_uploads(target: Target) -> None:
    """Sends a recording, and waits for its words."""
    body = FORM + target.clip.read_bytes() + b"\r\n--b--\r\n"
    reader, writer = await _open(target.port)
    writer.write(HEAD + f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
    await writer.drain()
    await reader.read()


async def reconnect_storm(target: Target) -> None:
    """Connects, asks, and goes away at once."""
    _reader, writer = await _open(target.port)
    writer.write(b"GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
    writer.close()
    await asyncio.sleep(random.random() * 0.2)


KINDS: dict[str, Client] = {
    client.__name__.replace("_", " "): client
    for client in (
        half_handshake, silent, dripping_head, dripping_body, sockets, streams, waiting_uploads,
        reconnect_storm,
    )
}  # fmt: skip


def attack(kind: str, target: Target, connections: int) -> None:
    """Keeps so many connections of a kind going until the process is ended."""

    # on a machine of its own it would take nothing from the server, whose engine is nice too
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))

    async def again(client: Client) -> None:
        while True:
            with suppress(*GIVE_UP):
                await client(target)
            await asyncio.sleep(0.1)

    async def all_of_them() -> None:
        await asyncio.gather(*(again(KINDS[kind]) for _ in range(connections)))

    asyncio.run(all_of_them())


def honest(server: Server, clip: Path, speech: Speech, seconds: float) -> Seen:
    """Uses the appliance for so long as somebody at home would."""
    seen, until = Seen(), time.monotonic() + seconds

    def repeat(times: list[float], action: Callable[[], object], pause: float) -> None:
        while time.monotonic() < until:
            before = time.monotonic()
            try:
                action()
                times.append(time.monotonic() - before)
            except (httpx2.HTTPError, ApplianceError, OSError, ValueError) as error:
                seen.wrong.append(f"{type(error).__name__}: {error}"[:100])
            time.sleep(pause)

    def send_clip() -> None:
        with httpx2.Client(base_url=server.url, verify=trusting(), timeout=60) as client:
            files = {"file": ("clip.wav", clip.read_bytes())}
            client.post("/transcribe", files=files, data={"language": "en"}).raise_for_status()

    def health() -> None:
        with httpx2.Client(base_url=server.url, verify=trusting(), timeout=60) as client:
            client.get("/health").raise_for_status()

    def talk() -> None:
        if not speak(server, speech.samples[:SPEECH_SAMPLES]).live.strip():
            raise ValueError("no captions")

    parts = (
        (seen.health, health, HEALTH_EVERY_SECONDS),
        (seen.clips, send_clip, CLIP_EVERY_SECONDS),
        (seen.speeches, talk, 0.5),
    )
    threads = [threading.Thread(target=repeat, args=part) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen


def main() -> None:
    """Prints a row for each kind; ends with 1 where a promise was broken."""
    arguments = _arguments()
    speech = speeches(None)[0]
    clip = packaged("beckett.wav")
    broken = False
    print("| kind | health p99 ms before | during | clip, times before | speech | went wrong |")
    print("|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        models = arguments.models or Path(folder) / "models"
        # What is measured does not have the packages of tests, so a model of theirs is put into the folder.
        if ModelStore(models, downloads_allowed=False).locate(arguments.model) is None:
            raise SystemExit(f"The model {arguments.model} is not on this machine.")
        with Server(Path(folder) / "data", models, WHISPER_MODEL=arguments.model) as server:
            server.wait_for_page()
            honest(server, clip, speech, 5)  # the model loads
            before = honest(server, clip, speech, arguments.before)
            for kind in arguments.kinds or KINDS:
                with attacked(kind, server, clip, arguments.connections):
                    during = honest(server, clip, speech, arguments.seconds)
                after = honest(server, clip, speech, arguments.before)
                broken |= _row(kind, (before, after), during)
                before = after
    raise SystemExit(broken)


@contextmanager
def transcript_stream(server: Server, clip: Path) -> Iterator[str]:
    """The path of the events of a new transcript. Raises `SystemExit` where it is no stream of events."""
    with httpx2.Client(base_url=server.url, verify=trusting(), timeout=60) as client:
        client.get("/").raise_for_status()  # its cookie: who has none may send two uploads at once
        sent = client.post("/transcribe", files={"file": ("clip.wav", clip.read_bytes())}).raise_for_status()
        transcript = f"/api/transcripts/{sent.json()['id']}"
        path = f"{transcript}/changes"
        with client.stream("GET", path) as answer:
            if not answer.headers["Content-Type"].startswith("text/event-stream"):
                raise SystemExit(f"GET {path} is no stream of events, but {answer.status_code}.")
        yield path
        client.delete(transcript).raise_for_status()


@contextmanager
def attacked(kind: str, server: Server, clip: Path, connections: int) -> Iterator[None]:
    """So many connections of a kind, from a process of their own."""
    opens_streams = KINDS[kind] is streams
    with transcript_stream(server, clip) if opens_streams else nullcontext("") as stream:
        process = multiprocessing.get_context("spawn").Process(
            target=attack, args=(kind, Target(server.port, clip, stream), connections), daemon=True
        )
        process.start()
        time.sleep(OPENING_SECONDS)
        yield
        process.kill()
        process.join()


def _row(kind: str, quiet: tuple[Seen, Seen], during: Seen) -> bool:
    """Prints a row; returns whether a promise was broken."""
    clips = _times([seen.clips for seen in quiet], during.clips)
    talks = _times([seen.speeches for seen in quiet], during.speeches)
    usual = max(seen.p99_ms for seen in quiet)
    print(f"| {kind} | {usual:.0f} | {during.p99_ms:.0f} | {clips:.2f} | {talks:.2f} | {len(during.wrong)} |")
    print("".join(f"  {each}\n" for each in sorted(set(during.wrong))[:3]), end="", flush=True)
    return during.p99_ms > 200 or clips > 1.3 or talks > 1.3 or bool(during.wrong)


def _times(quiet: Sequence[Sequence[float]], during: Sequence[float]) -> float:
    """The median during the attack, over the one before and after it."""
    if not during:
        return math.inf
    return statistics.median(during) / statistics.mean(statistics.median(each) for each in quiet)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./scripts/dev.sh bench-hostile", description=__doc__)
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], help="some of the kinds")
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--before", type=float, default=20, help="seconds without them, to compare with")
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--models", type=Path, help="model folder (default: one from installed packages)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
