"""Edits of stored transcripts: revisions, undo and redo, versions, several editors."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.clock import Clock
from whisper_appliance.core.errors import ChangedMeanwhile, Conflict, InvalidRequest, NotFound
from whisper_appliance.library.edits import TranscriptEdits
from whisper_appliance.library.transcript_rows import replace_live_version
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage.database import Database
from whisper_appliance.transcript.editing.operations import Delete, Merge, Operation, ReplaceText, Split
from whisper_appliance.transcript.model import Segment, Transcript

AddTalk = Callable[..., str]


def talk(*texts: str) -> Transcript:
    segments = tuple(Segment(at * 10.0, at * 10.0 + 5, f" {text}") for at, text in enumerate(texts))
    return Transcript(segments, "en", 1.0, len(texts) * 10.0, "transcribe", "base", 1.0)


def replaced(key: str, text: str) -> list[Operation]:
    return [ReplaceText("replace_text", key, text)]


@pytest.fixture
def edits(database: Database, clock: Clock) -> TranscriptEdits:
    return TranscriptEdits(database, clock=clock)


@pytest.fixture
def texts(history: TranscriptRepository) -> Callable[[str], list[str]]:
    """The texts of a stored transcript's segments."""
    return lambda stored: [each.text.strip() for each in history.get(stored, "ann").transcript.segments]


def test_an_edit_changes_the_text_the_search_and_the_revision(
    history: TranscriptRepository, edits: TranscriptEdits, texts: Callable[[str], list[str]]
) -> None:
    id = history.add(talk("Kulbna Shavla", "yes"), title="Talk", owner="ann")
    (revision,) = edits.apply(id, replaced("0", "Gulnara Shavla"), seen=0, author="ann").revisions
    assert texts(id) == ["Gulnara Shavla", "yes"]
    assert (revision.revision, history.metadata(id).revision) == (1, 1)
    assert [each.id for each in history.page("ann", words="gulnara").summaries] == [id]
    assert history.page("ann", words="kulbna").summaries == ()


def test_edits_of_other_segments_are_merged_and_sent(
    history: TranscriptRepository, edits: TranscriptEdits, texts: Callable[[str], list[str]]
) -> None:
    id = history.add(talk("one", "two", "three"), title="Talk", owner="ann")
    edits.apply(id, replaced("0", "1"), seen=0, author="ann")
    revisions = edits.apply(id, replaced("2", "3"), seen=0, author="bob").revisions
    assert texts(id) == ["1", "two", "3"]
    assert [(each.revision, each.author) for each in revisions] == [(1, "ann"), (2, "bob")]


def test_an_edit_of_the_same_segment_is_refused_and_changes_nothing(
    history: TranscriptRepository, edits: TranscriptEdits, texts: Callable[[str], list[str]]
) -> None:
    id = history.add(talk("one", "two"), title="Talk", owner="ann")
    edits.apply(id, replaced("0", "1"), seen=0, author="ann")
    for stale in (replaced("0", "eins"), [Merge("merge", "0", "1")]):
        with pytest.raises(ChangedMeanwhile):
            edits.apply(id, [*replaced("1", "zwei"), *stale], seen=0, author="bob")
    with pytest.raises(ChangedMeanwhile):
        edits.apply(id, replaced("0", "eins"), seen=7, author="bob")
    assert texts(id) == ["1", "two"]


def test_everybody_undoes_their_own_edits(
    history: TranscriptRepository, edits: TranscriptEdits, texts: Callable[[str], list[str]]
) -> None:
    id = history.add(talk("one", "two"), title="Talk", owner="ann")
    edits.apply(id, replaced("0", "1"), seen=0, author="ann")
    edits.apply(id, replaced("1", "2"), seen=1, author="bob")
    edits.undo(id, author="ann", seen=2)
    assert texts(id) == ["one", "2"]
    with pytest.raises(Conflict):
        edits.undo(id, author="ann", seen=3)
    edits.redo(id, author="ann", seen=3)
    assert texts(id) == ["1", "2"]
    edits.apply(id, replaced("0", "I"), seen=4, author="bob")
    with pytest.raises(ChangedMeanwhile):
        edits.undo(id, author="ann", seen=5)
    assert texts(id) == ["I", "2"]


