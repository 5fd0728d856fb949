"""Transcripts are filed in folders, tagged and marked, one or many at once, each owner by themselves."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.clock import Clock
from tests.support.library import transcript
from whisper_appliance.core.errors import Conflict, InvalidRequest, NotFound
from whisper_appliance.library.bulk_actions import ActionName, BulkAction, BulkActions
from whisper_appliance.library.edits import TranscriptEdits
from whisper_appliance.library.facets import LibraryFacets
from whisper_appliance.library.folders import MAX_DEPTH, MAX_FOLDERS, TOP, Folders
from whisper_appliance.library.listing import NO_FOLDER, ListFilter, TranscriptListing
from whisper_appliance.library.ownership import TranscriptOwnership
from whisper_appliance.library.tags import MAX_TAGS_PER_TRANSCRIPT, Tags
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.library import folders as folder_table
from whisper_appliance.storage.schema.library import tags as tag_table
from whisper_appliance.transcript.editing.operations import RenameSpeaker

Run = Callable[..., tuple[str, ...]]


@pytest.fixture
def folders(database: Database, clock: Clock) -> Folders:
    return Folders(database, clock=clock)


@pytest.fixture
def tags(database: Database) -> Tags:
    return Tags(database)


@pytest.fixture
def run(database: Database, clock: Clock) -> Run:
    """Does an action of Ann's to transcripts."""

    def do(name: ActionName, *ids: str, owner: str = "ann", **options: object) -> tuple[str, ...]:
        return BulkActions(database, clock=clock).run(owner, ids, BulkAction(name, **options))  # type: ignore[arg-type]

    return do


@pytest.fixture
def ids(history: TranscriptRepository) -> list[str]:
    return [history.add(transcript(), title=name, owner="ann") for name in "abc"]


@pytest.fixture
def titles(database: Database) -> Callable[..., list[str]]:
    """The titles of Ann's transcripts with a filter, in order."""

    def found(**wanted: object) -> list[str]:
        listed = TranscriptListing(database).find("ann", ListFilter(**wanted), sort="title")  # type: ignore[arg-type]
        return [each.summary.title for each in listed.transcripts]

    return found


def test_a_folder_lists_what_is_in_it_and_below(
    folders: Folders, run: Run, ids: list[str], titles: Callable[..., list[str]]
) -> None:
    work = folders.create("ann", "Work")
    calls = folders.create("ann", "Calls", work.id)
    assert run("move", ids[0], folder_id=work.id) == (ids[0],)
    run("move", ids[1], folder_id=calls.id)
    assert titles(folder_id=work.id) == ["a", "b"]
    assert titles(folder_id=calls.id) == ["b"]
    assert titles(folder_id=NO_FOLDER) == ["c"]
    assert {each.name: each.transcripts for each in folders.list_folders("ann")} == {"Work": 1, "Calls": 1}
    run("move", ids[1])
    assert titles(folder_id=NO_FOLDER) == ["b", "c"]


def test_what_was_in_a_deleted_folder_moves_up(
    folders: Folders, run: Run, ids: list[str], titles: Callable[..., list[str]]
) -> None:
    work = folders.create("ann", "Work")
    calls = folders.create("ann", "Calls", work.id)
    inner = folders.create("ann", "Inner", calls.id)
    run("move", ids[0], folder_id=calls.id)
    folders.delete("ann", calls.id)
    assert titles(folder_id=work.id) == ["a"]
    assert {each.id: each.parent_id for each in folders.list_folders("ann")}[inner.id] == work.id
    folders.delete("ann", work.id)
    assert titles(folder_id=NO_FOLDER) == ["a", "b", "c"]
    with pytest.raises(NotFound):
        titles(folder_id=work.id)


