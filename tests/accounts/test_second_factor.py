"""The second factor: codes of an app and recovery codes work once, are throttled, and can be reset."""

import contextlib
from collections.abc import Callable

import pyotp
import pytest
import sqlalchemy as sa

from tests.support.accounts import GOOD_PASSWORD, Kept, Monotonic
from tests.support.clock import Clock
from whisper_appliance.accounts import throttle
from whisper_appliance.accounts.accounts import Accounts, SignedIn
from whisper_appliance.accounts.identity import SHELL, User
from whisper_appliance.accounts.throttle import ATTEMPTS_PER_ADDRESS
from whisper_appliance.core.errors import (
    Busy,
    Conflict,
    InvalidRequest,
    NotFound,
    SecondFactorRequired,
    SignInFailed,
)
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import recovery_codes, totp

WRONG = "000 000"  # no secret of these tests shows it, but for one in a million


@pytest.fixture
def ada(accounts: Accounts) -> User:
    return accounts.users.create("Ada", GOOD_PASSWORD, "owner", by=SHELL)


@pytest.fixture
def code(accounts: Accounts, ada: User, clock: Clock) -> Callable[[], str]:
    """What Ada's app shows; her second factor is on."""
    app = pyotp.TOTP(accounts.second_factors.enrol(ada).secret)
    accounts.second_factors.activate(ada, app.at(clock.now), by=SHELL)
    clock.forward(seconds=30)
    return lambda: app.at(clock.now)


def sign_in(accounts: Accounts, code: str = "", address: str = "10.0.0.1") -> SignedIn:
    return accounts.sign_in("Ada", GOOD_PASSWORD, code, address=address)


def test_it_is_on_only_after_a_code_of_the_app(accounts: Accounts, ada: User, clock: Clock) -> None:
    app = pyotp.TOTP(accounts.second_factors.enrol(ada).secret)
    assert sign_in(accounts)
    with pytest.raises(InvalidRequest, match="not valid"):
        accounts.second_factors.activate(ada, WRONG, by=SHELL)
    assert sign_in(accounts)
    codes = accounts.second_factors.activate(ada, app.at(clock.now), by=SHELL)
    assert len(set(codes)) == 10
    with pytest.raises(SecondFactorRequired):
        sign_in(accounts)


def test_a_code_signs_in_and_works_once(
    accounts: Accounts, code: Callable[[], str], clock: Clock, monotonic: Monotonic
) -> None:
    assert sign_in(accounts, f" {code()[:3]} {code()[3:]}").user.name == "Ada"
    with pytest.raises(SignInFailed):
        sign_in(accounts, code())
    clock.forward(seconds=30)
    assert sign_in(accounts, code())


def test_a_used_code_and_earlier_ones_are_not_accepted_while_they_are_still_valid(
    accounts: Accounts, code: Callable[[], str], clock: Clock
) -> None:
    earlier = code()
    clock.forward(seconds=30)
    used = code()
    assert sign_in(accounts, used)
    for replayed in (used, earlier):
        with pytest.raises(SignInFailed):
            sign_in(accounts, replayed)
    clock.forward(seconds=30)
    with pytest.raises(SignInFailed):
        sign_in(accounts, used)
    assert sign_in(accounts, code())


def test_the_code_of_the_activation_does_not_sign_in(accounts: Accounts, ada: User, clock: Clock) -> None:
    shown = pyotp.TOTP(accounts.second_factors.enrol(ada).secret).at(clock.now)
    accounts.second_factors.activate(ada, shown, by=SHELL)
    with pytest.raises(SignInFailed):
        sign_in(accounts, shown)


def test_codes_of_the_neighbouring_half_minutes_are_valid_and_older_ones_are_not(
    accounts: Accounts, code: Callable[[], str], clock: Clock
) -> None:
    clock.forward(minutes=5)
    old = code()
    clock.forward(seconds=60)
    with pytest.raises(SignInFailed):
        sign_in(accounts, old)
    late = code()
    clock.forward(seconds=30)
    assert sign_in(accounts, late)


