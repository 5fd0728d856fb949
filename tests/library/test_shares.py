"""Transcripts are shared with users and by links, until a share is revoked or expires."""

from datetime import timedelta

import pytest

from tests.support.clock import Clock
from tests.support.databases import NewUser
from whisper_appliance.core.errors import Conflict, InvalidRequest, NotFound
from whisper_appliance.library.shares import MAX_SHARES_PER_TRANSCRIPT, Shares
from whisper_appliance.storage.database import Database
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
    shares.leave(TRANSCRIPT, bob)
    assert shares.reader_ids(TRANSCRIPT) == frozenset()
    with pytest.raises(NotFound):
        shares.leave(TRANSCRIPT, bob)


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