def test_folders_are_renamed_and_moved(folders: Folders) -> None:
    work, home = folders.create("ann", "Work"), folders.create("ann", "Home")
    calls = folders.create("ann", "Calls", work.id)
    assert folders.change("ann", calls.id, name=" <b>Calls</b>\n ").name == "<b>Calls</b>"
    assert folders.change("ann", calls.id, parent_id=home.id).parent_id == home.id
    assert folders.change("ann", calls.id, parent_id=TOP).parent_id is None
    with pytest.raises(Conflict):
        folders.change("ann", home.id, name="WORK")
    folders.change("ann", home.id, parent_id=work.id)
    with pytest.raises(Conflict):
        folders.change("ann", work.id, parent_id=home.id)
    with pytest.raises(InvalidRequest):
        folders.create("ann", " \u200b\n")


def test_folders_have_limits(folders: Folders, database: Database) -> None:
    parent = None
    for depth in range(MAX_DEPTH):
        parent = folders.create("ann", f"level {depth}", parent).id
    with pytest.raises(Conflict):
        folders.create("ann", "too deep", parent)
    with database.write() as connection:
        rows = [
            {"id": f"{n:032x}", "owner": "ann", "parent_id": None, "name": f"{n}", "created": ""}
            for n in range(MAX_FOLDERS - MAX_DEPTH)
        ]
        connection.execute(folder_table.insert(), rows)
    with pytest.raises(Conflict):
        folders.create("ann", "one too many")


def test_transcripts_are_found_by_all_their_tags(
    tags: Tags, run: Run, ids: list[str], titles: Callable[..., list[str]]
) -> None:
    run("tag", *ids[:2], tags=("Élan", "board"))
    run("tag", ids[1], tags=("BOARD", "<script>"))
    known = {tag.name: tag for tag in tags.list_tags("ann")}
    assert {name: tag.transcripts for name, tag in known.items()} == {"Élan": 2, "board": 2, "<script>": 1}
    assert titles(tags=(known["board"].id,)) == ["a", "b"]
    assert titles(tags=(known["board"].id, known["<script>"].id)) == ["b"]
    run("untag", ids[1], tags=("Board",))
    assert titles(tags=(known["board"].id,)) == ["a"]
    tags.rename("ann", known["board"].id, "Council")
    with pytest.raises(Conflict):
        tags.rename("ann", known["board"].id, "éLAN")
    tags.delete("ann", known["board"].id)
    assert [tag.name for tag in tags.list_tags("ann")] == ["<script>", "Élan"]


def test_a_list_shows_the_tags(database: Database, run: Run, ids: list[str]) -> None:
    run("tag", ids[0], tags=("z", "B", "a"))
    listed = TranscriptListing(database).find("ann", ListFilter(), sort="title").transcripts
    assert [each.tags for each in listed] == [("a", "B", "z"), (), ()]


def test_tags_have_limits(tags: Tags, run: Run, ids: list[str], database: Database) -> None:
    many = tuple(f"tag {number}" for number in range(MAX_TAGS_PER_TRANSCRIPT))
    run("tag", ids[0], tags=many)
    with pytest.raises(Conflict):
        run("tag", *ids[:2], tags=("one more",))
    assert len(tags.list_tags("ann")) == MAX_TAGS_PER_TRANSCRIPT
    with pytest.raises(InvalidRequest):
        run("tag", ids[1], tags=(" ",))
    with database.write() as connection:
        rows = [
            {"id": f"{n:032x}", "owner": "ann", "name": f"n{n}", "name_folded": f"n{n}"} for n in range(9900)
        ]
        connection.execute(tag_table.insert(), rows)
    with pytest.raises(Conflict):
        run("tag", ids[1], tags=("the last straw",))
    assert run("tag", ids[1], tags=("n17",)) == (ids[1],)


def test_favourites_are_marked(run: Run, ids: list[str], titles: Callable[..., list[str]]) -> None:
    run("favourite", ids[0], ids[2])
    assert titles(favourite=True) == ["a", "c"]
    run("unfavourite", ids[0])
    assert titles(favourite=False) == ["a", "b"]