@pytest.mark.parametrize("wrong", [WRONG, "12345", "no code at all", "１２３４５６", "0" * 100, "-1"])
def test_a_wrong_code_is_refused(accounts: Accounts, code: Callable[[], str], wrong: str) -> None:
    with pytest.raises(SignInFailed) as refused:
        sign_in(accounts, wrong)
    assert refused.value.field == "code"


def test_a_wrong_password_is_refused_before_the_code(accounts: Accounts, code: Callable[[], str]) -> None:
    with pytest.raises(SignInFailed, match="do not go together"):
        accounts.sign_in("Ada", "not her password", code(), address="10.0.0.1")


def test_a_recovery_code_works_once_and_new_ones_replace_all(
    accounts: Accounts, ada: User, code: Callable[[], str], kept: Kept
) -> None:
    first, second, *_ = accounts.second_factors.renew_recovery_codes(ada, by=SHELL)
    assert sign_in(accounts, first.upper().replace("-", " "))
    assert accounts.second_factors.get(ada.id).recovery_codes == 9
    assert (ada.name, "second_factor.recovery", ada.id) in kept.records
    with pytest.raises(SignInFailed):
        sign_in(accounts, first)
    accounts.second_factors.renew_recovery_codes(ada, by=SHELL)
    with pytest.raises(SignInFailed):
        sign_in(accounts, second)


@pytest.mark.parametrize("guess", [WRONG, "aaaa-bbbb-cccc-dddd"], ids=["of the app", "of recovery"])
def test_guesses_of_the_code_are_slowed_down_over_all_addresses(
    accounts: Accounts, code: Callable[[], str], clock: Clock, guess: str
) -> None:
    for number in range(5):
        with pytest.raises(SignInFailed):
            sign_in(accounts, guess, address=f"10.0.1.{number}")
    with pytest.raises(Busy):
        sign_in(accounts, code(), address="10.0.2.1")
    clock.forward(seconds=300)
    assert sign_in(accounts, code(), address="10.0.2.1")


def test_many_guesses_slow_down_addresses_that_gave_no_code(
    accounts: Accounts, ada: User, code: Callable[[], str], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "FAILURES_PER_DAY", 10)
    assert sign_in(accounts, code(), address="10.0.0.1")
    guesses = 0
    for number in range(12 * 12):  # the longest delay of fewer guesses is five minutes
        clock.forward(minutes=5)
        with contextlib.suppress(Busy):
            assert not accounts.second_factors.verify(ada, WRONG, address=f"10.0.1.{number}")
            guesses += 1
    assert 10 < guesses < 40
    with pytest.raises(Busy):
        sign_in(accounts, code(), address="10.0.2.1")
    clock.forward(seconds=30)
    assert sign_in(accounts, code(), address="10.0.0.1"), "the user's own address is not slowed down"


