"""Invitations: a link for one person that creates one account with a given role, until it expires."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from whisper_appliance.accounts.audit import WriteAudit
from whisper_appliance.accounts.identity import ROLES, Actor, Role, User
from whisper_appliance.accounts.tokens import new_token, token_hash
from whisper_appliance.accounts.users import Users
from whisper_appliance.core.clock import Clock, written
from whisper_appliance.core.errors import InvalidRequest, NotFound
from whisper_appliance.core.text import one_line
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import ACCOUNTS, invitations, users

DEFAULT_DAYS = 7.0
MAX_DAYS = 90.0
MAX_NOTE_CHARS = 100
INVITATION_GONE = "This invitation was used, has expired, or never existed. Ask for a new one."


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation without its token; `note` names the person, `used_by` is the id of the new account."""

    id: str
    role: Role
    note: str
    created: str
    created_by: str
    expires: str
    used_at: str | None
    used_by: str | None


class Invitations:
    """The invitations in a database. `by` is the actor for the audit log."""

    def __init__(self, database: Database, users: Users, *, write_audit: WriteAudit, clock: Clock) -> None:
        self._database = database
        self._users = users
        self._write_audit = write_audit
        self._clock = clock

    def create(
        self, role: Role, *, note: str = "", days: float = DEFAULT_DAYS, by: Actor
    ) -> tuple[Invitation, str]:
        """An invitation and the token of its link `/join/<token>`, which cannot be shown again."""
        if role not in ROLES:
            raise InvalidRequest("A role is owner, admin or member.", field="role")
        if not 0 < days <= MAX_DAYS:
            raise InvalidRequest(
                "An invitation is valid for up to {max_days:g} days.", max_days=MAX_DAYS, field="days"
            )
        token, now = new_token(), self._clock()
        row = {
            "id": secrets.token_hex(16),
            "token_hash": token_hash(token),
            "role": role,
            "note": one_line(note)[:MAX_NOTE_CHARS],
            "created": written(now),
            "created_by": by.user.id if by.user else "",
            "expires": written(now + timedelta(days=days)),
        }
        with self._database.write() as connection:
            added = connection.execute(invitations.insert().values(row).returning(*invitations.c))
            invitation = _invitation(added.mappings().one())
        self._write_audit(by, "invitation.create", invitation.id, {"role": role, "note": invitation.note})
        return invitation, token

    def list_open(self) -> tuple[Invitation, ...]:
        """The invitations that can still be used, newest first."""
        query = sa.select(invitations).where(self._is_open()).order_by(invitations.c.created.desc())
        with self._database.read() as connection:
            return tuple(_invitation(row) for row in connection.execute(query).mappings())

    def get(self, invitation_id: str) -> Invitation:
        """One invitation by its id. Raises `NotFound`."""
        with self._database.read() as connection:
            return self._one(connection, invitations.c.id == invitation_id)

    def revoke(self, invitation_id: str, *, by: Actor) -> None:
        """Deletes an invitation that was not used yet. Raises `NotFound`."""
        unused = sa.and_(invitations.c.id == invitation_id, invitations.c.used_at.is_(None))
        with self._database.write(exclusive=ACCOUNTS) as connection:
            if connection.execute(invitations.delete().where(unused)).rowcount == 0:
                raise NotFound("There is no such invitation.")
        self._write_audit(by, "invitation.revoke", invitation_id)

    def peek(self, token: str) -> Invitation:
        """The open invitation of a token. Raises `NotFound` when it was used or has expired."""
        with self._database.read() as connection:
            return self._one(connection, self._is_valid(token))

    def accept(self, token: str, name: str, password: str) -> User:
        """Creates the account and marks the invitation as used.

        Raises `NotFound`, `InvalidRequest`, `Conflict`.
        """
        prepared = self._users.prepare_row(name, password, self.peek(token).role)
        with self._database.write(exclusive=ACCOUNTS) as connection:
            invitation = self._one(connection, self._is_valid(token))
            user = self._users.insert(connection, prepared | {"role": invitation.role})
            used = {"used_at": written(self._clock()), "used_by": user.id}
            same = invitations.c.id == invitation.id
            connection.execute(invitations.update().where(same).values(**used))
        details = {"name": user.name, "role": user.role, "invited_by": invitation.created_by}
        self._write_audit(Actor(user.id, user), "invitation.accept", invitation.id, details)
        return user

    def _one(self, connection: sa.Connection, condition: sa.ColumnElement[bool]) -> Invitation:
        row = connection.execute(sa.select(invitations).where(condition)).mappings().first()
        if row is None:
            raise NotFound(INVITATION_GONE)
        return _invitation(row)

    def _is_valid(self, token: str) -> sa.ColumnElement[bool]:
        return sa.and_(invitations.c.token_hash == token_hash(token), self._is_open())

    def _is_open(self) -> sa.ColumnElement[bool]:
        """Not used, not expired, and of somebody who may still invite people with this role."""
        may_invite = sa.or_(
            users.c.role == "owner", sa.and_(users.c.role == "admin", invitations.c.role == "member")
        )
        maker = sa.exists().where(
            users.c.id == invitations.c.created_by, users.c.disabled_at.is_(None), may_invite
        )
        return sa.and_(
            invitations.c.used_at.is_(None),
            invitations.c.expires > written(self._clock()),
            sa.or_(invitations.c.created_by == "", maker),
        )


def _invitation(row: sa.RowMapping) -> Invitation:
    return Invitation(**{name: row[name] for name in Invitation.__slots__})
