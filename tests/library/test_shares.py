"""Transcripts are shared with users and by links, until a share is revoked or expires."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.clock import Clock
from tests.support.databases import NewUser
from tests.support.library import transcript
from whisper_appliance.core.errors import Conflict, InvalidRequest, NotFound
from whisper_appliance.library.bulk_actions import BulkAction, BulkActions
from whisper_appliance.library.folder_shares import FolderShares
from whisper_appliance.library.folders import Folders
from whisper_appliance.library.listing import ListFilter, TranscriptListing
from whisper_appliance.library.shares import MAX_SHARES_PER_TRANSCRIPT, Shares
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import folder_shares as folder_shares_table
from whisper_appliance.storage.schema.accounts import users

TRANSCRIPT = "a" * 32


@pytest.fixture
def shares(database: Database, clock: Clock) -> Shares:
    return Shares(database, clock=clock)


def test_a_user_with_a_share_is_a_reader(shares: Shares, new_user: NewUser) -> None:
    ada, bob = new_user("Ada"), new_user("Bob")
    share = shares.share_with(TRANSCRIPT, " bOB ", by=ada)
    assert (share.user_id, share.user_name, share.token) == (bob, "Bob", None)
    assert shares.reader_ids(TRANSCRIPT) == {bob}
    assert [each.transcript_id for each in shares.received_by(bob)] == [TRANSCRIPT]
    assert shares.received_by(ada) == ()


def test_sharing_twice_gives_the_same_share(shares: Shares, new_user: NewUser) -> None:
    ada, _ = new_user("Ada"), new_user("Bob")
    assert shares.share_with(TRANSCRIPT, "Bob", by=ada) == shares.share_with(TRANSCRIPT, "bob", by=ada)
    assert len(shares.for_transcript(TRANSCRIPT)) == 1


def test_a_share_needs_another_user(shares: Shares, new_user: NewUser) -> None:
    ada = new_user("Ada")
    with pytest.raises(NotFound):
        shares.share_with(TRANSCRIPT, "Carol", by=ada)
    with pytest.raises(InvalidRequest):
        shares.share_with(TRANSCRIPT, "Ada", by=ada)


def test_a_link_opens_its_transcript_until_it_is_revoked(shares: Shares) -> None:
    link = shares.create_link(TRANSCRIPT, by="visitor")
    assert link.token
    assert shares.by_token(link.token) == link
    with pytest.raises(NotFound):
        shares.revoke(link.id, "b" * 32)
    shares.revoke(link.id, TRANSCRIPT)
    with pytest.raises(NotFound):
        shares.by_token(link.token)
    with pytest.raises(NotFound):
        shares.revoke(link.id)


def test_only_the_whole_token_of_a_link_opens_it(shares: Shares) -> None:
    link = shares.create_link(TRANSCRIPT, by="")
    assert link.token
    for guess in ("", "%", link.id, TRANSCRIPT, link.token[:-1], f"{link.token}x", link.token.swapcase()):
        with pytest.raises(NotFound):
            shares.by_token(guess)


def test_each_link_has_a_token_of_its_own(shares: Shares) -> None:
    first, second = shares.create_link(TRANSCRIPT, by=""), shares.create_link(TRANSCRIPT, by="")
    assert first.token != second.token
    assert first.token
    assert len(first.token) >= 32


def test_a_link_expires(shares: Shares, clock: Clock) -> None:
    link = shares.create_link(TRANSCRIPT, by="", expires=clock() + timedelta(hours=1))
    assert shares.by_token(link.token or "")
    clock.forward(hours=1)
    with pytest.raises(NotFound):
        shares.by_token(link.token or "")
    assert shares.for_transcript(TRANSCRIPT) == shares.list_all() == ()
    assert shares.delete_expired() == 1
    with pytest.raises(InvalidRequest):
        shares.create_link(TRANSCRIPT, by="", expires=clock())


def test_the_link_of_a_disabled_user_is_not_valid(
    shares: Shares, new_user: NewUser, database: Database
) -> None:
    link = shares.create_link(TRANSCRIPT, by=new_user("Ada"))
    with database.write() as connection:
        connection.execute(users.update().values(disabled_at="2026-01-01"))
    with pytest.raises(NotFound):
        shares.by_token(link.token or "")


def test_a_reader_can_leave_a_share(shares: Shares, new_user: NewUser) -> None:
    ada, bob = new_user("Ada"), new_user("Bob")
    shares.share_with(TRANSCRIPT, "Bob", by=ada)
    assert shares.leave(TRANSCRIPT, bob)
    assert shares.reader_ids(TRANSCRIPT) == frozenset()
    assert not shares.leave(TRANSCRIPT, bob)


def test_shares_are_deleted_with_their_user_and_their_transcript(
    shares: Shares, new_user: NewUser, database: Database
) -> None:
    ada, bob = new_user("Ada"), new_user("Bob")
    shares.share_with(TRANSCRIPT, "Bob", by=ada)
    shares.create_link(TRANSCRIPT, by=ada)
    with database.write() as connection:
        connection.execute(users.delete().where(users.c.id == bob))
    assert [share.user_id for share in shares.for_transcript(TRANSCRIPT)] == [None]
    shares.delete_for([TRANSCRIPT])
    assert shares.list_all() == ()


def test_the_number_of_shares_of_a_transcript_is_limited(shares: Shares) -> None:
    for _ in range(MAX_SHARES_PER_TRANSCRIPT):
        shares.create_link(TRANSCRIPT, by="")
    with pytest.raises(Conflict):
        shares.create_link(TRANSCRIPT, by="")


def test_a_role_is_changed_by_sharing_again(shares: Shares, new_user: NewUser) -> None:
    ada, bob = new_user("Ada"), new_user("Bob")
    first = shares.share_with(TRANSCRIPT, "Bob", by=ada)
    assert (first.role, shares.role_of(bob, TRANSCRIPT, None)) == ("reader", "reader")
    again = shares.share_with(TRANSCRIPT, "Bob", by=ada, role="editor")
    assert (again.id, shares.role_of(bob, TRANSCRIPT, None)) == (first.id, "editor")
    assert shares.share_with(TRANSCRIPT, "Bob", by=ada).role == "editor"
    assert shares.role_of(ada, TRANSCRIPT, None) is None


def test_a_shared_folder_gives_everything_in_it_until_it_moves_out(
    database: Database, shares: Shares, new_user: NewUser
) -> None:
    ada, bob = new_user("Ada"), new_user("Bob")
    folders, folder_shares = Folders(database), FolderShares(database)
    listing, transcripts = TranscriptListing(database), TranscriptRepository(database)
    work = folders.create(ada, "Work")
    calls = folders.create(ada, "Calls", work.id)
    share = folder_shares.share_with(ada, work.id, "Bob", role="editor")
    made = [transcripts.add(transcript(), title=title, owner=ada) for title in ("one", "two")]
    BulkActions(database).run(ada, made, BulkAction("move", folder_id=calls.id))

    def seen(**wanted: Any) -> set[str]:
        return {each.summary.id for each in listing.find(bob, ListFilter(**wanted)).transcripts}

    assert seen(shared="only") == seen(shared="only", folder_id=work.id) == set(made)
    assert seen(shared="too", words="one") == {made[0]}
    assert seen() == seen(words="one") == set()
    assert shares.role_of(bob, made[0], calls.id) == "editor"
    assert [each.folder_name for each in folder_shares.received_by(bob)] == ["Work"]
    BulkActions(database).run(ada, made[:1], BulkAction("move", folder_id=None))
    assert seen(shared="only") == {made[1]}
    transcripts.delete(made[1], ada)
    assert seen(shared="only") == set()
    transcripts.restore(made[1], ada)
    with pytest.raises(NotFound):
        folder_shares.revoke(bob, work.id, share.id)
    folder_shares.leave(work.id, bob)
    assert seen(shared="only") == set()
    assert shares.role_of(bob, made[1], calls.id) is None


def test_a_folder_is_shared_by_its_owner_with_others_only(database: Database, new_user: NewUser) -> None:
    ada, _ = new_user("Ada"), new_user("Bob")
    folder, folder_shares = Folders(database).create(ada, "Work"), FolderShares(database)
    with pytest.raises(InvalidRequest):
        folder_shares.share_with(ada, folder.id, "Ada")
    for owner, name in ((ada, "Carol"), ("eve", "Bob")):
        with pytest.raises(NotFound):
            folder_shares.share_with(owner, folder.id, name)
    folder_shares.share_with(ada, folder.id, "Bob")
    Folders(database).delete(ada, folder.id)
    with database.read() as connection:
        assert connection.execute(sa.select(folder_shares_table)).all() == []
