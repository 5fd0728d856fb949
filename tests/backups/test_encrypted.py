"""Encrypted backups: the age format, its passphrase, and the key of the authority."""

import base64
import io
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.backups import fill, restore_of, titles
from whisper_appliance.backups import age_format
from whisper_appliance.backups.archive_format import AUTHORITY
from whisper_appliance.backups.archive_writer import ArchiveWriter
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.storage.database import Database

PASSPHRASE = "correct horse battery staple"
WRITTEN_BY_RAGE = base64.b64decode(
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCB2Y1VyUnAycmw5OEY3cW9lNW1aelFRIDE3CnBJaTZudFViSDZ2RWc2VmNF"
    "WWhhV0tSajArZUp3eVFpRVVFZzhvbm5sejQKLS0tIEttQktsdGhlbmRzMEV3eWQzTHc0RXR4NnlPOXRoOFltbkxHL0dZNi95OFUK"
    "Umzp8jwGezCa467erSwCRxpS3WBBOP51Wrom35WhWl2MQSLBEFM="
)
"""`SQLite`, encrypted by pyrage 1.4.0, the Python binding of rage."""
WORK_FACTOR = age_format.WORK_FACTOR
"""That of the program; the fixture `cheap_scrypt` lowers it for the tests."""


def decrypt(content: bytes, passphrase: str | None = PASSPHRASE) -> bytes:
    read = age_format.decrypted(io.BytesIO(content).read, passphrase)
    return b"".join(iter(lambda: read(10_000), b""))


def encrypt(content: bytes) -> bytes:
    return b"".join(age_format.encrypt([content[:7], content[7:]], PASSPHRASE))


def encrypted_backup(folder: Path, *, with_authority: bool = False) -> bytes:
    with (
        closing(Database.in_folder(folder)) as database,
        ArchiveWriter(folder, database, passphrase=PASSPHRASE, with_authority=with_authority) as backup,
    ):
        content = b"".join(backup.chunks())
        assert len(content) == backup.size_bytes
        assert backup.name.endswith(".tar.age")
    return content


def test_a_file_of_another_age_program_is_decrypted() -> None:
    assert decrypt(WRITTEN_BY_RAGE) == b"SQLite"


def test_the_same_random_bytes_give_the_same_file_as_another_age_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(age_format, "WORK_FACTOR", WORK_FACTOR)
    header = WRITTEN_BY_RAGE[: WRITTEN_BY_RAGE.index(b"\n---")].splitlines()
    salt = base64.b64decode(header[1].split()[2] + b"==")
    rest = WRITTEN_BY_RAGE.partition(b"\n--- ")[2].partition(b"\n")[2]
    whole_header = WRITTEN_BY_RAGE[: -len(rest)]
    numbers = [age_format._unwrap(whole_header, PASSPHRASE), salt, rest[: age_format.NONCE_BYTES]]
    written = age_format.encrypt([b"SQLite"], PASSPHRASE, lambda size: numbers.pop(0)[:size])
    assert b"".join(written) == WRITTEN_BY_RAGE


def test_each_guess_of_a_passphrase_takes_128_mib() -> None:
    assert 128 * 8 * 2**WORK_FACTOR == 128 * 2**20  # 128 r N of RFC 7914, with the r = 8 of age


@pytest.mark.parametrize("size", [0, 65_536, 65_537, 200_000])
def test_content_comes_back_and_its_size_is_known_before(size: int) -> None:
    plain = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    encrypted = encrypt(plain)
    assert len(encrypted) == age_format.encrypted_size(size)
    assert decrypt(encrypted) == plain


def test_damaged_shortened_and_reordered_content_is_refused() -> None:
    good = encrypt(bytes(150_000))
    chunk = age_format.CHUNK_BYTES + age_format.TAG_BYTES
    start = len(good) - age_format.encrypted_size(150_000) + len(good) - (150_000 + 3 * age_format.TAG_BYTES)
    swapped = good[:start] + good[start + chunk : start + 2 * chunk] + good[start : start + chunk]
    for bad in (
        good[:-1],
        good[: start + chunk],  # ends after a whole chunk
        good[:start],
        swapped + good[start + 2 * chunk :],
        good[:-1] + bytes([good[-1] ^ 1]),
        good.replace(b"\n--- ", b"\n--- A", 1),
    ):
        with pytest.raises(InvalidRequest):
            decrypt(bad)


def test_a_header_that_asks_for_more_memory_than_allowed_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="can use"):
        decrypt(WRITTEN_BY_RAGE.replace(b" 17\n", b" 30\n", 1))


@pytest.mark.slow  # writes and restores whole archives
def test_a_wrong_passphrase_changes_nothing_and_the_right_one_restores(data: Path, tmp_path: Path) -> None:
    content = encrypted_backup(data)
    assert b"appliance.sqlite" not in content
    other = tmp_path / "other"
    fill(other, "other")
    restore = restore_of(other)
    for passphrase, reason in ((None, "Enter its passphrase"), ("wrong", "not the passphrase")):
        with pytest.raises(InvalidRequest, match=reason):
            restore.stage(io.BytesIO(content).read, passphrase)
        assert restore.staged() is None
        assert restore.apply() is None
    assert titles(other) == ["other"]
    restore.stage(io.BytesIO(content).read, PASSPHRASE)
    assert restore.apply() is not None
    assert titles(other) == ["kept"]


@pytest.mark.slow  # writes and restores whole archives
@pytest.mark.parametrize("with_authority", [False, True])
def test_the_authority_is_kept_unless_the_backup_holds_one(
    data: Path, tmp_path: Path, with_authority: bool
) -> None:
    (data / AUTHORITY).write_bytes(b"authority of the backup")
    content = encrypted_backup(data, with_authority=with_authority)
    assert (b"authority of the backup" in decrypt(content)) == with_authority
    other = tmp_path / "other"
    fill(other, "other")
    (other / AUTHORITY).write_bytes(b"present authority")
    restore = restore_of(other)
    restore.stage(io.BytesIO(content).read, PASSPHRASE)
    restore.apply()
    expected = b"authority of the backup" if with_authority else b"present authority"
    assert (other / AUTHORITY).read_bytes() == expected
    assert (other / "certificates/server.pem").read_bytes() == b"certificate of kept"
