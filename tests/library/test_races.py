"""What counts or is single in the library holds for many threads and two programs on one database."""

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.databases import NewUser
from tests.support.library import transcript
from tests.support.races import THREADS, race
from whisper_appliance.accounts.audit import no_audit
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.accounts.usage import Quota, Usage
from whisper_appliance.jobs.job import JobRequest
from whisper_appliance.jobs.limits import QueueLimits
from whisper_appliance.jobs.repository import JobRepository
from whisper_appliance.library.bulk_actions import BulkAction, BulkActions
from whisper_appliance.library.chapters import Chapters
from whisper_appliance.library.edits import TranscriptEdits
from whisper_appliance.library.folder_shares import FolderShares
from whisper_appliance.library.folders import MAX_DEPTH, TOP, Folder, Folders
from whisper_appliance.library.notes import Notes
from whisper_appliance.library.ownership import TranscriptOwnership
from whisper_appliance.library.presets import Presets
from whisper_appliance.library.recordings import Recordings
from whisper_appliance.library.revision_rows import Revision
from whisper_appliance.library.shares import Shares
from whisper_appliance.library.tags import Tags
from whisper_appliance.library.transcript_rows import TranscriptCreated
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.library.voices import Voices, store_found
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import voices
from whisper_appliance.storage.schema.library import folders, transcripts
from whisper_appliance.transcript.chapters import Chapter
from whisper_appliance.transcript.editing.operations import RenameSpeaker, ReplaceText
from whisper_appliance.transcript.model import Segment, Transcript
from whisper_appliance.webhooks.repository import WebhookRepository

TwoDatabases = tuple[Database, Database]
LIMIT, ROUNDS = 3, 5


@dataclass(frozen=True)
class Ann:
    """A user with a transcript of as many lines as there are threads."""

    id: str
    transcript: str


@pytest.fixture
def ann(database: Database, new_user: NewUser) -> Ann:
    id = new_user("Ann")
    return Ann(id, TranscriptRepository(database).add(talk(), title="Talk", owner=id))


def talk() -> Transcript:
    lines = tuple(Segment(float(at), at + 1.0, f" line {at}", speaker="Speaker 1") for at in range(THREADS))
    return Transcript(lines, "en", 1.0, float(THREADS), "transcribe", "base", 1.0)


def tag(database: Database, ann: Ann, name: str) -> None:
    BulkActions(database).run(ann.id, [ann.transcript], BulkAction("tag", (name,)))


def edit(database: Database, ann: Ann, line: int, author: str = "ann") -> None:
    change = ReplaceText("replace_text", str(line), f"edited {line}")
    TranscriptEdits(database).apply(ann.transcript, [change], seen=0, author=author)


def add_webhook(database: Database, ann: Ann, name: str) -> None:
    url = f"https://example.com/{name}"
    WebhookRepository(database, write_audit=no_audit).create(ann.id, url, private_allowed=False, by=SHELL)


Named = Callable[[Database, Ann, str], object]


@pytest.mark.parametrize(
    ("limit", "act"),
    [
        ("library.folders.MAX_FOLDERS", lambda db, ann, name: Folders(db).create(ann.id, name)),
        ("library.tags.MAX_TAGS", tag),
        ("library.tags.MAX_TAGS_PER_TRANSCRIPT", tag),
        ("library.presets.MAX_PRESETS", lambda db, ann, name: Presets(db).create(ann.id, name, {})),
        (
            "library.notes.MAX_NOTES_PER_TRANSCRIPT",
            lambda db, ann, name: Notes(db).add(ann.transcript, 0, name, author=ann.id),
        ),
        ("webhooks.repository.MAX_PER_USER", add_webhook),
    ],
    ids=["folders", "tags", "tags of a transcript", "presets", "notes", "webhooks"],
)
def test_there_are_no_more_than_the_limit(
    two_databases: TwoDatabases, ann: Ann, monkeypatch: pytest.MonkeyPatch, limit: str, act: Named
) -> None:
    monkeypatch.setattr(f"whisper_appliance.{limit}", LIMIT)
    names = iter([f"name-{number}" for number in range(THREADS)])
    found = race(two_databases, lambda database: act(database, ann, next(names)))
    assert found == {"ok": LIMIT, "Conflict": THREADS - LIMIT}


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (lambda db, ann: Folders(db).create(ann.id, "Work"), "Conflict"),
        (lambda db, ann: Presets(db).create(ann.id, "Work", {}), "Conflict"),
        (
            lambda db, ann: TranscriptRepository(db).rename(ann.transcript, ann.id, "New", seen="Talk"),
            "PreconditionFailed",
        ),
        (
            lambda db, ann: Chapters(db).replace(ann.transcript, [Chapter(0, "One")], seen=0),
            "ChangedMeanwhile",
        ),
        (lambda db, ann: edit(db, ann, 0), "ChangedMeanwhile"),
    ],
    ids=["folder", "preset", "title", "chapters", "line"],
)
def test_one_of_all_that_change_the_same_succeeds(
    two_databases: TwoDatabases, ann: Ann, act: Callable[[Database, Ann], object], error: str
) -> None:
    assert race(two_databases, lambda database: act(database, ann)) == {"ok": 1, error: THREADS - 1}


