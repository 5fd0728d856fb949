"""Accounts and API keys, administered on the machine itself."""

from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from click.testing import CliRunner, Result

from tests.support.accounts import CHEAP_ARGON2
from tests.support.client import PASSWORD
from whisper_appliance.accounts import passwords
from whisper_appliance.accounts.accounts import SignedIn
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.app.offline_accounts import opened_accounts
from whisper_appliance.cli import cli
from whisper_appliance.config import settings
from whisper_appliance.core.errors import ApplianceError, SecondFactorRequired, SignInFailed

OTHER = "eleven green bottles near the wall"


@pytest.fixture(scope="module", autouse=True)
def cheap_argon2() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "PasswordHasher", lambda: CHEAP_ARGON2)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tests of this file build on one another."""
    return tmp_path_factory.mktemp("data")


def run(data: Path, *arguments: str, stdin: str = "") -> Result:
    environment = {"DATA_DIR": str(data), "HOST": "0.0.0.0"}
    return CliRunner().invoke(cli, arguments, input=stdin, env=environment)


def sign_in(data: Path, name: str, password: str) -> SignedIn:
    with opened_accounts(settings.load(data_dir=data)) as accounts:
        return accounts.sign_in(name, password, address="127.0.0.1")


def test_an_account_is_created_in_a_new_folder_and_listed(data: Path) -> None:
    made = run(data, "users", "add", "Ada", "--role", "owner", "--password-stdin", stdin=PASSWORD + "\n")
    assert (made.exit_code, made.stdout) == (0, "Ada: created, owner\n")
    asked = run(data, "users", "add", "Ben", stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert asked.exit_code == 0
    assert PASSWORD not in asked.output
    listed = run(data, "users", "list").stdout
    assert "Ada   owner" in listed
    assert "Ben   member" in listed
    assert "anyone on its network" in listed


def test_a_new_password_ends_the_sessions(data: Path) -> None:
    before = sign_in(data, "Ada", PASSWORD)
    assert run(data, "users", "password", "ada", "--password-stdin", stdin=OTHER).exit_code == 0
    with pytest.raises(SignInFailed):
        sign_in(data, "Ada", PASSWORD)
    assert sign_in(data, "Ada", OTHER).user.name == "Ada"
    with opened_accounts(settings.load(data_dir=data)) as accounts:
        assert accounts.actor_for_session(before.token) is None


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["users", "add", "Cleo", "--password-stdin"], "password1234"),
        (["users", "add", "ADA", "--password-stdin"], PASSWORD),
        (["users", "disable", "Ada"], ""),
        (["users", "role", "Ada", "member"], ""),
        (["users", "remove", "Ada", "--yes"], ""),
        (["users", "password", "nobody", "--password-stdin"], PASSWORD),
        (["keys", "add", "Ben", "x", "--scope", "admin"], ""),
        (["keys", "revoke", "nothing"], ""),
    ],
)
def test_an_error_prints_one_sentence(data: Path, arguments: list[str], stdin: str) -> None:
    refused = run(data, *arguments, stdin=stdin)
    assert isinstance(refused.exception, ApplianceError)


def test_a_key_is_created_shown_once_and_revoked(data: Path) -> None:
    made = run(data, "keys", "add", "Ben", "night batch", "--scope", "read", "--days", "30")
    secret = made.stdout.strip()
    assert secret.startswith("wa_")
    listed = run(data, "keys", "list", "ben").stdout
    assert "night batch" in listed
    assert secret not in listed
    with opened_accounts(settings.load(data_dir=data)) as accounts:
        assert accounts.actor_for_key(secret).scopes == {"read"}
    id = listed.splitlines()[1].split()[0]
    assert run(data, "keys", "revoke", id[:8]).exit_code == 0
    assert "night batch" not in run(data, "keys", "list").stdout


def test_an_invitation_prints_a_link_to_this_machine(data: Path) -> None:
    link = run(data, "users", "invite", "--role", "admin", "--note", "for Cleo").stdout.strip()
    assert link.startswith("https://")
    with opened_accounts(settings.load(data_dir=data)) as accounts:
        assert accounts.invitations.peek(link.rpartition("/join/")[2]).role == "admin"


def test_role_and_access_mode_change_and_an_account_is_removed(data: Path) -> None:
    assert run(data, "users", "role", "Ben", "owner").stdout == "Ben: owner\n"
    assert run(data, "users", "disable", "Ben").exit_code == 0
    assert run(data, "users", "enable", "Ben").exit_code == 0
    assert run(data, "users", "openness", "accounts").stdout == "accounts\n"
    assert run(data, "users", "openness").stdout == "accounts\n"
    assert run(data, "users", "remove", "Ben", stdin="n\n").exit_code == 1
    assert run(data, "users", "remove", "Ben", "--heir", "Ada", "--yes").stdout == "Ben: removed\n"
    assert "Ben" not in run(data, "users", "list").stdout


def test_the_second_factor_of_a_locked_out_owner_is_reset(tmp_path: Path) -> None:
    run(tmp_path, "users", "add", "Ada", "--role", "owner", "--password-stdin", stdin=PASSWORD + "\n")
    with opened_accounts(settings.load(data_dir=tmp_path)) as accounts:
        ada = accounts.users.by_name("Ada")
        app = pyotp.TOTP(accounts.second_factors.enrol(ada).secret)
        accounts.second_factors.activate(ada, app.now(), by=SHELL)
    with pytest.raises(SecondFactorRequired):
        sign_in(tmp_path, "Ada", PASSWORD)
    reset = run(tmp_path, "users", "reset-second-factor", "ada")
    assert (reset.exit_code, reset.stdout) == (0, "Ada: the second factor is off\n")
    assert sign_in(tmp_path, "Ada", PASSWORD)