def test_guesses_of_one_address_at_many_accounts_are_slowed_down(accounts: Accounts, clock: Clock) -> None:
    names = [f"User {number}" for number in range(ATTEMPTS_PER_ADDRESS // 4 + 1)]
    for name in names:
        user = accounts.users.create(name, GOOD_PASSWORD, "member", by=SHELL)
        app = pyotp.TOTP(accounts.second_factors.enrol(user).secret)
        accounts.second_factors.activate(user, app.at(clock.now), by=SHELL)
    for name in names[:-1]:
        for _ in range(4):
            with pytest.raises(SignInFailed):
                accounts.sign_in(name, GOOD_PASSWORD, WRONG, address="10.0.0.1")
    with pytest.raises(Busy):
        accounts.sign_in(names[-1], GOOD_PASSWORD, WRONG, address="10.0.0.1")
    with pytest.raises(SignInFailed):
        accounts.sign_in(names[-1], GOOD_PASSWORD, WRONG, address="10.0.0.2")


def test_asking_for_the_code_step_does_not_forgive_failures(
    accounts: Accounts, code: Callable[[], str]
) -> None:
    """The password alone must not reset what wrong codes have counted."""
    refused: list[type[Exception]] = []
    for given in [WRONG, ""] * 4:
        with pytest.raises((SignInFailed, SecondFactorRequired, Busy)) as raised:
            sign_in(accounts, given)
        refused.append(raised.type)
    assert refused[-1] is Busy


def test_recovery_codes_are_stored_as_hashes(
    accounts: Accounts, ada: User, code: Callable[[], str], database: Database
) -> None:
    codes = accounts.second_factors.renew_recovery_codes(ada, by=SHELL)
    with database.read() as connection:
        stored = str(connection.execute(sa.select(recovery_codes)).all())
    assert not any(each in stored or each.replace("-", "") in stored for each in codes)


def test_turning_it_off_needs_password_and_code(
    accounts: Accounts, ada: User, code: Callable[[], str], database: Database
) -> None:
    actor = accounts.actor_for_session(sign_in(accounts, code()).token)
    assert actor
    for password, given, error in (
        ("not her password", code(), SignInFailed),
        (GOOD_PASSWORD, WRONG, SignInFailed),
        (GOOD_PASSWORD, "", SecondFactorRequired),
    ):
        with pytest.raises(error):
            accounts.turn_off_second_factor(actor, password, given, address="10.0.0.1")
    (recovery, *_) = accounts.second_factors.renew_recovery_codes(ada, by=SHELL)
    accounts.turn_off_second_factor(actor, GOOD_PASSWORD, recovery, address="10.0.0.1")
    assert sign_in(accounts)
    with database.read() as connection:
        assert connection.execute(sa.select(totp)).all() == []
        assert connection.execute(sa.select(recovery_codes)).all() == []
    with pytest.raises(Conflict):
        accounts.turn_off_second_factor(actor, GOOD_PASSWORD, WRONG, address="10.0.0.1")


def test_one_that_is_on_is_not_replaced(accounts: Accounts, ada: User, code: Callable[[], str]) -> None:
    """Whoever has a session for a moment must not put another phone in its place."""
    with pytest.raises(Conflict):
        accounts.second_factors.enrol(ada)
    with pytest.raises(Conflict):
        accounts.second_factors.activate(ada, code(), by=SHELL)


def test_a_secret_of_which_no_code_was_given_is_not_turned_on(
    accounts: Accounts, ada: User, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another tab began anew between the check of the code and the activation."""
    app = pyotp.TOTP(accounts.second_factors.enrol(ada).secret)
    use_code = accounts.second_factors._use_code

    def used_before_another_set_up(user_id: str, code: str) -> bool:
        used = use_code(user_id, code)
        accounts.second_factors.enrol(ada)
        return used

    monkeypatch.setattr(accounts.second_factors, "_use_code", used_before_another_set_up)
    with pytest.raises(NotFound):
        accounts.second_factors.activate(ada, app.at(clock.now), by=SHELL)
    assert sign_in(accounts)


def test_nothing_is_turned_on_without_a_secret(accounts: Accounts, ada: User) -> None:
    with pytest.raises((InvalidRequest, NotFound)):
        accounts.second_factors.activate(ada, "123456", by=SHELL)
    with pytest.raises(Conflict):
        accounts.second_factors.renew_recovery_codes(ada, by=SHELL)


def test_a_deleted_user_leaves_no_second_factor(
    accounts: Accounts, code: Callable[[], str], ada: User, database: Database
) -> None:
    accounts.users.create("Bob", GOOD_PASSWORD, "owner", by=SHELL)
    accounts.remove_user(ada.id, heir=None, by=SHELL)
    with database.read() as connection:
        assert connection.execute(sa.select(totp)).all() == []
        assert connection.execute(sa.select(recovery_codes)).all() == []
