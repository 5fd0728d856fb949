"""A real recording with the real decoder, VAD, engine, hallucination filter and repository."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jiwer
import pytest
from whisper_normalizer.english import EnglishTextNormalizer

from tests.support.databases import ready
from tests.support.wait import wait_until
from whisper_appliance.config.settings import load
from whisper_appliance.core.errors import Undecodable
from whisper_appliance.engines.contract import EngineSpec, Options, Priority
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.jobs.cluster import Cluster
from whisper_appliance.jobs.job import JobRequest
from whisper_appliance.jobs.queue import JobQueue
from whisper_appliance.jobs.repository import JobRepository
from whisper_appliance.jobs.storage import JobFolders
from whisper_appliance.jobs.transcription_job import JobSteps
from whisper_appliance.library.recordings import Recordings
from whisper_appliance.library.transcripts import TranscriptRepository

BECKETT = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."


class OneModel:
    """Leases one engine that is always loaded."""

    def __init__(self, engine: EngineProcess) -> None:
        self._engine = engine

    @contextmanager
    def engine(self, name: str | None = None) -> Iterator[EngineProcess]:
        yield self._engine


@pytest.mark.slow
def test_real_speech_becomes_a_transcript_with_its_audio_kept(
    tmp_path: Path, beckett: Path, tiny_en: Path
) -> None:
    settings = load(data_dir=tmp_path, keep_audio="everyone")
    engine = EngineProcess(EngineSpec("onnxruntime", "tiny.en", tiny_en, device="cpu", workers=1))
    engine.start()
    with ready(f"sqlite:///{tmp_path / 'appliance.sqlite'}") as database:
        recordings = Recordings(database, tmp_path / "audio", days_of=lambda owner: 30)
        steps = JobSteps.from_settings(lambda: settings, OneModel(engine), lambda: "tiny.en", recordings)
        repository = JobRepository(database)
        cluster = Cluster(database, repository, JobFolders(tmp_path, tmp_path))
        queue = JobQueue(repository, cluster, steps)
        queue.launch()
        try:
            speech, noise = (tmp_path / "uploads" / name for name in ("speech", "noise"))
            speech.write_bytes(beckett.read_bytes())
            noise.write_bytes(b"this is not audio")
            options = Options(language="en", word_timestamps=True)
            put = queue.enqueue(
                JobRequest(speech, "beckett.wav", Priority.INTERACTIVE, "ann", options=options)
            )
            refused = queue.enqueue(JobRequest(noise, "noise.wav", Priority.INTERACTIVE, "ann"))
            job = queue.wait(put.id, 60)
            assert (job.status, job.error) == ("done", None)
            history = TranscriptRepository(database, audio_folder=tmp_path / "audio")
            stored = history.get(job.transcript_id or "", "ann")
            normal = EnglishTextNormalizer()
            assert jiwer.wer(normal(BECKETT), normal(stored.transcript.text)) <= 0.2
            assert stored.summary.title == "beckett"
            assert stored.transcript.segments[0].words
            assert stored.transcript.provenance
            assert stored.transcript.provenance.model_sha256
            kept = history.audio(job.id, "ann")
            assert kept
            assert kept.read_bytes() == beckett.read_bytes()
            assert recordings.get(job.id).media_type == "audio/wav"
            assert len(recordings.peaks(job.id)) > 500
            error = queue.wait(refused.id, 60).error
            assert error
            assert error.code == Undecodable.code
            wait_until(lambda: [path.name for path in (tmp_path / "uploads").iterdir()] == [noise.name])
        finally:
            queue.close()
            engine.close()
