"""`replay`: the real program transcribes a kept recording again."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import environment
from whisper_appliance.audio.decode import DecodeLimits, decode
from whisper_appliance.engines.contract import EngineSpec, Options, Priority
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage import migrations
from whisper_appliance.storage.database import Database
from whisper_appliance.transcription.transcribe import TranscriptionRequest, transcribe

pytestmark = pytest.mark.slow  # starts the real program


@pytest.fixture
def kept(tmp_path: Path, tiny_en: Path, beckett: Path) -> tuple[Path, str]:
    """A folder with a transcript whose recording was kept, and the transcript's id."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models/tiny.en").symlink_to(tiny_en)
    data = Path(environment(tmp_path)["DATA_DIR"])
    data.mkdir(parents=True, exist_ok=True)
    engine = EngineProcess(EngineSpec("onnxruntime", "tiny.en", tiny_en, "cpu", workers=1))
    engine.start()
    with decode(beckett, folder=tmp_path, limits=DecodeLimits()) as recording:
        request = TranscriptionRequest(Options(temperature=0.8, seed=7), Priority.BATCH, "tiny.en")
        transcript = transcribe(recording, engine, request)
    engine.close()
    database = Database.in_folder(data, None)
    migrations.upgrade(database)
    transcript_id = TranscriptRepository(database).add(transcript, title="Beckett")
    database.close()
    (data / "audio").mkdir()
    shutil.copy(beckett, data / "audio" / transcript_id)
    return tmp_path, transcript_id


def run(folder: Path, transcript_id: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "whisper_appliance", "replay", transcript_id],
        env=environment(folder), cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_kept_recording_gives_the_same_words_again(kept: tuple[Path, str]) -> None:
    done = run(*kept)
    assert done.stdout.startswith("The same: "), done.stdout + done.stderr
    assert done.returncode == 0


def test_a_recording_that_was_not_kept_cannot_be_replayed(kept: tuple[Path, str]) -> None:
    folder, transcript_id = kept
    (Path(environment(folder)["DATA_DIR"]) / "audio" / transcript_id).unlink()
    done = run(folder, transcript_id)
    assert done.returncode == 1
    assert "KEEP_AUDIO" in done.stderr
