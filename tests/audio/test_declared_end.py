"""Headers of a file are read up to a limit, however many a hostile file has."""

import os
from pathlib import Path

import pytest

from whisper_appliance.audio import declared_end, joined_files
from whisper_appliance.audio.cut_off import lacks_index_or_sound

FTYP = b"\0\0\0\x10ftypM4A \0\0\0\0"
EMPTY = {
    "mov,mp4,m4a,3gp,3g2,mj2": (FTYP, b"\0\0\0\x08free"),
    "caf": (b"caff\0\x01\0\0", b"free" + bytes(8)),
    "matroska,webm": (b"\x1a\x45\xdf\xa3\x80", b"\xec\x80"),
    "flv": (b"FLV\x01\x04\0\0\0\x09\0\0\0\0", b"\x09" + bytes(14)),
}
"""The beginning, and an element that holds nothing."""
MOST = 1000


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Where the file was read."""
    places: list[int] = []
    pread = os.pread

    def counted(fd: int, size: int, at: int) -> bytes:
        places.append(at)
        return pread(fd, size, at)

    monkeypatch.setattr(os, "pread", counted)
    for module in (declared_end, joined_files):
        for name in ("MAX_ELEMENTS", "MAX_FLAC_BLOCKS", "MAX_PARTS"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, MOST)
    return places


@pytest.mark.parametrize("container", EMPTY)
def test_the_end_of_a_file_with_very_many_elements_is_not_looked_for(
    container: str, tmp_path: Path, reads: list[int]
) -> None:
    first, empty = EMPTY[container]
    (path := tmp_path / "a").write_bytes(first + empty * 4 * MOST)
    with path.open("rb") as file:
        assert declared_end.declared_end(file.fileno(), container, 0, path.stat().st_size) is None
    assert len(reads) < 3 * MOST


def test_of_very_many_blocks_before_the_sound_of_a_flac_a_thousand_are_read(
    tmp_path: Path, reads: list[int]
) -> None:
    (path := tmp_path / "a").write_bytes(b"fLaC" + b"\x01\0\0\0" * 4 * MOST)
    with path.open("rb") as file:
        assert not lacks_index_or_sound(file.fileno())
    assert len(reads) < 2 * MOST


def test_of_very_many_tags_some_are_read(tmp_path: Path, reads: list[int]) -> None:
    (path := tmp_path / "a").write_bytes(b"ID3\4" + bytes(6) + (b"ID3\4" + bytes(6)) * 4 * MOST)
    with path.open("rb") as file:
        joined_files.first_file(file.fileno())
    assert len(reads) < MOST


def test_what_follows_very_many_joined_files_belongs_to_the_last(tmp_path: Path, reads: list[int]) -> None:
    tiny = b"RIFF\4\0\0\0WAVE"
    (path := tmp_path / "a").write_bytes(tiny * 4 * MOST)
    with path.open("rb") as file:
        found = joined_files.parts(file.fileno(), "wav")
    assert len(found) == MOST
    assert found[-1][1] == path.stat().st_size
