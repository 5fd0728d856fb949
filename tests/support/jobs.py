"""A scripted stand-in for decoder, model and the road through speech: windows as slow as a test likes."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from whisper_appliance.core.errors import Cancelled
from whisper_appliance.engines.contract import Options, Priority, WindowResult
from whisper_appliance.jobs.queue import JobRequest, Queue
from whisper_appliance.jobs.transcription_job import Steps
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.migrations import FOLDER
from whisper_appliance.transcript.model import Segment, Transcript

WINDOW_SAMPLES = 16_000 * 20


@dataclass(frozen=True)
class WindowDone:
    """What the real road tells about a window."""

    start_sample: int
    stop_sample: int
    result: WindowResult
    progress: float


@dataclass
class Script:
    """How speech behaves. The file to "hear" is a text: one word a window."""

    window_seconds: float = 0.0
    heard: Path | None = None
    before_window: Callable[[str], None] = lambda word: None
    started: list[float] = field(default_factory=list)

    @contextmanager
    def decode(self, path: Path) -> Iterator["Script.Words"]:
        yield self.Words(path.read_text().split())

    @contextmanager
    def engine(self, name: str | None = None) -> Iterator[str]:
        yield f"engine of {name}"

    @dataclass
    class Words:
        """The words of a file, as a recording."""

        words: list[str]

        @property
        def seconds(self) -> float:
            return len(self.words) * 20.0

        estimated_seconds = seconds

    def transcribe(
        self,
        recording: "Script.Words",
        engine: str,
        options: Options,
        *,
        priority: Priority,
        model: str,
        finished: Mapping[int, WindowResult],
        on_window: Callable[[WindowDone], None],
        cancelled: Callable[[], bool],
    ) -> Transcript:
        self.started.append(time.perf_counter())
        results = []
        for index, word in enumerate(recording.words):
            start = index * WINDOW_SAMPLES
            if start in finished:
                results.append(finished[start])
                continue
            if cancelled():
                raise Cancelled("The job was cancelled.")
            self._hear(word)
            results.append(WindowResult((Segment(0.0, 20.0, f" {word}"),), "en", 1.0))
            progress = (index + 1) / len(recording.words)
            on_window(WindowDone(start, start + WINDOW_SAMPLES, results[-1], progress))
        segments = tuple(result.segments[0] for result in results)
        return Transcript(segments, "en", 1.0, recording.estimated_seconds, "transcribe", model, 0.1)

    def _hear(self, word: str) -> None:
        self.before_window(word)
        time.sleep(self.window_seconds)
        if self.heard:
            with self.heard.open("a") as log:
                log.write(f"{word}\n")


def build_queue(
    data_dir: Path,
    script: Script,
    *,
    url: str | None = None,
    storage: Path | None = None,
    is_mounted: Callable[[], bool] = lambda: True,
    **options: object,
) -> Queue:
    """A queue as the appliance builds it, with the script in the place of speech."""
    database = Database.in_folder(data_dir, url)
    database.upgrade(FOLDER)
    steps = Steps(
        storage or data_dir,
        script,
        decode=script.decode,
        transcribe=script.transcribe,
        default_model=lambda: "base",
        is_mounted=is_mounted,
        sleep=lambda _: time.sleep(0.02),
    )
    return Queue(database, steps, data_dir, storage=storage, **options)  # type: ignore[arg-type]


def request(storage: Path, words: str, priority: Priority = Priority.BATCH, owner: str = "ann") -> JobRequest:
    """A job whose upload says these words."""
    job = JobRequest(storage / "uploads" / "x", "talk.wav", priority, owner)
    path = storage / "uploads" / job.id
    path.write_text(words)
    return JobRequest(path, "talk.wav", priority, owner, id=job.id)