def test_no_edit_of_many_authors_is_lost(two_databases: TwoDatabases, ann: Ann) -> None:
    lines = iter(range(THREADS))

    def edit_one(database: Database) -> None:
        line = next(lines)
        edit(database, ann, line, author=f"author {line}")

    assert race(two_databases, edit_one) == {"ok": THREADS}
    edits = TranscriptEdits(two_databases[0])
    texts = [each.text.strip() for each in edits.current(ann.transcript).segments]
    assert texts == [f"edited {line}" for line in range(THREADS)]
    revisions = edits.since(ann.transcript, 0)
    assert [each.revision for each in revisions] == list(range(1, THREADS + 1))
    assert len({each.author for each in revisions}) == THREADS


def test_folders_get_neither_too_deep_nor_into_themselves(two_databases: TwoDatabases, ann: Ann) -> None:
    """Three chains of four: any two of them are deep enough."""
    made = Folders(two_databases[0])
    chains = [[made.create(ann.id, f"{chain}0").id] for chain in range(3)]
    for chain, depth in itertools.product(range(3), range(1, MAX_DEPTH // 2)):
        chains[chain].append(made.create(ann.id, f"{chain}{depth}", chains[chain][-1]).id)
    turns = iter(range(THREADS))

    def move(database: Database) -> None:
        turn = next(turns)
        chain, below = chains[turn % 3], chains[(turn + 1 + turn // 3 % 2) % 3]
        Folders(database).change(ann.id, chain[0], parent_id=below[-1] if turn % 5 else TOP)

    for _ in range(ROUNDS):
        turns = iter(range(THREADS))
        race(two_databases, move)
        assert 0 < max(depths(made.list_folders(ann.id))) <= MAX_DEPTH


def depths(listed: tuple[Folder, ...]) -> list[int]:
    """How deep each folder is; endless for one that is in itself."""
    parents = {each.id: each.parent_id for each in listed}

    def depth(folder: str | None, seen: int = 0) -> int:
        return seen if folder is None or seen > len(parents) else depth(parents[folder], seen + 1)

    return [depth(each.id) for each in listed]


def test_a_new_tag_is_made_once(two_databases: TwoDatabases, ann: Ann) -> None:
    assert race(two_databases, lambda database: tag(database, ann, "Work")) == {"ok": THREADS}
    assert [(each.name, each.transcripts) for each in Tags(two_databases[0]).list_tags(ann.id)] == [
        ("Work", 1)
    ]


def test_a_tag_is_given_while_it_is_deleted(two_databases: TwoDatabases, ann: Ann) -> None:
    tags = Tags(two_databases[0])
    deletes = itertools.cycle((False, False, True))

    def tag_or_delete(database: Database) -> None:
        if next(deletes):
            for each in Tags(database).list_tags(ann.id):
                Tags(database).delete(ann.id, each.id)
        else:
            tag(database, ann, "Work")

    for _ in range(ROUNDS):
        assert set(race(two_databases, tag_or_delete)) <= {"ok", "NotFound"}
    assert [each.name for each in tags.list_tags(ann.id)] in ([], ["Work"])


@pytest.mark.parametrize("ending", ["transfer", "erase"])
def test_tags_are_given_while_their_account_ends(
    two_databases: TwoDatabases, ann: Ann, new_user: NewUser, tmp_path: Path, ending: str
) -> None:
    bob, history = new_user("Bob"), TranscriptRepository(two_databases[0])
    tagging = ann.id if ending == "erase" else bob

    def tag_or_end(database: Database) -> None:
        owned = TranscriptOwnership(database, tmp_path)
        if next(tags):
            tag(database, Ann(tagging, id), "Work")
        elif ending == "erase":
            owned.erase(ann.id)
        else:
            owned.transfer(ann.id, bob)

    for _ in range(ROUNDS):
        tag(two_databases[0], replace(ann, transcript=history.add(talk(), title="A", owner=ann.id)), "Work")
        id, tags = history.add(talk(), title="B", owner=tagging), itertools.cycle((True, False))
        assert race(two_databases, tag_or_end) == {"ok": THREADS}
        for each in Tags(two_databases[0]).list_tags(tagging):
            Tags(two_databases[0]).delete(tagging, each.id)


def test_a_transcript_is_in_no_folder_that_is_deleted(two_databases: TwoDatabases, ann: Ann) -> None:
    made = Folders(two_databases[0])

    def move_or_delete(database: Database) -> None:
        if next(deletes):
            Folders(database).delete(ann.id, folder.id)
        else:
            BulkActions(database).run(ann.id, [ann.transcript], BulkAction("move", folder_id=folder.id))

    for _ in range(ROUNDS):
        folder, deletes = made.create(ann.id, "Work"), itertools.cycle((False, False, False, True))
        race(two_databases, move_or_delete)
        with two_databases[0].read() as connection:
            assert connection.execute(sa.select(transcripts.c.folder_id)).scalar_one() is None
            assert connection.execute(sa.select(folders.c.id)).all() == []


def test_one_preset_is_the_default(two_databases: TwoDatabases, ann: Ann) -> None:
    names = iter([f"preset {number}" for number in range(THREADS)])
    race(two_databases, lambda database: Presets(database).create(ann.id, next(names), {}, is_default=True))
    assert [each.is_default for each in Presets(two_databases[0]).of_user(ann.id)].count(True) == 1


def test_a_user_gets_one_share_of_a_transcript_and_of_a_folder(
    two_databases: TwoDatabases, ann: Ann, new_user: NewUser
) -> None:
    new_user("Bob")
    folder = Folders(two_databases[0]).create(ann.id, "Work").id

    def share(database: Database) -> None:
        Shares(database).share_with(ann.transcript, "Bob", by=ann.id)
        FolderShares(database).share_with(ann.id, folder, "Bob")

    assert race(two_databases, share) == {"ok": THREADS}
    assert len(Shares(two_databases[0]).for_transcript(ann.transcript)) == 1
    assert len(FolderShares(two_databases[0]).for_folder(ann.id, folder)) == 1


def test_a_folder_has_at_most_so_many_shares(
    two_databases: TwoDatabases, ann: Ann, new_user: NewUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whisper_appliance.library.folder_shares.MAX_SHARES_PER_FOLDER", LIMIT)
    folder = Folders(two_databases[0]).create(ann.id, "Work").id
    names = [f"user {number}" for number in range(THREADS)]
    for name in names:
        new_user(name)
    left = iter(names)
    found = race(
        two_databases, lambda database: FolderShares(database).share_with(ann.id, folder, next(left))
    )
    assert found == {"ok": LIMIT, "Conflict": THREADS - LIMIT}


def test_no_use_is_lost(two_databases: TwoDatabases, ann: Ann) -> None:
    def count(database: Database) -> None:
        with database.write() as connection:
            usage(database).count(
                connection, owner=ann.id, key_id="", jobs=1, audio_seconds=2.0, processing_seconds=1.0
            )

    race(two_databases, count)
    (row,) = usage(two_databases[0]).rows_for(ann.id)
    assert (row.jobs, row.audio_seconds) == (THREADS, 2.0 * THREADS)


def usage(database: Database) -> Usage:
    return Usage(database, defaults=lambda: Quota(None, None, 99))


def test_a_transcript_is_translated_by_one_job(two_databases: TwoDatabases, ann: Ann) -> None:
    made: list[str] = []

    def translate(database: Database) -> None:
        request = JobRequest(Path("x"), "talk.wav", owner=ann.id, translation_of=ann.transcript)
        jobs = JobRepository(database)
        made.append(jobs.add(request, audio="uploads/x", audio_bytes=44, limits=QueueLimits(9, 5)).id)

    assert race(two_databases, translate) == {"ok": THREADS}
    assert len(set(made)) == 1


def test_a_user_has_at_most_so_many_voices(
    two_databases: TwoDatabases, ann: Ann, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whisper_appliance.library.voices.MAX_VOICES", LIMIT)
    Voices(two_databases[0]).switch(ann.id, on=True)
    history = TranscriptRepository(two_databases[0])
    ids = [history.add(talk(), title="Talk", owner=ann.id) for _ in range(THREADS)]
    with two_databases[0].write() as connection:
        for id in ids:
            store_found(connection, id, ann.id, {"Speaker 1": (1.0, 0.0)})
    left, barrier = iter(ids), threading.Barrier(THREADS)

    def name_speaker(database: Database) -> None:
        def follow(transcript_id: str, change: Revision, after: Transcript) -> None:
            barrier.wait()
            Voices(database).follow(transcript_id, change, after)

        edits = TranscriptEdits(database, follow=follow)
        edits.apply(next(left), [RenameSpeaker("rename_speaker", "Speaker 1", "Eve")], seen=0, author=ann.id)

    assert race(two_databases, name_speaker) == {"ok": THREADS}
    with two_databases[0].read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(voices)).scalar_one() == LIMIT


def test_a_transcript_is_saved_and_counted_once(two_databases: TwoDatabases) -> None:
    counted: list[TranscriptCreated] = []

    def save(database: Database) -> None:
        history = TranscriptRepository(database, on_created=lambda _, created: counted.append(created))
        history.save_once("a" * 32, transcript(), title="Talk", owner="ann", source="live")

    assert race(two_databases, save) == {"ok": THREADS}
    assert len(counted) == 1


def test_a_recording_without_a_row_gets_one(two_databases: TwoDatabases, ann: Ann, tmp_path: Path) -> None:
    (tmp_path / ann.transcript).write_bytes(b"RIFF")
    race(two_databases, lambda each: Recordings(each, tmp_path, days_of=lambda _owner: None).reconcile())
    found = Recordings(two_databases[0], tmp_path, days_of=lambda _owner: None).find(ann.transcript)
    assert found
    assert found.media_type == "audio/wav"
