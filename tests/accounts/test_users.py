"""User accounts: created, changed, disabled, deleted; one owner always remains."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.accounts import GOOD_PASSWORD, Kept
from tests.support.clock import Clock
from whisper_appliance.accounts.accounts import Accounts
from whisper_appliance.accounts.identity import SHELL, Actor
from whisper_appliance.core.errors import Conflict, InvalidRequest, NotFound, SignInFailed, Unavailable

OTHER = "eleven green bottles near the wall"


def test_an_account_is_made_listed_and_found_by_name(accounts: Accounts, kept: Kept) -> None:
    made = accounts.users.create("  Ada  Lovelace ", GOOD_PASSWORD, "owner", by=SHELL)
    assert (made.name, made.role, made.disabled, made.last_seen) == ("Ada Lovelace", "owner", False, None)
    assert len(made.id) == 32
    assert accounts.users.list_users() == (made,)
    assert accounts.users.by_name("ada LOVELACE") == accounts.users.get(made.id) == made
    assert kept.records == [("shell", "user.create", made.id)]


@pytest.mark.parametrize("name", ["ada", "ADA", "ａｄａ", " Ada "])
def test_names_that_differ_only_in_case_or_width_are_the_same(accounts: Accounts, name: str) -> None:
    accounts.users.create("Ada", GOOD_PASSWORD, "member", by=SHELL)
    with pytest.raises(Conflict):
        accounts.users.create(name, GOOD_PASSWORD, "member", by=SHELL)


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\x00b", "a\u202eb"])
def test_a_name_that_cannot_be_shown_is_refused(accounts: Accounts, name: str) -> None:
    with pytest.raises(InvalidRequest):
        accounts.users.create(name, GOOD_PASSWORD, "member", by=SHELL)


def test_only_the_hash_of_a_password_is_stored(accounts: Accounts, tmp_path: Path) -> None:
    accounts.users.create("Ada", GOOD_PASSWORD, "member", by=SHELL)
    for file in tmp_path.iterdir():
        assert GOOD_PASSWORD.encode() not in file.read_bytes()


def test_the_last_owner_cannot_be_lost(accounts: Accounts) -> None:
    owner = accounts.users.create("Ada", GOOD_PASSWORD, "owner", by=SHELL)
    accounts.users.create("Ben", GOOD_PASSWORD, "admin", by=SHELL)
    for lose in (
        lambda: accounts.users.disable(owner.id, by=SHELL),
        lambda: accounts.users.set_role(owner.id, "admin", by=SHELL),
        lambda: accounts.remove_user(owner.id, heir=None, by=SHELL),
    ):
        with pytest.raises(Conflict, match="last owner"):
            lose()
    second = accounts.users.create("Cleo", GOOD_PASSWORD, "owner", by=SHELL)
    assert accounts.users.set_role(owner.id, "member", by=SHELL).role == "member"
    with pytest.raises(Conflict):
        accounts.users.disable(second.id, by=SHELL)


def test_a_disabled_owner_does_not_count_as_an_owner(accounts: Accounts) -> None:
    first = accounts.users.create("Ada", GOOD_PASSWORD, "owner", by=SHELL)
    second = accounts.users.create("Ben", GOOD_PASSWORD, "owner", by=SHELL)
    accounts.users.disable(first.id, by=SHELL)
    with pytest.raises(Conflict):
        accounts.remove_user(second.id, heir=None, by=SHELL)
    accounts.remove_user(first.id, heir=None, by=SHELL)


def test_a_disabled_user_has_neither_password_nor_session_nor_key(accounts: Accounts) -> None:
    user = accounts.users.create("Ada", GOOD_PASSWORD, "member", by=SHELL)
    begun = accounts.sign_in("Ada", GOOD_PASSWORD, address="10.0.0.1")
    _, secret = accounts.keys.create(user, "cron", ["read"], days=None, by=SHELL)
    accounts.users.disable(user.id, by=SHELL)
    assert accounts.actor_for_session(begun.token) is None
    assert accounts.keys.find_valid(secret) is None
    with pytest.raises(SignInFailed):
        accounts.sign_in("Ada", GOOD_PASSWORD, address="10.0.0.1")
    accounts.users.enable(user.id, by=SHELL)
    assert accounts.actor_for_key(secret).owner == user.id
    assert accounts.actor_for_session(begun.token) is None
    assert accounts.sign_in("Ada", GOOD_PASSWORD, address="10.0.0.1").user.id == user.id


def test_a_new_password_ends_the_other_sessions(accounts: Accounts) -> None:
    user = accounts.users.create("Ada", GOOD_PASSWORD, "member", by=SHELL)
    here, there = (accounts.sign_in("Ada", GOOD_PASSWORD, address="10.0.0.1") for _ in range(2))
    asking = accounts.actor_for_session(here.token)
    assert asking
    accounts.change_password(asking, GOOD_PASSWORD, OTHER, address="10.0.0.1")
    assert accounts.actor_for_session(here.token)
    assert accounts.actor_for_session(there.token) is None
    with pytest.raises(SignInFailed):
        accounts.sign_in("Ada", GOOD_PASSWORD, address="10.0.0.2")
    assert accounts.sign_in("Ada", OTHER, address="10.0.0.2").user.id == user.id


def test_a_new_password_needs_the_old_one_and_has_to_be_good(accounts: Accounts) -> None:
    accounts.users.create("Ada", GOOD_PASSWORD, "member", by=SHELL)
    asking = accounts.actor_for_session(accounts.sign_in("Ada", GOOD_PASSWORD, address="10.0.0.1").token)
    assert asking
    with pytest.raises(SignInFailed) as refused:
        accounts.change_password(asking, OTHER, OTHER, address="10.0.0.1")
    assert refused.value.field == "old"
    with pytest.raises(InvalidRequest):
        accounts.change_password(asking, GOOD_PASSWORD, "adaadaadaada", address="10.0.0.1")


def test_data_of_a_deleted_user_is_erased_or_transferred(accounts: Accounts, kept: Kept) -> None:
    ada, ben, cleo = (
        accounts.users.create(name, GOOD_PASSWORD, "member", by=SHELL) for name in ("A", "B", "C")
    )
    accounts.remove_user(ada.id, heir=None, by=SHELL)
    accounts.remove_user(ben.id, heir=cleo.id, by=SHELL)
    assert kept.done == [("erase", ada.id), ("hand over", ben.id, cleo.id)]
    with pytest.raises(InvalidRequest):
        accounts.remove_user(cleo.id, heir=cleo.id, by=SHELL)
    with pytest.raises(NotFound):
        accounts.remove_user(cleo.id, heir=ada.id, by=SHELL)
    assert accounts.users.list_users() == (cleo,)


def test_a_deleted_user_is_gone_with_sessions_keys_and_open_invitations(accounts: Accounts) -> None:
    user = accounts.users.create("Ada", GOOD_PASSWORD, "admin", by=SHELL)
    begun = accounts.sign_in("Ada", GOOD_PASSWORD, address="10.0.0.1")
    _, secret = accounts.keys.create(user, "cron", ["read"], days=None, by=SHELL)
    _, invited = accounts.invitations.create("member", by=Actor(user.id, user))
    accounts.remove_user(user.id, heir=None, by=SHELL)
    assert accounts.actor_for_session(begun.token) is None
    assert accounts.keys.find_valid(secret) is None
    with pytest.raises(NotFound):
        accounts.invitations.peek(invited)


def test_an_account_stays_until_its_data_has_an_heir(
    accounts: Accounts, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, ben = (accounts.users.create(name, GOOD_PASSWORD, "member", by=SHELL) for name in ("A", "B"))

    def fail(*_given: object) -> Callable[[], None]:
        raise Unavailable("The database does not answer.")

    for name, heir in (("erase", None), ("transfer", ben.id)):
        monkeypatch.setattr(kept, name, fail)
        with pytest.raises(Unavailable):
            accounts.remove_user(ada.id, heir=heir, by=SHELL)
        assert accounts.sign_in("A", GOOD_PASSWORD, address="10.0.0.1")
    monkeypatch.undo()
    accounts.remove_user(ada.id, heir=ben.id, by=SHELL)
    assert kept.done == [("hand over", ada.id, ben.id)]


def test_who_was_promoted_meanwhile_is_not_changed_by_an_admin_of_members(accounts: Accounts) -> None:
    user = accounts.users.create("Ada", GOOD_PASSWORD, "member", by=SHELL)
    accounts.users.set_role(user.id, "admin", by=SHELL)
    for change in (
        lambda: accounts.users.disable(user.id, by=SHELL, if_role=user.role),
        lambda: accounts.users.set_role(user.id, "owner", by=SHELL, if_role=user.role),
        lambda: accounts.users.set_password(user.id, OTHER, by=SHELL, if_role=user.role),
        lambda: accounts.remove_user(user.id, heir=None, by=SHELL, if_role=user.role),
    ):
        with pytest.raises(Conflict, match="changed at this moment"):
            change()


def test_last_seen_is_updated_at_most_every_few_minutes(accounts: Accounts, clock: Clock) -> None:
    user = accounts.users.create("Ada", GOOD_PASSWORD, "member", by=SHELL)
    token = accounts.sign_in("Ada", GOOD_PASSWORD, address="10.0.0.1").token
    seen = accounts.users.get(user.id).last_seen
    clock.forward(minutes=2)
    accounts.actor_for_session(token)
    assert accounts.users.get(user.id).last_seen == seen
    clock.forward(minutes=10)
    accounts.actor_for_session(token)
    assert accounts.users.get(user.id).last_seen == "2026-05-01T12:12:00.000Z"