def test_every_version_and_the_original_can_be_restored(
    history: TranscriptRepository, edits: TranscriptEdits, clock: Clock, texts: Callable[[str], list[str]]
) -> None:
    id = history.add(talk("one", "two"), title="Talk", owner="ann")
    edits.apply(id, replaced("0", "1"), seen=0, author="ann")
    edits.apply(id, replaced("1", "2"), seen=1, author="ann")
    clock.forward(hours=1)
    edits.apply(id, [Delete("delete", ["0"])], seen=2, author="ann")
    versions = edits.versions(id)
    assert [(each.revision, each.since, each.kind, each.changes) for each in versions] == [
        (3, 2, "edit", 1),
        (2, 0, "edit", 2),
        (0, 0, "original", 1),
    ]
    edits.restore(id, 2, author="ann")
    assert texts(id) == ["1", "2"]
    edits.restore(id, 0, author="ann")
    assert texts(id) == ["one", "two"]
    edits.undo(id, author="ann", seen=5)
    assert texts(id) == ["1", "2"]
    with pytest.raises(NotFound):
        edits.restore(id, 99, author="ann")
    assert [hunk.added[0].text for hunk in edits.compare(id, 0, 2)] == [" 1"]


def test_a_deleted_transcript_cannot_be_edited_and_takes_its_revisions_with_it(
    history: TranscriptRepository, edits: TranscriptEdits
) -> None:
    id = history.add(talk("one"), title="Talk", owner="ann")
    edits.apply(id, replaced("0", "1"), seen=0, author="ann")
    history.delete(id, "ann")
    with pytest.raises(NotFound):
        edits.apply(id, replaced("0", "I"), seen=1, author="ann")
    history.empty_trash("ann")
    assert edits.versions(id) == ()


def test_a_live_transcript_that_was_edited_is_not_overwritten(
    history: TranscriptRepository,
    edits: TranscriptEdits,
    database: Database,
    texts: Callable[[str], list[str]],
) -> None:
    id = history.add(talk("wun"), title="Talk", owner="ann")
    edits.apply(id, replaced("0", "one"), seen=0, author="ann")
    with database.write() as connection:
        assert replace_live_version(connection, talk("won", "to"), id)
    assert texts(id) == ["one"]
    assert edits.versions(id)[0].kind == "machine"
    edits.apply(id, replaced("0", "One."), seen=2, author="ann")
    assert [hunk.added[0].text for hunk in edits.compare(id, 2, 3)] == [" One."]
    edits.restore(id, 2, author="ann")
    assert texts(id) == ["won", "to"]


def test_an_edit_that_changes_nothing_is_no_revision(
    history: TranscriptRepository, database: Database, clock: Clock
) -> None:
    announced: list[str] = []
    edits = TranscriptEdits(database, clock=clock, announce=announced.append)
    id = history.add(talk("one"), title="Talk", owner="ann")
    edits.apply(id, replaced("0", "1"), seen=0, author="ann")
    edits.apply(id, replaced("0", "1"), seen=1, author="ann")
    assert announced == [id]


def test_a_program_changes_a_transcript_as_a_revision(
    history: TranscriptRepository, edits: TranscriptEdits, texts: Callable[[str], list[str]]
) -> None:
    id = history.add(talk("one", "two"), title="Talk", owner="ann")
    edits.rewrite(id, lambda before: talk("One.", "two"))
    assert texts(id) == ["One.", "two"]
    assert [each.author for each in edits.since(id, 0)] == [""]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["edit 0", "edit 1", "split 0", "delete 1", "undo", "redo"]), max_size=12))
def test_any_sequence_of_edits_and_undos_is_what_a_list_of_states_would_be(
    history: TranscriptRepository,
    edits: TranscriptEdits,
    texts: Callable[[str], list[str]],
    steps: list[str],
) -> None:
    id = history.add(talk("one two", "three"), title="Talk", owner="ann")
    past, future = [texts(id)], list[list[str]]()
    for number, step in enumerate(steps):
        operations: dict[str, list[Operation]] = {
            "edit 0": replaced("0", f"text {number}"),
            "edit 1": replaced("1", f"text {number}"),
            "split 0": [Split("split", "0", 2, f"n{number}")],
            "delete 1": [Delete("delete", ["1"])],
        }
        if step in operations:
            try:
                edits.apply(id, operations[step], seen=None, author="ann")
            except (NotFound, InvalidRequest):
                continue
            past, future = [*past, texts(id)], []
        elif step == "undo" and len(past) > 1:
            edits.undo(id, author="ann", seen=0)
            future.append(past.pop())
        elif step == "redo" and future:
            edits.redo(id, author="ann", seen=0)
            past.append(future.pop())
        assert texts(id) == past[-1]
    undone = len(past) - 1
    for _ in range(undone):
        edits.undo(id, author="ann", seen=0)
    assert texts(id) == ["one two", "three"]
