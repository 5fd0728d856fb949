"""The first start, invitations, sign-in, and sign-in throttling."""

import stat
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.accounts import GOOD_PASSWORD, Kept, Monotonic, build_accounts
from tests.support.clock import Clock
from whisper_appliance.accounts.accounts import Accounts
from whisper_appliance.accounts.identity import SHELL, Actor, Role
from whisper_appliance.accounts.throttle import Throttle
from whisper_appliance.accounts.tokens import token_hash
from whisper_appliance.core.errors import BadSetting, Busy, Conflict, InvalidRequest, NotFound, SignInFailed
from whisper_appliance.core.network import client_network
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import sign_in_attempts


def token_in(folder: Path) -> str:
    return (folder / "setup-token").read_text().strip().removeprefix("/setup?token=")


def test_the_setup_token_of_the_first_start_creates_the_owner(
    accounts: Accounts, tmp_path: Path, kept: Kept
) -> None:
    accounts.start()
    assert stat.S_IMODE((tmp_path / "setup-token").stat().st_mode) == 0o600
    user = accounts.set_up(token_in(tmp_path), "Ada", GOOD_PASSWORD, "accounts", visitor="a browser")
    assert user.role == "owner"
    assert accounts.access_mode.get() == "accounts"
    assert kept.done == [("hand over", "a browser", user.id)]
    assert not (tmp_path / "setup-token").exists()


def test_the_setup_token_is_valid_once(accounts: Accounts, tmp_path: Path) -> None:
    accounts.start()
    token = token_in(tmp_path)
    accounts.set_up(token, "Ada", GOOD_PASSWORD, "network")
    with pytest.raises(NotFound):
        accounts.set_up(token, "Eve", GOOD_PASSWORD, "network")
    accounts.start()
    assert not (tmp_path / "setup-token").exists()


def test_a_refused_password_does_not_use_the_token_up(accounts: Accounts, tmp_path: Path) -> None:
    accounts.start()
    with pytest.raises(InvalidRequest):
        accounts.set_up(token_in(tmp_path), "Ada", "password1234", "network")
    assert accounts.set_up(token_in(tmp_path), "Ada", GOOD_PASSWORD, "network")


def test_the_setup_token_expires_after_an_hour_and_a_restart_creates_another(
    accounts: Accounts, tmp_path: Path, monotonic: Monotonic
) -> None:
    accounts.start()
    old = token_in(tmp_path)
    monotonic.seconds += 3601
    with pytest.raises(NotFound, match="Restart"):
        accounts.set_up(old, "Ada", GOOD_PASSWORD, "network")
    assert not (tmp_path / "setup-token").exists()
    accounts.start()
    new = token_in(tmp_path)
    with pytest.raises(NotFound):
        accounts.set_up(old, "Ada", GOOD_PASSWORD, "network")
    assert accounts.set_up(new, "Ada", GOOD_PASSWORD, "network")


@pytest.mark.parametrize("token", ["", "x", "é\udcff"])
def test_another_token_is_refused(accounts: Accounts, token: str) -> None:
    with pytest.raises(NotFound):
        accounts.set_up(token, "Ada", GOOD_PASSWORD, "network")
    accounts.start()
    with pytest.raises(NotFound):
        accounts.set_up(token, "Ada", GOOD_PASSWORD, "network")


def test_an_account_created_by_the_command_line_closes_the_setup(accounts: Accounts, tmp_path: Path) -> None:
    accounts.start()
    token = token_in(tmp_path)
    accounts.users.create("Ada", GOOD_PASSWORD, "owner", by=SHELL)
    with pytest.raises(NotFound):
        accounts.set_up(token, "Eve", GOOD_PASSWORD, "network")


def test_an_unattended_start_makes_the_account_admin_once(
    database: Database, tmp_path: Path, clock: Clock
) -> None:
    file = tmp_path / "password"
    file.write_text(GOOD_PASSWORD + "\n")
    accounts = build_accounts(database, tmp_path, clock, admin_password_file=file)
    accounts.start()
    assert accounts.sign_in("admin", GOOD_PASSWORD, address="10.0.0.1").user.role == "owner"
    assert not (tmp_path / "setup-token").exists()
    build_accounts(database, tmp_path, clock, admin_password="another long story, told at sea").start()
    assert accounts.sign_in("admin", GOOD_PASSWORD, address="10.0.0.1")


@pytest.mark.parametrize("password", ["admin", "adminadmin12", "password1234"])
def test_a_weak_admin_password_stops_the_start(
    database: Database, tmp_path: Path, clock: Clock, password: str
) -> None:
    with pytest.raises(BadSetting, match="ADMIN_PASSWORD") as refused:
        build_accounts(database, tmp_path, clock, admin_password=password).start()
    assert f" {password}" not in refused.value.message


