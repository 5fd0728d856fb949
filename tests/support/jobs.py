"""A scripted decoder, model and pipeline, whose windows are as slow as a test likes, and queues around it."""

import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.databases import add_empty_queue
from tests.support.wait import wait_until
from whisper_appliance.core.errors import Cancelled
from whisper_appliance.engines.contract import Priority, WindowResult
from whisper_appliance.jobs.cluster import Cluster
from whisper_appliance.jobs.job import Job, JobRequest
from whisper_appliance.jobs.model_choice import ModelChoice
from whisper_appliance.jobs.queue import JobQueue
from whisper_appliance.jobs.repository import JobRepository
from whisper_appliance.jobs.storage import JobAudio, JobFolders
from whisper_appliance.jobs.transcription_job import JobSteps
from whisper_appliance.storage import migrations
from whisper_appliance.storage.database import Database
from whisper_appliance.transcript.model import Segment, Transcript, Word
from whisper_appliance.translation.contract import TranslatorSpec

WINDOW_SAMPLES = 16_000 * 20
StartQueue = Callable[..., JobQueue]


@dataclass(frozen=True)
class WindowDone:
    """What the real pipeline announces of a window."""

    start_sample: int
    stop_sample: int
    result: WindowResult
    progress: float


@dataclass
class Script:
    """How speech behaves. An upload is a text: one word a window."""

    window_seconds: float = 0.0
    window_log: Path | None = None
    before_window: Callable[[str], object] = lambda word: None
    started: list[float] = field(default_factory=list)
    diarize: Any = None

    @contextmanager
    def decode(self, path: Path, sound: object = None) -> Iterator["Script.Words"]:
        yield self.Words(path.read_text(errors="replace").split())

    @contextmanager
    def engine(self, name: str | None = None) -> Iterator["Script.Engine"]:
        yield self.Engine(f"engine of {name}")

    class Engine(str):
        """An engine, as its description."""

        __slots__ = ()

        def wait_ready(self) -> None:
            """It always is."""

    @dataclass
    class Words:
        """The words of a file, as a recording."""

        words: list[str]
        tracks = None
        media = None

        @staticmethod
        def waveform() -> bytes:
            return b""

        @property
        def seconds(self) -> float:
            return len(self.words) * 20.0

        estimated_seconds = seconds

        def header_seconds(self) -> float:
            return self.seconds

    def transcribe(
        self,
        recording: "Script.Words",
        engine: str,
        job: Job,
        *,
        finished: Mapping[int, WindowResult],
        on_window: Callable[[WindowDone], None],
        cancelled: Callable[[], bool],
        on_decoded: Callable[[float], None],
    ) -> Transcript:
        self.started.append(time.perf_counter())
        results, language = [], job.options.language or "en"
        for index, word in enumerate(recording.words):
            start = index * WINDOW_SAMPLES
            if start in finished:
                results.append(finished[start])
                continue
            if cancelled():
                raise Cancelled("The job was cancelled.")
            self._decode_window(word)
            words = (Word(0.0, 20.0, f" {word}", 0.9),) if job.options.word_timestamps else ()
            results.append(WindowResult((Segment(0.0, 20.0, f" {word}", words=words),), language, 1.0))
            progress = (index + 1) / len(recording.words)
            on_window(WindowDone(start, start + WINDOW_SAMPLES, results[-1], progress))
        segments = tuple(result.segments[0] for result in results)
        task, model = job.options.task, job.model or ""
        return Transcript(segments, language, 1.0, recording.estimated_seconds, task, model, 0.1)

    def steps(self, folder: Path, model: str = "base", **others: Any) -> JobSteps:
        """The steps of a job in `folder`, with this script in place of decoder and engine."""
        given: dict[str, Any] = {
            "decode": self.decode, "transcribe": self.transcribe, "diarize": self.diarize,
            "translate": self.translate, **others,
        }  # fmt: skip
        audio = JobAudio(folder, is_mounted=given.pop("is_mounted", lambda: True))
        return JobSteps(audio, self, choice=ModelChoice(lambda: model), **given)

    def translate(
        self,
        lines: Sequence[str],
        spec: TranslatorSpec,
        *,
        on_progress: Callable[[float], None],
        cancelled: Callable[[], bool],
    ) -> list[str]:
        """Says for each line between which languages it was translated; a line is as slow as a window."""
        for done, line in enumerate(lines, 1):
            if cancelled():
                raise Cancelled("The job was cancelled.")
            self._decode_window(line)
            on_progress(done / len(lines))
        return [f"{spec.source}-{spec.target}: {line.strip()}" for line in lines]

    def _decode_window(self, word: str) -> None:
        self.before_window(word)
        time.sleep(self.window_seconds)
        if self.window_log:
            with self.window_log.open("a") as log:
                log.write(f"{word}\n")


def build_queue(
    data_dir: Path,
    script: Script,
    *,
    url: str | None = None,
    storage: Path | None = None,
    is_mounted: Callable[[], bool] = lambda: True,
    stopping: threading.Event | None = None,
    **options: Any,
) -> JobQueue:
    """A queue as the appliance builds it, with the script in the place of speech."""
    database = Database.in_folder(data_dir, url)
    migrations.upgrade(database)
    if database.is_sqlite:
        add_empty_queue(data_dir)
    repository = JobRepository(database)
    cluster = Cluster(database, repository, JobFolders(data_dir, storage or data_dir), stopping=stopping)
    steps = script.steps(storage or data_dir, is_mounted=is_mounted, sleep=lambda _: time.sleep(0.02))
    return JobQueue(repository, cluster, steps, **options)


def request(storage: Path, words: str, priority: Priority = Priority.BATCH, owner: str = "ann") -> JobRequest:
    """A job whose upload has these words."""
    job = JobRequest(storage / "uploads" / "x", "talk.wav", priority, owner)
    path = storage / "uploads" / job.id
    path.write_text(words)
    return JobRequest(path, "talk.wav", priority, owner, id=job.id)


@pytest.fixture
def start_queue(tmp_path: Path, empty_sqlite: Path) -> Iterator[StartQueue]:
    """Starts a queue on the test's own folder; one that runs already is closed first."""
    shutil.copy(empty_sqlite, tmp_path)
    running: list[JobQueue] = []

    def start(script: Script, **options: Any) -> JobQueue:
        while running:
            running.pop().close()
        running.append(build_queue(tmp_path, script, **options))
        running[-1].launch()
        return running[-1]

    yield start
    while running:
        running.pop().close()


def ended(queue: JobQueue, id: str, timeout_seconds: float = 60) -> Job:
    """The job once it has ended."""
    job = queue.wait(id, timeout_seconds)
    assert job.ended, job
    return job


def wait_for_window(data_dir: Path, word: str) -> None:
    """Waits until this window has been decoded."""
    wait_until(lambda: word in decoded_windows(data_dir))


def decoded_windows(data_dir: Path) -> Counter[str]:
    """How often each window was decoded, in all runs."""
    path = data_dir / "windows.txt"
    return Counter(path.read_text().split() if path.exists() else [])
