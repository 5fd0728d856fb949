"""What a user feels beside speed: a short clip, alone and beside a long file; the start; memory when idle."""

import statistics
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.audio import Recording
from benchmarks.competitors import Server
from benchmarks.measuring import Tree

IDLE_SECONDS = 2
UNLOAD_SECONDS = 60
WHILE_BUSY_CLIPS = 12


@dataclass(frozen=True)
class UserLatency:
    """Medians in seconds, memory in bytes. `overhead` is what HTTP, queue and history take."""

    first_start_seconds: float
    second_start_seconds: float
    clip_seconds: float
    clip_detected_seconds: float
    clip_overhead_seconds: float
    clip_while_busy_seconds: float
    long_overhead_share: float
    idle_bytes: int
    idle_unloaded_bytes: int


@dataclass(frozen=True)
class Answered:
    """How long an answer took, and how much of that was the transcribing itself."""

    wall_seconds: float
    processing_seconds: float


def measure_user_latency(
    work: Path, models: Path, model: str, clip: Recording, long: Recording, repetitions: int
) -> UserLatency:
    """Starts an appliance twice on the same data and lives with it for a while."""
    data = work / "user_latency"
    first_start = _start_seconds(Server(data, models, WHISPER_MODEL=model))
    server = Server(data, models, WHISPER_MODEL=model, MODEL_IDLE_TIMEOUT=str(IDLE_SECONDS))
    began = time.perf_counter()
    with server:
        server.wait_for_page()
        second_start = time.perf_counter() - began
        ask(server, clip)
        given = [ask(server, clip, language=clip.language) for _ in range(repetitions)]
        detected = [ask(server, clip) for _ in range(repetitions)]
        busy = _clips_beside(server, clip, long)
        whole = ask(server, long)
        loaded = Tree(server.pid).memory_bytes()
        unloaded = _memory_after_unload(server)
    return UserLatency(
        first_start_seconds=first_start,
        second_start_seconds=second_start,
        clip_seconds=statistics.median(one.wall_seconds for one in given),
        clip_detected_seconds=statistics.median(one.wall_seconds for one in detected),
        clip_overhead_seconds=statistics.median(one.wall_seconds - one.processing_seconds for one in given),
        clip_while_busy_seconds=statistics.median(one.wall_seconds for one in busy),
        long_overhead_share=1 - whole.processing_seconds / whole.wall_seconds,
        idle_bytes=loaded,
        idle_unloaded_bytes=unloaded,
    )


def ask(server: Server, recording: Recording, **fields: str) -> Answered:
    """One request, timed."""
    before = time.perf_counter()
    transcript = server.post(recording, **fields)
    return Answered(time.perf_counter() - before, float(transcript["processing_seconds"]))


def _start_seconds(server: Server) -> float:
    before = time.perf_counter()
    with server:
        server.wait_for_page()
        return time.perf_counter() - before


def _clips_beside(server: Server, clip: Recording, long: Recording) -> list[Answered]:
    """Clips sent one after the other while a long file is being transcribed; at least one."""
    done = threading.Event()

    def send_long() -> None:
        server.post(long)
        done.set()

    thread = threading.Thread(target=send_long)
    thread.start()
    time.sleep(1)
    answered: list[Answered] = []
    while not answered or (not done.is_set() and len(answered) < WHILE_BUSY_CLIPS):
        answered.append(ask(server, clip, language=clip.language))
    thread.join()
    return answered


def _memory_after_unload(server: Server) -> int:
    """Memory once the processes of engine and decoder have gone: the server's own two are left."""
    deadline = time.monotonic() + UNLOAD_SECONDS
    while time.monotonic() < deadline and len(psutil.Process(server.pid).children(recursive=True)) > 1:
        time.sleep(0.2)
    return Tree(server.pid).memory_bytes()