def test_an_admin_password_file_that_is_not_there_stops_the_start(
    database: Database, tmp_path: Path, clock: Clock
) -> None:
    with pytest.raises(BadSetting, match="ADMIN_PASSWORD_FILE"):
        build_accounts(database, tmp_path, clock, admin_password_file=tmp_path / "none").start()


def test_an_invitation_makes_one_account_of_its_role(accounts: Accounts, kept: Kept) -> None:
    invitation, token = accounts.invitations.create("admin", note="for Ben", by=SHELL)
    assert accounts.invitations.peek(token) == invitation
    user = accounts.invitations.accept(token, "Ben", GOOD_PASSWORD)
    assert user.role == "admin"
    for use in (
        lambda: accounts.invitations.peek(token),
        lambda: accounts.invitations.accept(token, "C", GOOD_PASSWORD),
    ):
        with pytest.raises(NotFound):
            use()
    assert accounts.invitations.get(invitation.id).used_by == user.id
    assert accounts.invitations.list_open() == ()
    assert ("Ben", "invitation.accept", invitation.id) in kept.records


def test_an_invitation_is_not_used_up_by_a_mistake(accounts: Accounts) -> None:
    accounts.users.create("Ada", GOOD_PASSWORD, "owner", by=SHELL)
    _, token = accounts.invitations.create("member", by=SHELL)
    with pytest.raises(Conflict):
        accounts.invitations.accept(token, "ada", GOOD_PASSWORD)
    with pytest.raises(InvalidRequest):
        accounts.invitations.accept(token, "Ben", "short")
    assert accounts.invitations.accept(token, "Ben", GOOD_PASSWORD)


def test_an_invitation_ends_at_its_time_and_by_hand(accounts: Accounts, clock: Clock) -> None:
    invitation, token = accounts.invitations.create("member", days=2, by=SHELL)
    _, revoked = accounts.invitations.create("member", by=SHELL)
    clock.forward(days=1)
    accounts.invitations.revoke(accounts.invitations.peek(revoked).id, by=SHELL)
    with pytest.raises(NotFound):
        accounts.invitations.peek(revoked)
    clock.forward(days=2)
    with pytest.raises(NotFound):
        accounts.invitations.accept(token, "Ben", GOOD_PASSWORD)
    assert accounts.invitations.list_open() == ()
    assert accounts.invitations.get(invitation.id).used_at is None


def test_only_the_whole_token_of_an_invitation_counts(accounts: Accounts) -> None:
    invitation, token = accounts.invitations.create("owner", by=SHELL)
    for guess in ("", "%", invitation.id, token_hash(token), token[:-1], f"{token}x", token.swapcase()):
        with pytest.raises(NotFound):
            accounts.invitations.peek(guess)
        with pytest.raises(NotFound):
            accounts.invitations.accept(guess, "Eve", GOOD_PASSWORD)
    assert accounts.users.list_users() == ()


@pytest.mark.parametrize("role", ["member", "admin"])
def test_an_invitation_counts_while_its_maker_may_invite(accounts: Accounts, role: Role) -> None:
    accounts.users.create("Boss", GOOD_PASSWORD, "owner", by=SHELL)
    ada = accounts.users.create("Ada", GOOD_PASSWORD, "owner", by=SHELL)
    _, token = accounts.invitations.create(role, by=Actor(ada.id, ada))
    accounts.users.disable(ada.id, by=SHELL)
    with pytest.raises(NotFound):
        accounts.invitations.accept(token, "Eve", GOOD_PASSWORD)
    accounts.users.enable(ada.id, by=SHELL)
    assert accounts.invitations.peek(token).role == role
    accounts.users.set_role(ada.id, "admin" if role == "admin" else "member", by=SHELL)
    assert accounts.invitations.list_open() == ()
    with pytest.raises(NotFound):
        accounts.invitations.accept(token, "Eve", GOOD_PASSWORD)


def test_a_wrong_password_and_a_wrong_name_get_the_same_answer(accounts: Accounts, kept: Kept) -> None:
    accounts.users.create("Ada", GOOD_PASSWORD, "member", by=SHELL)
    said = set()
    for name, password in (("Ada", "wrong"), ("nobody", GOOD_PASSWORD), ("", ""), ("Ada", "x" * 1000)):
        with pytest.raises(SignInFailed) as refused:
            accounts.sign_in(name, password, address="10.0.0.1")
        said.add((refused.value.message, refused.value.code, refused.value.field))
    assert len(said) == 1
    assert [action for _, action, _ in kept.records].count("sign_in.failed") == 4


def tries(throttle: Throttle, number: int, account: str = "ada", address: str = "10.0.0.1") -> int:
    """How many of so many attempts were let through."""
    passed = 0
    for _ in range(number):
        try:
            throttle.attempt(account, address)
        except Busy:
            continue
        passed += 1
    return passed