def test_many_are_deleted_and_restored(run: Run, ids: list[str], titles: Callable[..., list[str]]) -> None:
    assert run("delete", *ids) == tuple(ids)
    assert run("delete", *ids) == ()
    assert titles() == []
    assert titles(deleted=True) == ["a", "b", "c"]
    assert run("restore", *ids[1:]) == tuple(ids[1:])
    assert titles() == ["b", "c"]


def test_bulk_actions_leave_transcripts_of_others_alone(
    folders: Folders, tags: Tags, run: Run, ids: list[str], titles: Callable[..., list[str]]
) -> None:
    names: tuple[ActionName, ...] = ("favourite", "delete", "restore", "move")
    for name in names:
        assert run(name, *ids, owner="bob") == ()
        assert run(name, *ids, owner="") == ()
    work = folders.create("ann", "Work")
    run("tag", ids[0], tags=("x",))
    (tag,) = tags.list_tags("ann")
    assert folders.list_folders("bob") == ()
    assert tags.list_tags("bob") == ()
    for attempt in (
        lambda: folders.change("bob", work.id, name="Mine"),
        lambda: folders.delete("bob", work.id),
        lambda: folders.create("bob", "Inside", work.id),
        lambda: tags.rename("bob", tag.id, "mine"),
        lambda: tags.delete("bob", tag.id),
        lambda: run("move", owner="bob", folder_id=work.id),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert titles(favourite=True) == []


def test_the_facets_count_what_is_not_in_the_trash(database: Database, run: Run, ids: list[str]) -> None:
    run("delete", ids[0])
    run("favourite", ids[1])
    facets = LibraryFacets(database).of_owner("ann")
    assert facets.languages == (("en", 2),)
    assert facets.models == (("base", 2),)
    assert (facets.total, facets.favourites, facets.without_folder, facets.trash) == (2, 1, 2, 1)
    assert LibraryFacets(database).of_owner("bob").total == 0


def test_folders_and_tags_go_with_their_owner(
    database: Database, history: TranscriptRepository, folders: Folders, tags: Tags, run: Run, ids: list[str],
    tmp_path: object,
) -> None:  # fmt: skip
    other = history.add(transcript(), title="d", owner="bob")
    run("tag", *ids, tags=("shared", "mine"))
    run("tag", other, owner="bob", tags=("Shared",))
    run("move", ids[0], folder_id=folders.create("ann", "Work").id)
    ownership = TranscriptOwnership(database, tmp_path)  # type: ignore[arg-type]
    ownership.transfer("ann", "bob")
    assert {tag.name: tag.transcripts for tag in tags.list_tags("bob")} == {"mine": 3, "Shared": 4}
    assert [each.transcripts for each in folders.list_folders("bob")] == [1]
    assert tags.list_tags("ann") == ()
    ownership.erase("bob")
    assert (tags.list_tags("bob"), folders.list_folders("bob")) == ((), ())


def test_lists_are_filtered_by_speaker_and_by_corrections(
    history: TranscriptRepository, database: Database, titles: Callable[..., list[str]]
) -> None:
    spoken = transcript()
    spoken = replace(spoken, segments=(replace(spoken.segments[0], speaker="Ada <b>"),))
    of_ada = history.add(spoken, title="talk", owner="ann")
    history.add(transcript(), title="note", owner="ann")
    history.add(spoken, title="theirs", owner="bob")
    assert titles(speaker="Ada <b>") == ["talk"]
    assert LibraryFacets(database).of_owner("ann").speakers == (("Ada <b>", 1),)
    assert titles(edited=True) == []
    rename = RenameSpeaker("rename_speaker", "Ada <b>", "Grace")
    TranscriptEdits(database).apply(of_ada, [rename], seen=0, author="ann")
    assert titles(edited=True) == ["talk"]
    assert (titles(speaker="Ada <b>"), titles(speaker="Grace")) == ([], ["talk"])
