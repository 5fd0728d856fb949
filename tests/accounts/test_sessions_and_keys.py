"""Sessions and API keys: stored as hashes, ended by time or by users."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.accounts import GOOD_PASSWORD, build_accounts
from tests.support.clock import Clock
from whisper_appliance.accounts.accounts import Accounts
from whisper_appliance.accounts.identity import SHELL, User
from whisper_appliance.core.errors import Conflict, InvalidRequest, NotFound, SignInRequired
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import keys, sessions


@pytest.fixture
def ada(accounts: Accounts) -> User:
    return accounts.users.create("Ada", GOOD_PASSWORD, "member", by=SHELL)


def begin(accounts: Accounts, user: User) -> str:
    return accounts.begin_session(user, address="10.0.0.1", agent="Firefox\n on a phone").token


def test_a_session_is_found_by_its_token_only(accounts: Accounts, ada: User, database: Database) -> None:
    token = begin(accounts, ada)
    asking = accounts.actor_for_session(token)
    assert asking
    assert (asking.owner, asking.user and asking.user.name) == (ada.id, "Ada")
    assert accounts.actor_for_session(token + "x") is None
    assert accounts.actor_for_session("") is None
    with database.read() as connection:
        row = connection.execute(sa.select(sessions)).mappings().one()
    assert token not in str(dict(row))
    assert accounts.actor_for_session(row["token_hash"]) is None


def test_a_session_ends_after_twelve_hours_without_a_request(
    accounts: Accounts, ada: User, clock: Clock
) -> None:
    token = begin(accounts, ada)
    for _ in range(4):
        clock.forward(hours=11, minutes=59)
        assert accounts.actor_for_session(token)
    clock.forward(hours=12, minutes=1)
    assert accounts.actor_for_session(token) is None


def test_a_session_ends_after_a_week_however_much_it_is_used(
    accounts: Accounts, ada: User, clock: Clock
) -> None:
    token = begin(accounts, ada)
    for _ in range(23):
        clock.forward(hours=7)
        assert accounts.actor_for_session(token)
    clock.forward(hours=8)
    assert accounts.actor_for_session(token) is None


def test_a_clock_that_jumps_ends_sessions_and_never_lengthens_them(
    accounts: Accounts, ada: User, clock: Clock
) -> None:
    before = begin(accounts, ada)
    clock.forward(days=365)
    assert accounts.actor_for_session(before) is None
    inside = begin(accounts, ada)
    clock.forward(days=-365)
    assert accounts.actor_for_session(inside) is None
    assert accounts.actor_for_session(before)


def test_both_times_are_settings(
    database: Database, tmp_path: Path, clock: Clock, accounts: Accounts, ada: User
) -> None:
    strict = build_accounts(database, tmp_path, clock, session_idle_seconds=60, session_seconds=100)
    token = begin(strict, ada)
    clock.forward(seconds=61)
    assert strict.actor_for_session(token) is None
    token = begin(strict, ada)
    clock.forward(seconds=50)
    assert strict.actor_for_session(token)


def test_sessions_are_listed_and_ended(accounts: Accounts, ada: User, clock: Clock) -> None:
    here = begin(accounts, ada)
    clock.forward(minutes=1)
    begin(accounts, ada)
    third = begin(accounts, ada)
    listed = accounts.sessions.list_sessions(ada.id)
    assert len(listed) == 3
    assert (listed[0].address, listed[0].agent) == ("10.0.0.1", "Firefox on a phone")
    asking = accounts.actor_for_session(here)
    assert asking
    gone = accounts.actor_for_session(third)
    assert gone
    accounts.sessions.end(gone.session, by=asking)
    assert accounts.actor_for_session(third) is None
    with pytest.raises(NotFound):
        accounts.sessions.end(gone.session, by=asking)
    assert accounts.sessions.end_others(ada.id, by=asking) == 1
    assert [each.id for each in accounts.sessions.list_sessions(ada.id)] == [asking.session]


def test_the_oldest_sessions_end_beyond_the_limit(accounts: Accounts, ada: User, clock: Clock) -> None:
    first = begin(accounts, ada)
    for _ in range(50):
        clock.forward(seconds=1)
        last = begin(accounts, ada)
    assert len(accounts.sessions.list_sessions(ada.id)) == 50
    assert accounts.actor_for_session(first) is None
    assert accounts.actor_for_session(last)


def test_rows_of_expired_sessions_are_deleted(
    accounts: Accounts, ada: User, clock: Clock, database: Database
) -> None:
    begin(accounts, ada)
    clock.forward(hours=13)
    begin(accounts, ada)
    accounts.sessions.delete_expired()
    with database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(sessions)).scalar_one() == 1


def test_a_key_is_checked_by_its_secret_which_is_not_stored(
    accounts: Accounts, ada: User, database: Database
) -> None:
    key, secret = accounts.keys.create(ada, "night batch", ["transcribe", "read"], days=None, by=SHELL)
    assert secret.startswith("wa_")
    assert len(secret) == 46
    assert secret.startswith(key.hint)
    asking = accounts.actor_for_key(secret)
    assert (asking.owner, asking.key) == (ada.id, key.id)
    assert asking.scopes == {"transcribe", "read"}
    with database.read() as connection:
        row = connection.execute(sa.select(keys)).mappings().one()
    assert secret not in str(dict(row))
    for bad in ("wa_", "wa_" + row["token_hash"], secret[:-1], ""):
        with pytest.raises(SignInRequired):
            accounts.actor_for_key(bad)


def test_an_api_key_expires_and_can_be_revoked(accounts: Accounts, ada: User, clock: Clock) -> None:
    short, secret = accounts.keys.create(ada, "short", ["read"], days=2, by=SHELL)
    clock.forward(days=1, hours=23)
    assert accounts.keys.find_valid(secret)
    clock.forward(hours=2)
    assert accounts.keys.find_valid(secret) is None
    assert accounts.keys.list_keys(ada.id) == (accounts.keys.get(short.id),)
    accounts.keys.revoke(short.id, by=SHELL)
    with pytest.raises(NotFound):
        accounts.keys.revoke(short.id, by=SHELL)


def test_the_last_use_of_a_key_is_recorded_to_the_hour(accounts: Accounts, ada: User, clock: Clock) -> None:
    key, secret = accounts.keys.create(ada, "cron", ["read"], days=None, by=SHELL)
    assert key.last_used is None
    accounts.actor_for_key(secret)
    clock.forward(minutes=59)
    accounts.actor_for_key(secret)
    assert accounts.keys.get(key.id).last_used == "2026-05-01T12:00:00.000Z"
    clock.forward(minutes=2)
    accounts.actor_for_key(secret)
    assert accounts.keys.get(key.id).last_used == "2026-05-01T13:01:00.000Z"


@pytest.mark.parametrize(
    "asked",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": ["admin"]},
        {"days": 0},
        {"days": -1},
        {"days": 1e9},
        {"days": float("nan")},
        {"name": " "},
        {"name": "x" * 61},
    ],
)
def test_an_invalid_api_key_request_is_refused(
    accounts: Accounts, ada: User, asked: dict[str, object]
) -> None:
    usual: dict[str, object] = {"name": "cron", "scopes": ["read"], "days": None}
    with pytest.raises(InvalidRequest):
        accounts.keys.create(ada, by=SHELL, **{**usual, **asked})  # type: ignore[arg-type]


def test_a_user_has_a_maximum_of_api_keys(accounts: Accounts, ada: User) -> None:
    for number in range(100):
        accounts.keys.create(ada, f"key {number}", ["read"], days=None, by=SHELL)
    with pytest.raises(Conflict):
        accounts.keys.create(ada, "one more", ["read"], days=None, by=SHELL)