def test_after_five_failures_the_delay_doubles_with_each_attempt(
    database: Database, monotonic: Monotonic
) -> None:
    throttle = Throttle(database, monotonic)
    assert tries(throttle, 7) == 5
    waits = []
    for _ in range(10):
        with pytest.raises(Busy) as refused:
            throttle.attempt("ada", "10.0.0.1")
        waits.append(refused.value.retry_after_seconds or 0)
        monotonic.seconds += waits[-1]
        throttle.attempt("ada", "10.0.0.1")
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_nobody_is_locked_out_for_good(database: Database, monotonic: Monotonic) -> None:
    throttle = Throttle(database, monotonic)
    for _ in range(200):
        tries(throttle, 1)
        monotonic.seconds += 10
    monotonic.seconds += 300
    throttle.attempt("ada", "10.0.0.1")
    throttle.succeeded("ada", "10.0.0.1")
    assert tries(throttle, 5) == 5


def test_failures_from_another_address_do_not_count(database: Database, monotonic: Monotonic) -> None:
    throttle = Throttle(database, monotonic)
    tries(throttle, 20)
    assert tries(throttle, 1, address="10.0.0.2") == 1


def test_one_address_has_twenty_attempts_a_minute_whatever_the_account(
    database: Database, monotonic: Monotonic
) -> None:
    throttle = Throttle(database, monotonic)
    assert sum(tries(throttle, 1, account=f"user {number}") for number in range(30)) == 20
    with pytest.raises(Busy) as refused:
        throttle.attempt("another", "10.0.0.1")
    assert refused.value.retry_after_seconds == 60
    monotonic.seconds += 61
    assert tries(throttle, 1, account="another") == 1


def test_failures_are_counted_on_all_machines_and_over_a_restart(
    database: Database, monotonic: Monotonic
) -> None:
    machines = [Throttle(database, monotonic) for _ in range(3)]
    assert sum(tries(machine, 2) for machine in machines) == 5
    assert tries(Throttle(database, monotonic), 1) == 0


def test_an_account_that_is_attacked_from_everywhere_is_slowed_down(
    database: Database, monotonic: Monotonic
) -> None:
    throttle = Throttle(database, monotonic)
    throttle.attempt("ada", "10.0.0.9")
    throttle.succeeded("ada", "10.0.0.9")
    assert sum(tries(throttle, 5, address=f"10.1.0.{number}") for number in range(20)) == 100
    assert tries(throttle, 5, address="10.2.0.1") == 1, "the first attempt of a stranger is free"
    with pytest.raises(Busy) as refused:
        throttle.attempt("ada", "10.2.0.1")
    assert refused.value.retry_after_seconds == 60
    assert tries(throttle, 5, address="10.0.0.9") == 5, "an address that Ada has used is not slowed down"
    assert tries(throttle, 5, account="bob", address="10.2.0.2") == 5
    monotonic.seconds += 2 * 86400
    assert tries(throttle, 5, address="10.2.0.3") == 5


def test_a_clock_that_is_set_back_keeps_nobody_out(database: Database, monotonic: Monotonic) -> None:
    throttle = Throttle(database, monotonic)
    monotonic.seconds += 7200
    tries(throttle, 30)
    monotonic.seconds -= 7200
    assert tries(throttle, 1) == 1


def test_old_counters_are_deleted(database: Database, monotonic: Monotonic) -> None:
    throttle = Throttle(database, monotonic)
    tries(throttle, 6)
    monotonic.seconds += 86401
    throttle.delete_expired()
    with database.read() as connection:
        assert connection.execute(sa.select(sign_in_attempts)).first() is None


def test_addresses_of_one_ipv6_network_count_as_one_client() -> None:
    assert client_network("2001:db8:1:2:3::4") == client_network("2001:db8:1:2:ffff::") == "2001:db8:1:2::/64"
    assert client_network("2001:db8:1:3::4") != client_network("2001:db8:1:2::4")
    assert client_network("::ffff:10.0.0.1") == client_network("10.0.0.1")
    assert client_network("") == ""


def test_a_changed_access_mode_reaches_another_process_soon(
    accounts: Accounts, database: Database, tmp_path: Path, clock: Clock, monotonic: Monotonic
) -> None:
    assert accounts.access_mode.get() == "network"
    build_accounts(database, tmp_path, clock).access_mode.set("accounts", by=SHELL)
    monotonic.seconds += 2
    assert accounts.access_mode.get() == "accounts"
    accounts.access_mode.set("network", by=SHELL)
    assert accounts.access_mode.get() == "network"
    with pytest.raises(InvalidRequest):
        accounts.access_mode.set("everybody", by=SHELL)  # type: ignore[arg-type]
