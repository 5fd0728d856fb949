"""Several microphones at once at a real server, alone and beside a long file."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.audio import Recording
from benchmarks.competitors import Server
from benchmarks.live_real import Seen, final_text, speak
from benchmarks.live_score import Score, score
from benchmarks.live_speech import Speech, together
from benchmarks.measuring import Tree, word_error_rate
from whisper_appliance.transcript.model import Word

BETWEEN_STREAMS_SECONDS = 0.37


@dataclass
class Trial:
    """So many streams, with or without a long file beside them; word error rates are shares."""

    name: str
    streams: int
    beside: bool
    scored: Score = field(default_factory=Score)
    live: float | None = None
    refined: float | None = None
    final: float | None = None
    offline: float | None = None
    cpu: float | None = None
    problem: str = ""


@dataclass(frozen=True)
class Programme:
    """What is spoken, and the words of the file road in it."""

    speech: Sequence[Speech]
    truths: Sequence[Sequence[Word]]

    def turned(self, count: int) -> tuple[Speech, list[Word]]:
        """Beginning with another recording for each stream."""
        at = count % len(self.speech)
        return together([*self.speech[at:], *self.speech[:at]], [*self.truths[at:], *self.truths[:at]])

    @property
    def offline(self) -> float:
        """Word error rate of the file road, on the same recordings."""
        texts = ["".join(word.word for word in truth) for truth in self.truths]
        return word_error_rate(zip((one.reference for one in self.speech), texts, strict=True))


def offline(server: Server, recording: Recording) -> list[Word]:
    """The words of a recording on the file road of the same server."""
    transcript = server.post(recording, language="en", word_timestamps="true")
    return [
        Word(word["start"], word["end"], word["word"], word["probability"])
        for segment in transcript["segments"]
        for word in segment["words"]
    ]


def attempt(server: Server, programme: Programme, streams: int, long: Recording | None) -> Trial:
    """Runs one trial in real time."""
    trial = Trial(f"{streams} {'streams' if streams > 1 else 'stream'}", streams, long is not None)
    parts = [programme.turned(number) for number in range(streams)]
    meter = _Meter(server.pid)
    with _busy_with(server, long), ThreadPoolExecutor(streams) as threads:
        began = time.monotonic()
        running = [
            threads.submit(speak, server, part[0].samples, delay_seconds=number * BETWEEN_STREAMS_SECONDS)
            for number, part in enumerate(parts)
        ]
        for one in running:
            one.add_done_callback(lambda _: meter.stop())
        seen = [one.result() for one in running]
        spoken = min(part[0].seconds for part in parts)
    if long is None and meter.seconds:
        trial.cpu = meter.seconds / (streams * spoken)
    print(f"  spoken after {time.monotonic() - began:.0f} s; waiting for the second hearings", flush=True)
    _judge(trial, server, parts, seen)
    trial.offline = programme.offline
    return trial


def invented(server: Server, sounds: Sequence[Speech]) -> dict[str, int]:
    """How many words came of sounds that nobody made with a mouth, in captions and transcripts together."""
    counts = {}
    for sound in sounds:
        seen = speak(server, sound.samples, real_time=False)
        texts = [seen.live, seen.refined, final_text(server, seen.transcript_id or "")]
        shown = max((len(one.tentative) for one in seen.trace), default=0)
        counts[sound.name] = shown + sum(len(text.split()) for text in texts)
        print(f"  {sound.name}: {counts[sound.name]} words", flush=True)
    return counts


def _judge(
    trial: Trial, server: Server, parts: Sequence[tuple[Speech, list[Word]]], seen: Sequence[Seen]
) -> None:
    live, refined, final = [], [], []
    for (spoken, truth), one in zip(parts, seen, strict=True):
        trial.scored.add(score(one.trace, one.committed, truth))
        live.append((spoken.reference, one.live))
        refined.append((spoken.reference, one.refined))
        if not trial.beside:
            final.append((spoken.reference, final_text(server, one.transcript_id or "")))
    trial.live, trial.refined = word_error_rate(live), word_error_rate(refined)
    trial.final = word_error_rate(final) if final else None


@contextmanager
def _busy_with(server: Server, long: Recording | None) -> Iterator[None]:
    """Meanwhile a long file is transcribed, again and again."""
    over = threading.Event()

    def send() -> None:
        while long and not over.is_set():
            server.post(long)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class _Meter:
    """Processor time of a server until the first stream has ended: then second hearings begin."""

    def __init__(self, pid: int) -> None:
        self.seconds = 0.0
        self._tree = Tree(pid)
        self._before = self._tree.cpu_seconds()

    def stop(self) -> None:
        """Reads it, the first time."""
        self.seconds = self.seconds or self._tree.cpu_seconds() - self._before
