"""Daily copies of the database are intact, the newest seven are kept, and a full disk gets none."""

import sqlite3
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.backups import fill, restore_of, titles
from whisper_appliance.backups import age_format, database
from whisper_appliance.backups.daily import DailyCopies
from whisper_appliance.core.errors import DatabaseDamaged, DiskFull
from whisper_appliance.storage.database import Database

START = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Calendar:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.moment = START

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def copies(data: Path, calendar: Calendar) -> DailyCopies:
    return DailyCopies(data / "backups", Database.in_folder(data), spare_bytes=0, clock=calendar)


def test_a_copy_is_an_intact_database_that_only_its_owner_can_read(
    copies: DailyCopies, tmp_path: Path
) -> None:
    made = copies.make()
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(copies.folder.stat().st_mode) == 0o700
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "appliance.sqlite").write_bytes(made.path.read_bytes())
    assert titles(elsewhere) == ["kept"]


def test_one_copy_a_day_is_made_and_seven_are_kept(copies: DailyCopies, calendar: Calendar) -> None:
    made = []
    for hours in range(0, 24 * 10, 6):
        calendar.moment = START + timedelta(hours=hours)
        made.append(copies.make_if_due())
    assert sum(copy is not None for copy in made) == 10
    assert [copy.made for copy in copies.copies()] == [START + timedelta(days=day) for day in range(9, 2, -1)]


def test_nothing_is_copied_onto_a_full_disk(data: Path, calendar: Calendar) -> None:
    copies = DailyCopies(
        data / "backups", Database.in_folder(data), spare_bytes=1, clock=calendar, free_bytes=lambda _: 1000
    )
    with pytest.raises(DiskFull):
        copies.make()
    assert list(copies.folder.iterdir()) == []


def test_a_damaged_database_replaces_no_copy(copies: DailyCopies, calendar: Calendar, tmp_path: Path) -> None:
    good = copies.make()
    bad = tmp_path / "bad.sqlite"
    content = bytearray(good.path.read_bytes())
    content[4096 : 4096 * 3] = bytes(4096 * 2)
    bad.write_bytes(content)
    source = Database(f"sqlite:///{bad}")
    damaged = DailyCopies(copies.folder, source, spare_bytes=0, clock=lambda: START + timedelta(days=2))
    with pytest.raises(DatabaseDamaged):
        damaged.make()
    assert [copy.name for copy in copies.copies()] == [good.name]
    assert [path.name for path in copies.folder.iterdir()] == [good.name]


def test_the_newest_intact_copy_is_found_behind_a_damaged_one(
    copies: DailyCopies, calendar: Calendar
) -> None:
    good = copies.make()
    calendar.moment += timedelta(days=1)
    copies.make().path.write_bytes(b"not a database" * 1000)
    assert copies.newest_intact() == good


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.sqlite") as other:
        other.execute("CREATE TABLE things (id)")
    with pytest.raises(DatabaseDamaged, match="not one of this appliance"):
        database.revision(tmp_path / "other.sqlite")


def test_copies_are_encrypted_where_there_is_a_passphrase(
    data: Path, calendar: Calendar, tmp_path: Path
) -> None:
    source = Database.in_folder(data)
    copies = DailyCopies(
        data / "backups", source, spare_bytes=0, clock=calendar, passphrase="correct horse battery"
    )
    made = copies.make_if_due()
    assert made
    assert made.path.read_bytes().startswith(age_format.MAGIC)
    assert [path.name for path in copies.folder.iterdir()] == [made.name], "nothing is left unencrypted"
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert copies.make_if_due() is None
    assert copies.newest_intact() == made
    other = tmp_path / "other"
    fill(other, "other")
    restore = restore_of(other)
    with made.path.open("rb") as file:
        restore.stage(file.read, "correct horse battery")
    restore.apply()
    assert titles(other) == ["kept"]
    made.path.write_bytes(made.path.read_bytes()[:-1])
    assert copies.newest_intact() is None
