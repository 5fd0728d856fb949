"""Invitations: a link, for one person, that makes an account of a role, until it ends."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from whisper_appliance.accounts.audit_port import Record
from whisper_appliance.accounts.identity import ROLES, Actor, Role, User
from whisper_appliance.accounts.tokens import hashed, new_token
from whisper_appliance.accounts.users import Users
from whisper_appliance.core.clock import Clock, written
from whisper_appliance.core.errors import InvalidRequest, NotFound
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import invitations

DAYS = 7.0
MAX_DAYS = 90.0
MAX_NOTE_CHARS = 100
GONE = "This invitation was used, has ended, or was never given out. Ask for a new one."


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation, without its token; `note` says for whom, `used_by` is the id of the account made."""

    id: str
    role: Role
    note: str
    created: str
    created_by: str
    expires: str
    used_at: str | None
    used_by: str | None


class Invitations:
    """The invitations in a database. `by` is who does it, for the record."""

    def __init__(self, database: Database, users: Users, *, record: Record, clock: Clock) -> None:
        self._database = database
        self._users = users
        self._record = record
        self._clock = clock

    def create(self, role: Role, *, note: str = "", days: float = DAYS, by: Actor) -> tuple[Invitation, str]:
        """An invitation, and the token of its link `/join/<token>`, which nobody can be told again."""
        if role not in ROLES:
            raise InvalidRequest("A role is owner, admin or member.", field="role")
        if not 0 < days <= MAX_DAYS:
            raise InvalidRequest(f"An invitation lives up to {MAX_DAYS:g} days.", field="days")
        token, now = new_token(), self._clock()
        row = {
            "id": secrets.token_hex(16),
            "token_hash": hashed(token),
            "role": role,
            "note": " ".join("".join(c if c.isprintable() else " " for c in note).split())[:MAX_NOTE_CHARS],
            "created": written(now),
            "created_by": by.user.id if by.user else "",
            "expires": written(now + timedelta(days=days)),
        }
        with self._database.write() as connection:
            added = connection.execute(invitations.insert().values(row).returning(*invitations.c))
            invitation = _invitation(added.mappings().one())
        self._record(by, "invitation.create", invitation.id, {"role": role, "note": invitation.note})
        return invitation, token

    def list(self) -> tuple[Invitation, ...]:
        """Those that can still be used, the newest first."""
        question = sa.select(invitations).where(self._open()).order_by(invitations.c.created.desc())
        with self._database.read() as connection:
            return tuple(_invitation(row) for row in connection.execute(question).mappings())

    def get(self, id: str) -> Invitation:
        """One by its id. Raises `NotFound`."""
        with self._database.read() as connection:
            return self._one(connection, invitations.c.id == id)

    def revoke(self, id: str, *, by: Actor) -> None:
        """Ends one that was not used yet. Raises `NotFound`."""
        which = sa.and_(invitations.c.id == id, invitations.c.used_at.is_(None))
        with self._database.write() as connection:
            if connection.execute(invitations.delete().where(which)).rowcount == 0:
                raise NotFound("There is no such invitation.")
        self._record(by, "invitation.revoke", id)

    def look(self, token: str) -> Invitation:
        """What a link is worth. Raises `NotFound` when it was used or has ended."""
        with self._database.read() as connection:
            return self._one(connection, self._good(token))

    def accept(self, token: str, name: str, password: str) -> User:
        """Makes the account; the link is used up. Raises `NotFound`, `InvalidRequest`, `Conflict`."""
        prepared = self._users.prepared(name, password, self.look(token).role)
        with self._database.write() as connection:
            invitation = self._one(connection, self._good(token))
            user = self._users.insert(connection, prepared | {"role": invitation.role})
            used = {"used_at": written(self._clock()), "used_by": user.id}
            same = invitations.c.id == invitation.id
            connection.execute(invitations.update().where(same).values(**used))
        details = {"name": user.name, "role": user.role, "invited_by": invitation.created_by}
        self._record(Actor(user.id, user), "invitation.accept", invitation.id, details)
        return user

    def _one(self, connection: sa.Connection, which: sa.ColumnElement[bool]) -> Invitation:
        row = connection.execute(sa.select(invitations).where(which)).mappings().first()
        if row is None:
            raise NotFound(GONE)
        return _invitation(row)

    def _good(self, token: str) -> sa.ColumnElement[bool]:
        return sa.and_(invitations.c.token_hash == hashed(token), self._open())

    def _open(self) -> sa.ColumnElement[bool]:
        return sa.and_(invitations.c.used_at.is_(None), invitations.c.expires > written(self._clock()))


def _invitation(row: sa.RowMapping) -> Invitation:
    return Invitation(**{name: row[name] for name in Invitation.__slots__})
