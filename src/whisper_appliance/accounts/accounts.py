"""Everything about accounts behind one door: the parts, and what takes more than one of them."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from whisper_appliance.accounts.access import Openness
from whisper_appliance.accounts.access_mode import Policy
from whisper_appliance.accounts.audit_port import Record, unrecorded
from whisper_appliance.accounts.identity import FIRST_START, Actor, User
from whisper_appliance.accounts.invitations import Invitations
from whisper_appliance.accounts.keys import Keys
from whisper_appliance.accounts.passwords import Passwords
from whisper_appliance.accounts.sessions import Sessions
from whisper_appliance.accounts.setup import SetupToken
from whisper_appliance.accounts.throttle import Throttle
from whisper_appliance.accounts.users import Users, folded
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.clock import Clock, now
from whisper_appliance.core.errors import BadSetting, InvalidRequest, SignInFailed, SignInRequired
from whisper_appliance.storage.database import Database

ADMIN_NAME = "admin"
WRONG = "This name and password do not go together."
log = structlog.get_logger()


class Belongings(Protocol):
    """What users own, in the rooms that keep it."""

    def erase(self, owner: str) -> None:
        """Removes for good all that is `owner`'s: transcripts, recordings, jobs, live sessions."""

    def hand_over(self, owner: str, heir: str) -> None:
        """Makes all of it `heir`'s."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody has signed in: `token` is for their browser, `session` is the id that others may see."""

    user: User
    session: str
    token: str


class Accounts:
    """Users, sessions, keys, invitations, the first start, and who may use the appliance."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        belongings: Belongings,
        record: Record = unrecorded,
        clock: Clock = now,
        monotonic: Callable[[], float] = time.monotonic,
        passwords: Passwords | None = None,
    ) -> None:
        """Nothing is read or written yet; `record` hears of everything that is done."""
        self._settings = settings
        self._belongings = belongings
        self._record = record
        self.passwords = passwords or Passwords()
        self.users = Users(database, self.passwords, record=record, clock=clock)
        self.sessions = Sessions(
            database,
            idle_seconds=settings.session_idle_seconds,
            total_seconds=settings.session_seconds,
            record=record,
            clock=clock,
        )
        self.keys = Keys(database, record=record, clock=clock)
        self.invitations = Invitations(database, self.users, record=record, clock=clock)
        self.policy = Policy(database, record=record, clock=clock, monotonic=monotonic)
        self.setup = SetupToken(settings.data_dir / "setup-token", monotonic=monotonic)
        self.throttle = Throttle(monotonic)
        self._setting_up = threading.Lock()

    def start(self) -> None:
        """The account of ADMIN_PASSWORD, or a setup token, when there is no account yet.

        Raises `BadSetting` when ADMIN_PASSWORD is too weak, or its file cannot be read.
        """
        self.setup.end()
        if self.users.any():
            return
        password = self._given_password()
        if password is None:
            self.setup.begin()
            return
        try:
            self.users.create(ADMIN_NAME, password, "owner", by=FIRST_START)
        except InvalidRequest as error:
            raise BadSetting(f"ADMIN_PASSWORD cannot be used. {error.message}") from None
        log.info("the account 'admin' was made with ADMIN_PASSWORD")

    def set_up(self, token: str, name: str, password: str, openness: Openness, *, visitor: str = "") -> User:
        """The first account, its owner's; what the browser `visitor` made until now becomes theirs.

        Raises `NotFound` for a token that is not good (any more), `InvalidRequest`.
        """
        with self._setting_up:
            if self.users.any():  # made meanwhile by the command line
                self.setup.end()
            self.setup.check(token)
            user = self.users.create(name, password, "owner", by=FIRST_START)
            self.setup.end()
        self.policy.set_openness(openness, by=Actor(user.id, user))
        if visitor:
            self._belongings.hand_over(visitor, user.id)
        return user

    def sign_in(self, name: str, password: str, *, address: str, agent: str = "") -> SignedIn:
        """Begins a session. Raises `SignInFailed`, or `Busy` after many attempts."""
        account = folded(name)[:100]
        self.throttle.attempt(account, address)
        user = self.users.verified(name, password)
        if user is None:
            self._record(Actor(""), "sign_in.failed", "", {"name": account})
            raise SignInFailed(WRONG)
        self.throttle.succeeded(account, address)
        return self.begin_session(user, address=address, agent=agent)

    def begin_session(self, user: User, *, address: str, agent: str = "") -> SignedIn:
        """Signs in who has just shown who they are: by password, setup token or invitation."""
        session, token = self.sessions.begin(user, address=address, agent=agent)
        self.users.seen(user)
        self._record(Actor(user.id, user, session=session.id), "sign_in", session.id)
        return SignedIn(user, session.id, token)

    def sign_out(self, actor: Actor) -> None:
        """Ends the session of whoever asks."""
        if actor.session:
            self.sessions.end(actor.session, by=actor)

    def by_session(self, token: str) -> Actor | None:
        """Whoever has this session's token; None when the session has ended."""
        found = self.sessions.find(token)
        if found is None:
            return None
        session, user = found
        self.users.seen(user)
        return Actor(user.id, user, session=session.id)

    def by_key(self, token: str) -> Actor:
        """The program that has this key. Raises `SignInRequired` when it is not, or no longer, good."""
        found = self.keys.find(token)
        if found is None:
            raise SignInRequired("This key is not good: unknown, revoked, or past its end. Make a new one.")
        key, user = found
        self.users.seen(user)
        return Actor(user.id, user, scopes=key.scopes, key=key.id)

    def change_password(self, actor: Actor, old: str, new: str, *, address: str) -> None:
        """Changes one's own password, of which the old one has to be known; ends the other sessions.

        Raises `SignInRequired`, `SignInFailed`, `InvalidRequest`, `Busy`.
        """
        user = self.check_password(actor, old, address=address, field="old")
        self.users.set_password(user.id, new, by=actor)

    def check_password(self, actor: Actor, password: str, *, address: str, field: str = "password") -> User:
        """The user who asks, once they have shown that it is them. Raises as `change_password`."""
        if actor.user is None:
            raise SignInRequired("Sign in to do this.")
        account = folded(actor.user.name)
        self.throttle.attempt(account, address)
        if self.users.verified(actor.user.name, password) is None:
            raise SignInFailed("This is not your present password.", field=field)
        self.throttle.succeeded(account, address)
        return actor.user

    def remove_user(self, id: str, *, heir: str | None, by: Actor) -> None:
        """Deletes an account. What it owned becomes `heir`'s, or is erased when that is None.

        Raises `NotFound`, `Conflict` for the last owner.
        """
        if heir is not None:
            self.users.get(heir)
            if heir == id:
                raise InvalidRequest("The heir must be somebody else.", field="heir")
        self.users.delete(id, by=by)
        if heir is None:
            self._belongings.erase(id)
        else:
            self._belongings.hand_over(id, heir)
            self._record(by, "user.hand_over", id, {"heir": heir})

    def _given_password(self) -> str | None:
        if self._settings.admin_password is not None:
            return self._settings.admin_password.get_secret_value()
        if self._settings.admin_password_file is None:
            return None
        try:
            return self._settings.admin_password_file.read_text("utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise BadSetting(f"ADMIN_PASSWORD_FILE cannot be read: {error}.") from None
