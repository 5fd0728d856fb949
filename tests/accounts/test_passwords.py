"""Password strength, hashing, and verification without timing leaks."""

from typing import Literal

import pytest
from argon2 import PasswordHasher, extract_parameters

from tests.support.accounts import CHEAP_ARGON2, GOOD_PASSWORD
from whisper_appliance.accounts.passwords import Passwords
from whisper_appliance.core.errors import InvalidRequest

passwords = Passwords(CHEAP_ARGON2)


@pytest.mark.parametrize(
    "password",
    [
        GOOD_PASSWORD,
        "Tr4verse-opal.Kite",
        "mein Rad ist gelb und quietscht",
        "白い犬が川沿いを走っている朝",
        "x7#Kp!2mQz9&",
        "purple summer monkey piano freedom",
    ],
)
def test_a_strong_password_is_accepted(password: str) -> None:
    passwords.validate(password, "ada")


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "eleven char",
        "password1234",
        "Password2024!",
        "P@ssw0rd1234",
        "1234drowssap",
        "adminadmin123",
        "administrator",
        "whisper-appliance1",
        "WhisperAppliance",
        "qwertyuiop12",
        "1qaz2wsx3edc",
        "zxcvbnm,./asdf",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "abcdefghijkl",
        "123456789012",
        "iloveyou2024!",
        "letmein letmein",
        "correct horse battery staple",
        "ada lovelace 1815!",
        "x" * 257,
    ],
)
def test_a_weak_password_is_refused_with_a_sentence(password: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        passwords.validate(password, "Ada Lovelace")
    assert refused.value.field == "password"
    assert password not in refused.value.message


def test_a_hash_is_salted_and_verified() -> None:
    one, other = passwords.hash_password(GOOD_PASSWORD), passwords.hash_password(GOOD_PASSWORD)
    assert one != other
    assert one.startswith("$argon2id$")
    assert passwords.verify(one, GOOD_PASSWORD)
    assert not passwords.verify(one, GOOD_PASSWORD + " ")
    assert not passwords.verify("no hash", GOOD_PASSWORD)


def test_passwords_are_compared_in_unicode_nfc() -> None:
    assert passwords.verify(passwords.hash_password("café am grünen Platz"), "café am grünen Platz")


class CountingHasher(PasswordHasher):
    """Records against which hashes a password was verified."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified: list[str | bytes] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        self.verified.append(hash)
        return super().verify(hash, password)


def test_an_unknown_name_takes_the_same_work_as_a_wrong_password() -> None:
    hasher = CountingHasher()
    counted = Passwords(hasher)
    kept = counted.hash_password(GOOD_PASSWORD)
    assert not counted.verify(kept, "not this one at all")
    assert not counted.verify(None, "not this one at all")
    assert len(hasher.verified) == 2
    known, unknown = (extract_parameters(str(each)) for each in hasher.verified)
    assert known == unknown


def test_the_work_factor_is_that_of_rfc_9106() -> None:
    assert "$m=65536,t=3,p=4$" in Passwords().hash_password(GOOD_PASSWORD)
    assert Passwords().needs_rehash(passwords.hash_password(GOOD_PASSWORD))
