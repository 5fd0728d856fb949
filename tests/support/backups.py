"""Data folders with something in them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import empty_tables
from whisper_appliance.backups import age_format
from whisper_appliance.backups.restore import Restore
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage import migrations
from whisper_appliance.storage.database import Database
from whisper_appliance.transcript.model import Segment, Transcript

REVISIONS = migrations.revisions()


@pytest.fixture(scope="session", autouse=True)
def cheap_scrypt() -> Iterator[None]:
    """Keys of passphrases are derived with little work, except from what other programs encrypted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(age_format, "WORK_FACTOR", 10)
        yield


def transcript(text: str) -> Transcript:
    return Transcript((Segment(0.0, 1.0, text),), "en", 0.9, 1.0, "transcribe", "tiny.en", 0.1)


def fill(folder: Path, title: str, url: str | None = None) -> str:
    """One transcript with its kept audio, certificates and a key; the transcript's id."""
    folder.mkdir(parents=True, exist_ok=True)
    database = Database.in_folder(folder, url)
    if url is None and not any(folder.iterdir()):
        (folder / "appliance.sqlite").write_bytes(empty_tables())
    migrations.upgrade(database)
    id = TranscriptRepository(database, audio_folder=folder / "audio").add(
        transcript(title), title=title, owner="a" * 32, source="upload"
    )
    database.close()
    for name, content in (
        (f"audio/{id}", f"audio of {title}".encode() * 1000),
        ("certificates/server.pem", b"certificate of " + title.encode()),
        ("secret.key", title.encode().hex().encode()),
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return id


def titles(folder: Path, url: str | None = None) -> list[str]:
    database = Database.in_folder(folder, url)
    try:
        page = TranscriptRepository(database, audio_folder=folder / "audio").page("a" * 32, limit=10)
        return [entry.title for entry in page.summaries]
    finally:
        database.close()


def restore_of(folder: Path, **other: object) -> Restore:
    usual: dict[str, object] = {"revisions": REVISIONS, "spare_bytes": 0}
    return Restore(folder, **{**usual, **other})  # type: ignore[arg-type] # the two dicts together fit


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A data folder in use: its database is open, with its latest commits in the write-ahead log."""
    folder = tmp_path / "data"
    fill(folder, "kept")
    database = Database.in_folder(folder)
    with database.read() as connection:
        connection.exec_driver_sql("SELECT 1 FROM transcripts")
        yield folder
    database.close()
