"""Passkeys: registered, used to sign in, removed; and every answer that must not sign anybody in."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.accounts import GOOD_PASSWORD, Kept
from tests.support.clock import Clock
from tests.support.passkeys import Device
from whisper_appliance.accounts.accounts import Accounts
from whisper_appliance.accounts.identity import SHELL, User
from whisper_appliance.accounts.passkeys import MAX_PER_USER, Site
from whisper_appliance.accounts.throttle import ATTEMPTS_PER_ADDRESS
from whisper_appliance.accounts.users import NO_PASSWORD
from whisper_appliance.core.errors import Busy, Conflict, InvalidRequest, NotFound, SignInFailed
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import users

SITE = Site("localhost", "https://localhost")


@pytest.fixture
def ada(accounts: Accounts) -> User:
    return accounts.users.create("Ada", GOOD_PASSWORD, "owner", by=SHELL)


@pytest.fixture
def phone(accounts: Accounts, ada: User) -> Device:
    """Ada's registered passkey."""
    return registered(accounts, ada)


def registered(accounts: Accounts, user: User, **given: Any) -> Device:
    device = Device(**given)
    answer = device.create(accounts.passkeys.begin_registration(user, SITE))
    accounts.passkeys.register(user, SITE, "Phone", answer, by=SHELL)
    return device


def sign_in(accounts: Accounts, device: Device, site: Site = SITE) -> User:
    answer = device.sign(accounts.passkeys.begin_sign_in(site))
    return accounts.sign_in_with_passkey(site, answer, address="10.0.0.1").user


def test_a_passkey_signs_in(accounts: Accounts, ada: User, phone: Device, clock: Clock, kept: Kept) -> None:
    assert sign_in(accounts, phone).id == ada.id
    (passkey,) = accounts.passkeys.list_passkeys(ada.id)
    assert (passkey.name, passkey.host) == ("Phone", "localhost")
    assert passkey.last_used is not None
    assert ("shell", "passkey.create", passkey.id) in kept.records


def test_an_answer_signs_in_once(accounts: Accounts, phone: Device) -> None:
    answer = phone.sign(accounts.passkeys.begin_sign_in(SITE))
    assert accounts.sign_in_with_passkey(SITE, answer, address="10.0.0.1")
    with pytest.raises(SignInFailed):
        accounts.sign_in_with_passkey(SITE, answer, address="10.0.0.1")


def test_a_signature_is_not_taken_for_another_challenge(accounts: Accounts, phone: Device) -> None:
    seen = phone.sign(accounts.passkeys.begin_sign_in(SITE))
    assert accounts.sign_in_with_passkey(SITE, seen, address="10.0.0.1")
    forged = phone.sign(accounts.passkeys.begin_sign_in(SITE))
    forged["response"]["signature"] = seen["response"]["signature"]
    forged["response"]["authenticatorData"] = seen["response"]["authenticatorData"]
    with pytest.raises(SignInFailed):
        accounts.sign_in_with_passkey(SITE, forged, address="10.0.0.1")


def test_a_passkey_signs_in_nobody_but_its_user(accounts: Accounts, ada: User, phone: Device) -> None:
    bob = accounts.users.create("Bob", GOOD_PASSWORD, "member", by=SHELL)
    others = registered(accounts, bob)
    assert sign_in(accounts, others).id == bob.id
    others.credential_id = phone.credential_id
    with pytest.raises(SignInFailed):
        sign_in(accounts, others)


def test_a_challenge_of_a_registration_signs_nobody_in(accounts: Accounts, ada: User, phone: Device) -> None:
    answer = phone.sign(accounts.passkeys.begin_registration(ada, SITE))
    with pytest.raises(SignInFailed):
        accounts.sign_in_with_passkey(SITE, answer, address="10.0.0.1")


def test_an_old_challenge_is_refused(accounts: Accounts, phone: Device, clock: Clock) -> None:
    answer = phone.sign(accounts.passkeys.begin_sign_in(SITE))
    clock.forward(minutes=6)
    with pytest.raises(SignInFailed):
        accounts.sign_in_with_passkey(SITE, answer, address="10.0.0.1")


def other_signature(answer: dict[str, Any]) -> None:
    answer["response"]["signature"] = answer["response"]["signature"][:-4] + "AAAA"


def other_challenge(answer: dict[str, Any]) -> None:
    data = json.loads(base64.urlsafe_b64decode(answer["response"]["clientDataJSON"] + "=="))
    data["challenge"] = "A" * 43
    answer["response"]["clientDataJSON"] = base64.urlsafe_b64encode(json.dumps(data).encode()).decode()


SPOILT: list[Callable[[dict[str, Any]], Any]] = [
    other_signature,
    other_challenge,
    lambda answer: answer.update(rawId="AAAA", id="AAAA"),
    lambda answer: answer.update(rawId="é"),
    lambda answer: answer.update(response="text"),
    lambda answer: answer.update(response={}),
    lambda answer: answer["response"].update(authenticatorData="AAAA"),
    lambda answer: answer["response"].update(clientDataJSON="AAAA"),
    lambda answer: answer["response"].update(signature=None),
    lambda answer: answer.clear(),
]


@pytest.mark.parametrize("spoil", SPOILT, ids=range(len(SPOILT)))
def test_a_spoilt_answer_signs_nobody_in(
    accounts: Accounts, phone: Device, spoil: Callable[[dict[str, Any]], Any]
) -> None:
    answer = phone.sign(accounts.passkeys.begin_sign_in(SITE))
    spoil(answer)
    with pytest.raises(SignInFailed):
        accounts.sign_in_with_passkey(SITE, answer, address="10.0.0.1")


