"""A film with subtitles is made only where the disk has room for as much as the muxer may write."""

from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from whisper_appliance.app.subtitled_films import SubtitledFilms
from whisper_appliance.config import settings
from whisper_appliance.core.errors import DiskFull
from whisper_appliance.library.recordings import Recordings

WORDS = "1\n00:00:00,000 --> 00:00:01,000\none\n"
Usage = namedtuple("Usage", "total used free")


def test_the_room_that_is_checked_is_the_limit_of_the_muxer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, limits = tmp_path / "film.mp4", []
    source.write_bytes(bytes(1000))
    recordings = SimpleNamespace(get=lambda _: None, file=lambda _: source)

    def run(_program: str, job: dict[str, int], *_: object) -> str:
        limits.append(job["most_bytes"])
        return "done"

    monkeypatch.setattr("whisper_appliance.audio.encode._run", run)
    films = SubtitledFilms(
        lambda: settings.load(min_free_disk=500), cast(Recordings, recordings), tmp_path / "films"
    )
    films.make("a" * 32, WORDS).close()
    free = limits[0] + 500
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(free, 0, free))
    films.make("a" * 32, WORDS).close()
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(free, 0, free - 1))
    with pytest.raises(DiskFull):
        films.make("a" * 32, WORDS)
