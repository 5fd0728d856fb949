"""Accounts: sign-in, sign-out, authentication of sessions and API keys, the first start, removal of users."""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from whisper_appliance.accounts.access import AccessMode
from whisper_appliance.accounts.access_mode import AccessModeStore
from whisper_appliance.accounts.audit import WriteAudit, no_audit
from whisper_appliance.accounts.first_steps import FirstSteps
from whisper_appliance.accounts.identity import FIRST_START, Actor, Role, User
from whisper_appliance.accounts.invitations import Invitations
from whisper_appliance.accounts.keys import ApiKeys
from whisper_appliance.accounts.passkeys import Passkeys, Site
from whisper_appliance.accounts.passwords import Passwords
from whisper_appliance.accounts.second_factor import WRONG_CODE, SecondFactors
from whisper_appliance.accounts.sessions import OnBegun, Sessions
from whisper_appliance.accounts.setup import SetupToken
from whisper_appliance.accounts.throttle import Throttle
from whisper_appliance.accounts.users import Users
from whisper_appliance.config.override_rows import OverrideRows
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.clock import Clock, now
from whisper_appliance.core.errors import (
    BadSetting,
    ConfirmationRequired,
    Conflict,
    InvalidRequest,
    NotFound,
    SecondFactorRequired,
    SignInFailed,
    SignInRequired,
)
from whisper_appliance.core.i18n import N_
from whisper_appliance.core.network import client_network
from whisper_appliance.core.text import normalized_name
from whisper_appliance.storage.database import Connection, Database
from whisper_appliance.storage.schema.accounts import ACCOUNTS

ADMIN_NAME = "admin"
WRONG_CREDENTIALS = N_("This name and password do not go together.")
log = structlog.get_logger()


class OwnedData(Protocol):
    """The data that users own, in all packages that store it.

    Both change rows in the transaction of the caller, and return what has to be called after it.
    """

    def erase(self, connection: Connection, owner: str) -> Callable[[], None]:
        """Deletes for good the transcripts, recordings, jobs and live sessions of `owner`."""

    def transfer(self, connection: Connection, owner: str, heir: str) -> Callable[[], None]:
        """Makes `heir` the owner of all of them."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session: `token` goes into the browser's cookie, `session` is the id that may be shown."""

    user: User
    session: str
    token: str