def test_a_device_that_was_not_unlocked_signs_nobody_in(accounts: Accounts, phone: Device) -> None:
    phone.flags = type(phone.flags).USER_PRESENT
    with pytest.raises(SignInFailed):
        sign_in(accounts, phone)


def test_a_page_of_another_site_signs_nobody_in(accounts: Accounts, phone: Device) -> None:
    for origin, host in (("https://evil.example", "localhost"), ("https://localhost", "evil.example")):
        phone.origin, phone.host = origin, host
        with pytest.raises(SignInFailed):
            sign_in(accounts, phone)


def test_a_copied_passkey_is_noticed_by_its_counter(accounts: Accounts, ada: User) -> None:
    device = registered(accounts, ada)
    for count in (5, 6):
        device.count = count
        assert sign_in(accounts, device)
    for count in (6, 3, 0):
        device.count = count
        with pytest.raises(SignInFailed):
            sign_in(accounts, device)


def test_an_unknown_or_removed_passkey_signs_nobody_in(
    accounts: Accounts, ada: User, phone: Device, kept: Kept
) -> None:
    with pytest.raises(SignInFailed):
        sign_in(accounts, Device())
    assert ("nobody", "sign_in.failed", "") in kept.records
    (passkey,) = accounts.passkeys.list_passkeys(ada.id)
    bob = accounts.users.create("Bob", GOOD_PASSWORD, "member", by=SHELL)
    with pytest.raises(NotFound):
        accounts.passkeys.remove(bob, passkey.id, by=SHELL)
    accounts.passkeys.remove(ada, passkey.id, by=SHELL)
    with pytest.raises(SignInFailed):
        sign_in(accounts, phone)


def test_a_disabled_user_is_not_signed_in(accounts: Accounts, ada: User, phone: Device) -> None:
    accounts.users.create("Bob", GOOD_PASSWORD, "owner", by=SHELL)
    accounts.users.disable(ada.id, by=SHELL)
    with pytest.raises(SignInFailed):
        sign_in(accounts, phone)


def test_a_challenge_of_another_user_registers_nothing(accounts: Accounts, ada: User) -> None:
    bob = accounts.users.create("Bob", GOOD_PASSWORD, "member", by=SHELL)
    for options in (
        accounts.passkeys.begin_registration(bob, SITE),
        accounts.passkeys.begin_sign_in(SITE),
    ):
        with pytest.raises(InvalidRequest):
            accounts.passkeys.register(ada, SITE, "x", Device().create(options), by=SHELL)
    with pytest.raises(InvalidRequest):
        accounts.passkeys.register(ada, SITE, "x", {"response": []}, by=SHELL)
    assert accounts.passkeys.list_passkeys(ada.id) == ()


def test_one_passkey_is_registered_once_and_a_user_has_at_most_so_many(
    accounts: Accounts, ada: User, phone: Device
) -> None:
    again = phone.create(accounts.passkeys.begin_registration(ada, SITE))
    with pytest.raises(Conflict, match="already"):
        accounts.passkeys.register(ada, SITE, "x", again, by=SHELL)
    for _ in range(MAX_PER_USER - 1):
        registered(accounts, ada)
    with pytest.raises(Conflict, match="Remove some"):
        registered(accounts, ada)


def test_a_reset_removes_passkeys_too(accounts: Accounts, ada: User, phone: Device) -> None:
    accounts.reset_second_factor(ada, by=SHELL)
    with pytest.raises(SignInFailed):
        sign_in(accounts, phone)


def test_attempts_of_one_address_are_limited(accounts: Accounts, ada: User, phone: Device) -> None:
    answers = [phone.sign(accounts.passkeys.begin_sign_in(SITE)) for _ in range(2)]
    for _ in range(ATTEMPTS_PER_ADDRESS):
        with pytest.raises(SignInFailed):
            accounts.sign_in_with_passkey(SITE, {}, address="10.0.0.1")
    for _ in range(ATTEMPTS_PER_ADDRESS):
        accounts.begin_passkey_sign_in(SITE, address="10.0.0.1")
    with pytest.raises(Busy):
        accounts.sign_in_with_passkey(SITE, answers[0], address="10.0.0.1")
    with pytest.raises(Busy):
        accounts.begin_passkey_sign_in(SITE, address="10.0.0.1")
    assert accounts.sign_in_with_passkey(SITE, answers[1], address="10.0.0.2")


def test_people_of_a_provider_have_no_passkeys_that_sign_in(
    accounts: Accounts, ada: User, phone: Device, database: Database
) -> None:
    """Their passkey would go on after they left the provider."""
    with database.write() as connection:
        connection.execute(users.update().values(password=NO_PASSWORD))
    with pytest.raises(SignInFailed):
        sign_in(accounts, phone)
    with pytest.raises(Conflict, match="provider"):
        accounts.passkeys.begin_registration(accounts.users.get(ada.id), SITE)


def test_a_passkey_needs_no_code(accounts: Accounts, ada: User, phone: Device, clock: Clock) -> None:
    import pyotp

    app = pyotp.TOTP(accounts.second_factors.enrol(ada).secret)
    accounts.second_factors.activate(ada, app.at(clock.now), by=SHELL)
    assert sign_in(accounts, phone).id == ada.id
