"""User accounts: created, listed, changed, disabled, deleted. At least one owner can always sign in."""

import re
import secrets
import unicodedata
from collections.abc import Callable, Iterable
from datetime import timedelta

import sqlalchemy as sa

from whisper_appliance.accounts.activity import is_due, write_best_effort
from whisper_appliance.accounts.audit import WriteAudit
from whisper_appliance.accounts.identity import ROLES, Actor, Role, User
from whisper_appliance.accounts.passwords import Passwords
from whisper_appliance.accounts.setup import SETUP_CLOSED
from whisper_appliance.core.clock import Clock, written
from whisper_appliance.core.errors import Conflict, InvalidRequest, NotFound, SignInFailed
from whisper_appliance.core.text import normalized_name
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import ACCOUNTS, invitations, keys, sessions, users

MAX_NAME_CHARS = 60
LAST_SEEN_INTERVAL = timedelta(minutes=5)
"""`last_seen` is written at most so often, because not every request should write."""
NO_PASSWORD = ""
"""In the place of a hash: nothing verifies against it."""
NAME_TAKEN = "There is an account of this name already. Take another name."

Change = Callable[[sa.Connection, User], None]


class Users:
    """The accounts in a database. Methods raise `NotFound` for an id that does not exist.

    `by` is the actor for the audit log; callers check beforehand with `access.is_allowed`, and give the role
    that they checked as `if_role`.
    """

    def __init__(
        self, database: Database, passwords: Passwords, *, write_audit: WriteAudit, clock: Clock
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._write_audit = write_audit
        self._clock = clock

    def create(self, name: str, password: str, role: Role, *, by: Actor, first: bool = False) -> User:
        """Creates an account. Raises `InvalidRequest` for a bad name, role or weak password; `Conflict`.

        `first`: there must be no other account yet. Raises `NotFound` otherwise.
        """
        row = self.prepare_row(name, password, role)
        with self._database.write(exclusive=ACCOUNTS) as connection:
            if first and connection.execute(sa.select(users.c.id).limit(1)).first():
                raise NotFound(SETUP_CLOSED)
            user = self.insert(connection, row)
        self._write_audit(by, "user.create", user.id, {"name": user.name, "role": role})
        return user

    def prepare_row(self, name: str, password: str, role: Role) -> dict[str, object]:
        """The validated row of a new account. Hashing is slow, so call it outside of any transaction."""
        name = validate_name(name)
        _validate_role(role)
        self._passwords.validate(password, name)
        return {
            "id": secrets.token_hex(16),
            "name": name,
            "name_folded": normalized_name(name),
            "password": self._passwords.hash_password(password),
            "role": role,
        }

    def row_without_password(self, name: str, role: Role) -> dict[str, object]:
        """The validated row of an account whose user signs in with a provider only."""
        name = validate_name(name)
        _validate_role(role)
        row = {"id": secrets.token_hex(16), "name": name, "name_folded": normalized_name(name)}
        return {**row, "password": NO_PASSWORD, "role": role}

    def insert(self, connection: sa.Connection, row: dict[str, object]) -> User:
        """Adds a row of `prepare_row` inside the caller's transaction. Raises `Conflict`."""
        same = sa.select(users.c.id).where(users.c.name_folded == row["name_folded"])
        if connection.execute(same).first():
            raise Conflict(NAME_TAKEN, field="name")
        added = users.insert().values(row | {"created": written(self._clock())}).returning(*users.c)
        return user_of(connection.execute(added).mappings().one())

    def exist(self) -> bool:
        """Whether there is any account."""
        with self._database.read() as connection:
            return connection.execute(sa.select(users.c.id).limit(1)).first() is not None

    def list_users(self) -> tuple[User, ...]:
        """All users, ordered by name."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(users).order_by(users.c.name_folded)).mappings()
            return tuple(user_of(row) for row in rows)

    def names(self, user_ids: Iterable[str]) -> dict[str, str]:
        """The names of these users by id; ids of visitors and of deleted accounts are left out."""
        wanted = {each for each in user_ids if each}
        if not wanted:
            return {}
        query = sa.select(users.c.id, users.c.name).where(users.c.id.in_(wanted))
        with self._database.read() as connection:
            return {row.id: row.name for row in connection.execute(query)}

    def get(self, user_id: str) -> User:
        """The user with this id."""
        with self._database.read() as connection:
            return _find(connection, users.c.id == user_id)

    def by_name(self, name: str) -> User:
        """The user with this name; case does not matter."""
        with self._database.read() as connection:
            return _find(connection, users.c.name_folded == normalized_name(name))

    def with_valid_password(self, name: str, password: str) -> tuple[User, str] | None:
        """The user with this name and password, and the stored hash; None when wrong or disabled.

        What follows from the password checks the hash again, with `check_unchanged`.
        It takes the same time for a name that does not exist, so that names cannot be guessed by timing.
        """
        with self._database.read() as connection:
            query = sa.select(users).where(users.c.name_folded == normalized_name(name))
            row = connection.execute(query).mappings().first()
        stored = row["password"] if row and row["password"] != NO_PASSWORD else None
        if not self._passwords.verify(stored, password) or row is None:
            return None
        if self._passwords.needs_rehash(row["password"]):
            new_hash = self._passwords.hash_password(password)
            unchanged = sa.and_(users.c.id == row["id"], users.c.password == stored)
            rehash = users.update().where(unchanged).values(password=new_hash)
            stored = new_hash if write_best_effort(self._database, rehash) else stored
        return None if row["disabled_at"] else (user_of(row), str(stored))

    def rename(self, user_id: str, name: str, *, by: Actor) -> User:
        """Changes the name of an account. Raises `InvalidRequest`, `Conflict` when it is taken."""
        name = validate_name(name)

        def change(connection: sa.Connection, _user: User) -> None:
            others = sa.select(users.c.id).where(
                users.c.name_folded == normalized_name(name), users.c.id != user_id
            )
            if connection.execute(others).first():
                raise Conflict(NAME_TAKEN, field="name")
            _update(connection, user_id, name=name, name_folded=normalized_name(name))

        before = self._change(user_id, change)
        self._write_audit(by, "user.rename", user_id, {"from": before.name, "to": name})
        return self.get(user_id)

    def set_language(self, user_id: str, language: str | None) -> None:
        """Sets the language of the pages; None follows the browser."""
        self._change(user_id, lambda connection, _user: _update(connection, user_id, language=language))

    def set_recording_days(self, user_id: str, days: int | None) -> None:
        """Sets for how many days recordings are kept; None follows the appliance."""
        self._change(user_id, lambda connection, _user: _update(connection, user_id, recording_days=days))

    def set_model(self, user_id: str, model: str | None) -> None:
        """Sets the model for recordings whose request names none; None follows the appliance."""
        self._change(user_id, lambda connection, _user: _update(connection, user_id, model=model))

    def set_role(self, user_id: str, role: Role, *, by: Actor, if_role: Role | None = None) -> User:
        """Changes the role of an account. Raises `InvalidRequest`, `Conflict` for the last owner."""
        _validate_role(role)

        def change(connection: sa.Connection, user: User) -> None:
            if role != "owner":
                _check_not_last_owner(connection, user)
            _update(connection, user_id, role=role)

        before = self._change(user_id, change, if_role)
        self._write_audit(by, "user.role", user_id, {"name": before.name, "from": before.role, "to": role})
        return self.get(user_id)

    def set_password(
        self, user_id: str, password: str, *, by: Actor, old_hash: str = "", if_role: Role | None = None
    ) -> None:
        """Changes the password of an account and ends its sessions, except the session of `by`.

        Raises `SignInFailed` if the hash is not `old_hash` any more, where that is given.
        """
        user = self.get(user_id)
        self._passwords.validate(password, user.name)
        new_hash = self._passwords.hash_password(password)

        def change(connection: sa.Connection, _user: User) -> None:
            if old_hash:
                check_unchanged(connection, user_id, old_hash)
            _update(connection, user_id, password=new_hash)
            other_sessions = sa.and_(sessions.c.user_id == user_id, sessions.c.id != by.session)
            connection.execute(sessions.delete().where(other_sessions))

        self._change(user_id, change, if_role)
        self._write_audit(by, "user.password", user_id, {"name": user.name})

    def disable(self, user_id: str, *, by: Actor, if_role: Role | None = None) -> User:
        """Disables an account, so that its password, sessions and API keys are refused.

        Raises `Conflict` for the last owner.
        """

        def change(connection: sa.Connection, user: User) -> None:
            _check_not_last_owner(connection, user)
            _update(connection, user_id, disabled_at=written(self._clock()))
            connection.execute(sessions.delete().where(sessions.c.user_id == user_id))

        user = self._change(user_id, change, if_role)
        self._write_audit(by, "user.disable", user_id, {"name": user.name})
        return self.get(user_id)

    def enable(self, user_id: str, *, by: Actor) -> User:
        """Enables a disabled account; its API keys are valid again too."""
        user = self._change(user_id, lambda connection, _user: _update(connection, user_id, disabled_at=None))
        self._write_audit(by, "user.enable", user_id, {"name": user.name})
        return self.get(user_id)

    def delete(
        self,
        user_id: str,
        *,
        by: Actor,
        heir: str | None = None,
        if_role: Role | None = None,
        on_deleted: Callable[[sa.Connection], None] = lambda _connection: None,
    ) -> User:
        """Deletes an account with its sessions, keys and unused invitations.

        `on_deleted` runs in the same transaction: `Accounts.remove_user` erases or transfers there the data
        that the account owns. Raises `NotFound` if the `heir` is gone, `Conflict` for the last owner.
        """

        def change(connection: sa.Connection, user: User) -> None:
            _check_not_last_owner(connection, user)
            if heir is not None:
                _find(connection, users.c.id == heir)
            for table in (sessions, keys):
                connection.execute(table.delete().where(table.c.user_id == user_id))
            unused = sa.and_(invitations.c.created_by == user_id, invitations.c.used_at.is_(None))
            connection.execute(invitations.delete().where(unused))
            connection.execute(users.delete().where(users.c.id == user_id))
            on_deleted(connection)

        user = self._change(user_id, change, if_role)
        self._write_audit(by, "user.delete", user_id, {"name": user.name})
        return user

    def touch_last_seen(self, user: User) -> None:
        """Sets `last_seen` to now, at most once every `LAST_SEEN_INTERVAL`."""
        now = self._clock()
        if is_due(user.last_seen, now, LAST_SEEN_INTERVAL):
            seen = users.update().where(users.c.id == user.id).values(last_seen=written(now))
            write_best_effort(self._database, seen)

    def _change(self, user_id: str, change: Change, if_role: Role | None = None) -> User:
        """Runs `change` in one transaction; returns the user as it was before.

        Raises `Conflict` if the role is not `if_role` any more, because who may change an account depends on
        its role.
        """
        with self._database.write(exclusive=ACCOUNTS) as connection:
            user = _find(connection, users.c.id == user_id)
            if if_role and user.role != if_role:
                raise Conflict("The role of this account was changed at this moment. Try again.")
            change(connection, user)
        return user


def check_unchanged(connection: sa.Connection, user_id: str, password_hash: str = "") -> None:
    """Raises `SignInFailed` if the account was deleted or disabled after its user was authenticated.

    Also if the hash is not `password_hash` any more, where that is given.
    """
    same = [users.c.id == user_id, users.c.disabled_at.is_(None)]
    same += [users.c.password == password_hash] if password_hash else []
    if connection.execute(sa.select(users.c.id).where(*same)).first() is None:
        raise SignInFailed("The account was changed at this moment. Sign in again.")


def validate_name(name: str) -> str:
    """The name as it is stored. Raises `InvalidRequest` when it is empty, too long, or not printable."""
    name = re.sub(r"\s+", " ", unicodedata.normalize("NFC", name)).strip()
    if not name or len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise InvalidRequest(
            "A name has 1 to {max_name_chars} visible characters.",
            max_name_chars=MAX_NAME_CHARS,
            field="name",
        )
    return name


def user_of(row: sa.RowMapping) -> User:
    """The `User` of a row of the table `users`."""
    return User(
        id=row["id"],
        name=row["name"],
        role=row["role"],
        created=row["created"],
        disabled=row["disabled_at"] is not None,
        last_seen=row["last_seen"],
        language=row["language"],
        recording_days=row["recording_days"],
        model=row["model"],
        remembers_voices=bool(row["remembers_voices"]),
        has_password=row["password"] != NO_PASSWORD,
    )


def _validate_role(role: str) -> None:
    if role not in ROLES:
        raise InvalidRequest("A role is owner, admin or member.", field="role")


def _find(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> User:
    row = connection.execute(sa.select(users).where(condition)).mappings().first()
    if row is None:
        raise NotFound("There is no such account.")
    return user_of(row)


def _update(connection: sa.Connection, user_id: str, **values: str | int | None) -> None:
    connection.execute(users.update().where(users.c.id == user_id).values(**values))


def _check_not_last_owner(connection: sa.Connection, user: User) -> None:
    """Raises `Conflict` when `user` is the only owner who can sign in."""
    other = sa.and_(users.c.role == "owner", users.c.disabled_at.is_(None), users.c.id != user.id)
    if (
        user.role == "owner"
        and not user.disabled
        and connection.execute(sa.select(users.c.id).where(other)).first() is None
    ):
        raise Conflict("This is the last owner. Make somebody else an owner first.")