class Accounts:
    """The parts of accounts (users, sessions, keys, ...) and what takes more than one of them."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        owned_data: OwnedData,
        write_audit: WriteAudit = no_audit,
        clock: Clock = now,
        monotonic: Callable[[], float] = time.monotonic,
        passwords: Passwords | None = None,
    ) -> None:
        """Neither reads nor writes the database yet; `write_audit` is called for every change."""
        self._database = database
        self._settings = settings
        self._owned_data = owned_data
        self._write_audit = write_audit
        self.passwords = passwords or Passwords()
        self.users = Users(database, self.passwords, write_audit=write_audit, clock=clock)
        self.sessions = Sessions(
            database,
            idle_seconds=settings.session_idle_seconds,
            total_seconds=settings.session_seconds,
            write_audit=write_audit,
            clock=clock,
        )
        self.throttle = Throttle(database, lambda: clock().timestamp())
        self.second_factors = SecondFactors(database, self.throttle, write_audit=write_audit, clock=clock)
        self.passkeys = Passkeys(database, write_audit=write_audit, clock=clock)
        self.keys = ApiKeys(database, write_audit=write_audit, clock=clock)
        self.invitations = Invitations(database, self.users, write_audit=write_audit, clock=clock)
        self.access_mode = AccessModeStore(
            database, write_audit=write_audit, clock=clock, monotonic=monotonic
        )
        self.first_steps = FirstSteps(OverrideRows(database, clock=clock))
        self.setup = SetupToken(settings.data_dir / "setup-token", monotonic=monotonic)

    def start(self) -> None:
        """If there is no account yet, creates the one of ADMIN_PASSWORD, or else a setup token.

        Raises `BadSetting` when ADMIN_PASSWORD is too weak, or its file cannot be read.
        """
        self.setup.revoke()
        if self.users.exist():
            return
        password = self._admin_password()
        if password is None:
            self.setup.create()
            return
        try:
            self.users.create(ADMIN_NAME, password, "owner", by=FIRST_START, first=True)
        except NotFound:
            return  # another machine on this database has made it meanwhile
        except InvalidRequest as error:
            raise BadSetting("ADMIN_PASSWORD cannot be used. {reason}", reason=error.message) from None
        log.info("the account 'admin' was made with ADMIN_PASSWORD")

    def set_up(
        self, token: str, name: str, password: str, access_mode: AccessMode, *, visitor: str = ""
    ) -> User:
        """Creates the first account, the owner's, with the setup token.

        It also becomes the owner of what the browser with the id `visitor` made before. Raises `NotFound` for
        a wrong or expired token, `InvalidRequest`.
        """
        if self.users.exist():  # the command line created one meanwhile
            self.setup.revoke()
        self.setup.check(token)
        user = self.users.create(name, password, "owner", by=FIRST_START, first=True)
        self.setup.revoke()
        self.access_mode.set(access_mode, by=Actor(user.id, user))
        self.first_steps.begin(user.id)
        if visitor:
            with self._database.write(exclusive=ACCOUNTS) as connection:
                finish = self._owned_data.transfer(connection, visitor, user.id)
            finish()
        return user

    def sign_in(self, name: str, password: str, code: str = "", *, address: str, agent: str = "") -> SignedIn:
        """Checks name, password and the code of the second factor, and begins a session.

        Raises `SignInFailed`, `SecondFactorRequired` without a code; `Busy` when throttled.
        """
        account = normalized_name(name)[:100]
        self.throttle.attempt(account, address)
        found = self.users.with_valid_password(name, password)
        if found is None:
            self._write_audit(Actor(""), "sign_in.failed", "", {"name": account})
            raise SignInFailed(WRONG_CREDENTIALS)
        user, password_hash = found
        if self.second_factors.is_on(user.id):
            self._check_code(Actor(user.id, user), user, code, address)
        self.throttle.succeeded(account, address)
        return self.begin_session(user, address=address, agent=agent, password_hash=password_hash)

    def begin_passkey_sign_in(self, site: Site, *, address: str) -> dict[str, Any]:
        """The options with which a browser signs in by passkey. Raises `Busy` for too many of an address."""
        self.throttle.attempt_of_address(f"passkeys {client_network(address)}")
        return self.passkeys.begin_sign_in(site)

    def sign_in_with_passkey(
        self, site: Site, answer: Mapping[str, object], *, address: str, agent: str = ""
    ) -> SignedIn:
        """Begins a session of the user whose passkey signed the answer. Raises `SignInFailed`.

        No code is needed: the device has checked a fingerprint, a face or a PIN. Raises `Busy` after too many
        attempts of the address.
        """
        self.throttle.attempt_of_address(address)
        try:
            user = self.passkeys.authenticate(site, answer)
        except SignInFailed:
            self._write_audit(Actor(""), "sign_in.failed", "", {"factor": "passkey"})
            raise
        return self.begin_session(user, address=address, agent=agent)

    def begin_session(
        self,
        user: User,
        *,
        address: str,
        agent: str = "",
        is_confirmed: bool = True,
        password_hash: str = "",
        on_begun: OnBegun = lambda _connection, _session_id: None,
    ) -> SignedIn:
        """Begins a session of a user who was authenticated, such as by password or invitation.

        One that is not `is_confirmed` may do no dangerous actions yet. See `Sessions.begin`.
        """
        session, token = self.sessions.begin(
            user,
            address=address,
            agent=agent,
            is_confirmed=is_confirmed,
            password_hash=password_hash,
            on_begun=on_begun,
        )
        self.users.touch_last_seen(user)
        self._write_audit(Actor(user.id, user, session=session.id), "sign_in", session.id)
        return SignedIn(user, session.id, token)

    def sign_out(self, actor: Actor) -> None:
        """Ends the session of `actor`, unless it has ended already."""
        if actor.session:
            with contextlib.suppress(NotFound):
                self.sessions.end(actor.session, by=actor)

    def actor_for_session(self, token: str) -> Actor | None:
        """Authenticates a session cookie; None when the session has ended."""
        found = self.sessions.find_valid(token)
        if found is None:
            return None
        session, user = found
        self.users.touch_last_seen(user)
        return Actor(user.id, user, session=session.id)

    def actor_for_key(self, token: str) -> Actor:
        """Authenticates an API key. Raises `SignInRequired` when it is wrong, revoked or expired."""
        found = self.keys.find_valid(token)
        if found is None:
            raise SignInRequired("This key is not valid: wrong, revoked, or expired. Make a new one.")
        key, user = found
        self.users.touch_last_seen(user)
        return Actor(user.id, user, scopes=key.scopes, key=key.id)

    def change_password(self, actor: Actor, old: str, new: str, *, address: str) -> None:
        """Changes the password of `actor`, who must give the old one; ends their other sessions.

        Raises `SignInRequired`, `SignInFailed`, `InvalidRequest`, `Busy`.
        """
        user, old_hash = self._checked_password(actor, old, address=address, field="old")
        if not user.has_password:
            raise Conflict("You sign in with your provider; change your password there.")
        self.users.set_password(user.id, new, by=actor, old_hash=old_hash)

    def confirm(self, actor: Actor, password: str, code: str = "", *, address: str) -> None:
        """Confirms the session of `actor`, so that it may do dangerous actions for a while.

        It takes the password, and a code where the second factor is on. Raises `SignInRequired`,
        `SignInFailed`, `SecondFactorRequired` without a code, `Busy`.
        """
        user = self.check_password(actor, password, address=address)
        if not user.has_password:
            return
        if self.second_factors.is_on(user.id):
            self._check_code(actor, user, code, address)
        self.sessions.confirm(actor.session, by=actor)

    def check_password(self, actor: Actor, password: str, *, address: str, field: str = "password") -> User:
        """The user of `actor`, if `password` is theirs. Raises `SignInRequired`, `SignInFailed`, `Busy`."""
        return self._checked_password(actor, password, address=address, field=field)[0]

    def _checked_password(
        self, actor: Actor, password: str, *, address: str, field: str = "password"
    ) -> tuple[User, str]:
        """The user of `actor` and the hash of their password, `""` if they have none."""
        if actor.user is None:
            raise SignInRequired("Sign in to do this.")
        if not actor.user.has_password:
            return self._check_signed_in_lately(actor, actor.user), ""
        account = normalized_name(actor.user.name)
        self.throttle.attempt(account, address)
        found = self.users.with_valid_password(actor.user.name, password)
        if found is None:
            self._write_audit(actor, "sign_in.failed", "", {"name": account})
            raise SignInFailed("This is not your present password.", field=field)
        self.throttle.succeeded(account, address)
        return actor.user, found[1]

    def _check_signed_in_lately(self, actor: Actor, user: User) -> User:
        """The user, who has no password here, if they have signed in with the provider lately."""
        if not self.sessions.is_confirmed(actor.session):
            raise ConfirmationRequired("Sign in again with your provider first.")
        return user

    def turn_off_second_factor(self, actor: Actor, password: str, code: str, *, address: str) -> None:
        """Turns off the second factor of `actor`, who must give the password and a code.

        Raises `SignInRequired`, `SignInFailed`, `SecondFactorRequired`, `Conflict` if it is off, `Busy`.
        """
        user = self.check_password(actor, password, address=address)
        if not self.second_factors.is_on(user.id):
            raise Conflict("The second factor is off.")
        self._check_code(actor, user, code, address)
        self.second_factors.remove(user, by=actor)

    def has_second_factor(self, user: User) -> bool:
        """Whether there is something to reset: an authenticator app or a passkey."""
        return self.second_factors.is_on(user.id) or bool(self.passkeys.list_passkeys(user.id))

    def reset_second_factor(self, user: User, *, by: Actor) -> None:
        """Removes authenticator app, recovery codes and passkeys of a user who lost them."""
        self.second_factors.remove(user, by=by)
        self.passkeys.remove_all(user, by=by)

    def _check_code(self, actor: Actor, user: User, code: str, address: str) -> None:
        if not code.strip():
            raise SecondFactorRequired("Enter the code that your authenticator app shows.", field="code")
        if not self.second_factors.verify(user, code, address=address):
            self._write_audit(actor, "sign_in.failed", "", {"name": user.name, "factor": "code"})
            raise SignInFailed(WRONG_CODE, field="code")

    def remove_user(self, user_id: str, *, heir: str | None, by: Actor, if_role: Role | None = None) -> None:
        """Deletes an account. Its data is transferred to the user `heir`, or erased when that is None.

        Both are one transaction, so that no data is left without an owner. Raises `NotFound`,
        `InvalidRequest`, `Conflict` for the last owner.
        """
        if heir == user_id:
            raise InvalidRequest("The heir must be somebody else.", field="heir")
        finish: list[Callable[[], None]] = []

        def hand_over(connection: Connection) -> None:
            if heir is None:
                finish.append(self._owned_data.erase(connection, user_id))
            else:
                finish.append(self._owned_data.transfer(connection, user_id, heir))

        self.users.delete(user_id, by=by, heir=heir, if_role=if_role, on_deleted=hand_over)
        if heir is not None:
            self._write_audit(by, "user.hand_over", user_id, {"heir": heir})
        for each in finish:
            each()

    def _admin_password(self) -> str | None:
        if self._settings.admin_password is not None:
            return self._settings.admin_password.get_secret_value()
        if self._settings.admin_password_file is None:
            return None
        try:
            return self._settings.admin_password_file.read_text("utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise BadSetting("ADMIN_PASSWORD_FILE cannot be read: {error}.", error=error) from None
