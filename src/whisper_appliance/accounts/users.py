"""The accounts: made, listed, changed, disabled, deleted. There is always an owner who can sign in."""

import re
import secrets
import unicodedata
from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa

from whisper_appliance.accounts.audit_port import Record
from whisper_appliance.accounts.best_effort import mark
from whisper_appliance.accounts.identity import ROLES, Actor, Role, User
from whisper_appliance.accounts.passwords import Passwords
from whisper_appliance.core.clock import Clock, written
from whisper_appliance.core.errors import Conflict, InvalidRequest, NotFound
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import invitations, keys, sessions, users

MAX_NAME_CHARS = 60
SEEN_EVERY = timedelta(minutes=5)
"""Grain of `last_seen`: not every request writes."""

Change = Callable[[sa.Connection, User], None]


class Users:
    """The accounts in a database. An id that is not there raises `NotFound`.

    `by` is who does it, for the record; whether they may is decided before (`access.may`).
    """

    def __init__(self, database: Database, passwords: Passwords, *, record: Record, clock: Clock) -> None:
        self._database = database
        self._passwords = passwords
        self._record = record
        self._clock = clock

    def create(self, name: str, password: str, role: Role, *, by: Actor) -> User:
        """A new account. Raises `InvalidRequest` for a name or password that is not taken, `Conflict`."""
        row = self.prepared(name, password, role)
        with self._database.write() as connection:
            user = self.insert(connection, row)
        self._record(by, "user.create", user.id, {"name": user.name, "role": role})
        return user

    def prepared(self, name: str, password: str, role: Role) -> dict[str, object]:
        """The row of a new account, checked; the slow part of `create`, outside of any transaction."""
        name = checked_name(name)
        if role not in ROLES:
            raise InvalidRequest("A role is owner, admin or member.", field="role")
        self._passwords.check(password, name)
        return {
            "id": secrets.token_hex(16),
            "name": name,
            "name_folded": folded(name),
            "password": self._passwords.hash(password),
            "role": role,
        }

    def insert(self, connection: sa.Connection, row: dict[str, object]) -> User:
        """Adds a prepared account inside a transaction of the caller's. Raises `Conflict`."""
        same = sa.select(users.c.id).where(users.c.name_folded == row["name_folded"])
        if connection.execute(same).first():
            raise Conflict("There is an account of this name already. Take another name.", field="name")
        added = users.insert().values(row | {"created": written(self._clock())}).returning(*users.c)
        return user_of(connection.execute(added).mappings().one())

    def any(self) -> bool:
        """Whether there is an account at all."""
        with self._database.read() as connection:
            return connection.execute(sa.select(users.c.id).limit(1)).first() is not None

    def list(self) -> tuple[User, ...]:
        """All of them, in the order of their names."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(users).order_by(users.c.name_folded)).mappings()
            return tuple(user_of(row) for row in rows)

    def get(self, id: str) -> User:
        """One by its id."""
        with self._database.read() as connection:
            return _found(connection, users.c.id == id)

    def named(self, name: str) -> User:
        """One by its name, whatever its capitals."""
        with self._database.read() as connection:
            return _found(connection, users.c.name_folded == folded(name))

    def verified(self, name: str, password: str) -> User | None:
        """The user who has this name and password, unless disabled. Takes as long for names that are not."""
        with self._database.read() as connection:
            question = sa.select(users).where(users.c.name_folded == folded(name))
            row = connection.execute(question).mappings().first()
        if not self._passwords.verify(row["password"] if row else None, password) or row is None:
            return None
        if self._passwords.is_outdated(row["password"]):
            better = users.update().where(users.c.id == row["id"])
            mark(self._database, better.values(password=self._passwords.hash(password)))
        return None if row["disabled_at"] else user_of(row)

    def rename(self, id: str, name: str, *, by: Actor) -> User:
        """Gives an account another name. Raises `Conflict` where somebody has it."""
        name = checked_name(name)

        def change(connection: sa.Connection, _user: User) -> None:
            others = sa.select(users.c.id).where(users.c.name_folded == folded(name), users.c.id != id)
            if connection.execute(others).first():
                raise Conflict("There is an account of this name already. Take another name.", field="name")
            _set(connection, id, name=name, name_folded=folded(name))

        before = self._change(id, change)
        self._record(by, "user.rename", id, {"from": before.name, "to": name})
        return self.get(id)

    def set_role(self, id: str, role: Role, *, by: Actor) -> User:
        """Makes somebody owner, admin or member. Raises `Conflict` for the last owner."""
        if role not in ROLES:
            raise InvalidRequest("A role is owner, admin or member.", field="role")

        def change(connection: sa.Connection, user: User) -> None:
            if role != "owner":
                _keep_an_owner(connection, user)
            _set(connection, id, role=role)

        before = self._change(id, change)
        self._record(by, "user.role", id, {"name": before.name, "from": before.role, "to": role})
        return self.get(id)

    def set_password(self, id: str, password: str, *, by: Actor) -> None:
        """Gives an account another password; ends its sessions, but for the one this is done in."""
        user = self.get(id)
        self._passwords.check(password, user.name)
        hash = self._passwords.hash(password)

        def change(connection: sa.Connection, _user: User) -> None:
            _set(connection, id, password=hash)
            theirs = sa.and_(sessions.c.user_id == id, sessions.c.id != by.session)
            connection.execute(sessions.delete().where(theirs))

        self._change(id, change)
        self._record(by, "user.password", id, {"name": user.name})

    def disable(self, id: str, *, by: Actor) -> User:
        """Lets nobody in with this account, its sessions or keys. `Conflict`: the last owner."""

        def change(connection: sa.Connection, user: User) -> None:
            _keep_an_owner(connection, user)
            _set(connection, id, disabled_at=written(self._clock()))
            connection.execute(sessions.delete().where(sessions.c.user_id == id))

        user = self._change(id, change)
        self._record(by, "user.disable", id, {"name": user.name})
        return self.get(id)

    def enable(self, id: str, *, by: Actor) -> User:
        """Lets a disabled account in again; its keys work again too."""
        user = self._change(id, lambda connection, _user: _set(connection, id, disabled_at=None))
        self._record(by, "user.enable", id, {"name": user.name})
        return self.get(id)

    def delete(self, id: str, *, by: Actor) -> User:
        """Removes the account with its sessions and keys; `Accounts.remove_user` sees to what it owned."""

        def change(connection: sa.Connection, user: User) -> None:
            _keep_an_owner(connection, user)
            for table in (sessions, keys):
                connection.execute(table.delete().where(table.c.user_id == id))
            connection.execute(invitations.delete().where(invitations.c.created_by == id, _unused()))
            connection.execute(users.delete().where(users.c.id == id))

        user = self._change(id, change)
        self._record(by, "user.delete", id, {"name": user.name})
        return user

    def seen(self, user: User) -> None:
        """They are here now; written down every few minutes."""
        now = self._clock()
        if user.last_seen is None or not written(now - SEEN_EVERY) < user.last_seen <= written(now):
            mark(self._database, users.update().where(users.c.id == user.id).values(last_seen=written(now)))

    def _change(self, id: str, change: Change) -> User:
        """Does `change` in one transaction; returns the user as it was before."""
        with self._database.write() as connection:
            user = _found(connection, users.c.id == id)
            change(connection, user)
        return user


def folded(name: str) -> str:
    """Names that look the same are the same (Unicode's NFKC, without capitals)."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def checked_name(name: str) -> str:
    """A name as it is kept. Raises `InvalidRequest` for one without letters, or longer than a line."""
    name = re.sub(r"\s+", " ", unicodedata.normalize("NFC", name)).strip()
    if not name or len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise InvalidRequest(f"A name has 1 to {MAX_NAME_CHARS} visible characters.", field="name")
    return name


def user_of(row: sa.RowMapping) -> User:
    """The user in a row of `users`."""
    return User(
        id=row["id"],
        name=row["name"],
        role=row["role"],
        created=row["created"],
        disabled=row["disabled_at"] is not None,
        last_seen=row["last_seen"],
    )


def _found(connection: sa.Connection, which: sa.ColumnElement[bool]) -> User:
    row = connection.execute(sa.select(users).where(which)).mappings().first()
    if row is None:
        raise NotFound("There is no such account.")
    return user_of(row)


def _set(connection: sa.Connection, id: str, **values: str | None) -> None:
    connection.execute(users.update().where(users.c.id == id).values(**values))


def _unused() -> sa.ColumnElement[bool]:
    return invitations.c.used_at.is_(None)


def _keep_an_owner(connection: sa.Connection, user: User) -> None:
    """Raises `Conflict` when `user` is the only owner who can sign in."""
    other = sa.and_(users.c.role == "owner", users.c.disabled_at.is_(None), users.c.id != user.id)
    if (
        user.role == "owner"
        and not user.disabled
        and connection.execute(sa.select(users.c.id).where(other)).first() is None
    ):
        raise Conflict("This is the last owner. Make somebody else an owner first.")
