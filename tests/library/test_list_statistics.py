"""Statistics of a list count the transcripts that the list has, in whatever way it is filtered."""

from dataclasses import replace

import pytest

from tests.support.library import transcript
from whisper_appliance.library.bulk_actions import BulkAction, BulkActions
from whisper_appliance.library.folders import Folders
from whisper_appliance.library.list_statistics import GroupStatistics, ListStatistics, list_statistics
from whisper_appliance.library.listing import ListFilter
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage.database import Database


@pytest.fixture
def work(database: Database, history: TranscriptRepository) -> str:
    """Ann has four transcripts, of which two are in this folder and one is in the trash; Ben has one."""
    made = transcript()
    spoken = replace(made.segments[0], speaker="Bob")
    days = ("2026-01-02", "2026-01-30", "2026-03-01", "2026-03-02")
    ids = [
        history.add(
            replace(made, duration=60.0 * number, language="de" if number == 1 else "en", segments=(spoken,)),
            title=f"Talk {number}",
            owner="ann",
            created=f"{day}T08:00:00.000Z",
        )
        for number, day in enumerate(days, 1)
    ]
    history.delete(ids[3], "ann")
    history.add(made, title="Ben's", owner="ben")
    folder = Folders(database).create("ann", "Work").id
    BulkActions(database).run("ann", ids[1:3], BulkAction("move", folder_id=folder))
    return folder


def test_the_whole_library_is_counted(database: Database, work: str) -> None:
    found = list_statistics(database, "ann", ListFilter())
    assert (found.total, found.seconds) == (3, 360.0)
    assert found.months == (GroupStatistics("2026-01", 2, 180.0), GroupStatistics("2026-03", 1, 180.0))
    assert found.languages == (GroupStatistics("en", 2, 300.0), GroupStatistics("de", 1, 60.0))
    assert found.folders == (GroupStatistics("Work", 2, 300.0), GroupStatistics("", 1, 60.0))
    assert found.speakers == (GroupStatistics("Bob", 3, 360.0),)
    assert found.sources == (GroupStatistics("upload", 3, 360.0),)


@pytest.mark.parametrize(
    ("wanted", "total"),
    [
        (ListFilter(language="de"), 1),
        (ListFilter(deleted=True), 1),
        (ListFilter("tried talk"), 3),
        (ListFilter("nowhere"), 0),
        (ListFilter("?"), 0),
        (ListFilter(shared="only"), 0),
    ],
)
def test_filters_and_the_search_count(database: Database, work: str, wanted: ListFilter, total: int) -> None:
    assert list_statistics(database, "ann", wanted).total == total


def test_a_folder_is_counted_by_itself(database: Database, work: str) -> None:
    found = list_statistics(database, "ann", ListFilter(folder_id=work))
    assert (found.total, found.seconds) == (2, 300.0)
    assert list_statistics(database, "nobody", ListFilter()) == ListStatistics()
