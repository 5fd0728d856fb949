"""Sign-in sessions of browsers: rows in the database, so that they can be listed and ended from anywhere."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from whisper_appliance.accounts.activity import is_due, write_best_effort
from whisper_appliance.accounts.audit import WriteAudit
from whisper_appliance.accounts.identity import Actor, User
from whisper_appliance.accounts.tokens import new_token, token_hash
from whisper_appliance.accounts.users import check_unchanged, user_of
from whisper_appliance.core.clock import Clock, written
from whisper_appliance.core.errors import NotFound
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import ACCOUNTS, sessions, users

LAST_SEEN_INTERVAL = timedelta(minutes=1)
"""`last_seen` is written at most so often, because not every request should write."""
MAX_CLOCK_SKEW = timedelta(minutes=5)
"""A session from further in the future was started before the clock was set back: it has ended."""
MAX_AGENT_CHARS = 200
MAX_PER_USER = 50
CONFIRMED_FOR = timedelta(minutes=10)
"""Dangerous actions need a sign-in, or a confirmation by password, that is at most so old."""

OnBegun = Callable[[sa.Connection, str], None]
"""Called with the id of a session in the transaction that begins it."""


@dataclass(frozen=True, slots=True)
class Session:
    """A browser in which a user is signed in; `agent` is its User-Agent header."""

    id: str
    user_id: str
    created: str
    last_seen: str
    address: str
    agent: str


class Sessions:
    """The sessions in a database; each ends after `idle_seconds` without a request, or `total_seconds`."""

    def __init__(
        self,
        database: Database,
        *,
        idle_seconds: float,
        total_seconds: float,
        write_audit: WriteAudit,
        clock: Clock,
    ) -> None:
        self._database = database
        self._idle = timedelta(seconds=idle_seconds)
        self.total_seconds = total_seconds
        self._write_audit = write_audit
        self._clock = clock

    def begin(
        self,
        user: User,
        *,
        address: str,
        agent: str,
        is_confirmed: bool = True,
        password_hash: str = "",
        on_begun: OnBegun = lambda _connection, _session_id: None,
    ) -> tuple[Session, str]:
        """A new session and the token for its cookie. Ends the oldest beyond `MAX_PER_USER`.

        `is_confirmed`: the user was authenticated just now, and not remembered from earlier. `password_hash`
        is what the password was checked against; `on_begun` runs in the same transaction. Raises
        `SignInFailed` if the account was deleted, disabled or given another password meanwhile.
        """
        token, now = new_token(), written(self._clock())
        row = {
            "id": secrets.token_hex(16),
            "token_hash": token_hash(token),
            "user_id": user.id,
            "created": now,
            "last_seen": now,
            "address": address,
            "confirmed": now if is_confirmed else None,
            "agent": "".join(c for c in agent if c.isprintable())[:MAX_AGENT_CHARS],
        }
        with self._database.write(exclusive=ACCOUNTS) as connection:
            check_unchanged(connection, user.id, password_hash)
            _drop_oldest(connection, user.id)
            added = connection.execute(sessions.insert().values(row).returning(*sessions.c))
            session = _session(added.mappings().one())
            on_begun(connection, session.id)
            return session, token

    def find_valid(self, token: str) -> tuple[Session, User] | None:
        """The session of this token and its user; None when it has ended or its user is disabled."""
        query = sa.select(sessions).where(sessions.c.token_hash == token_hash(token), self._is_active())
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
            if row is None:
                return None
            user_row = (
                connection.execute(sa.select(users).where(users.c.id == row["user_id"])).mappings().one()
            )
        user = user_of(user_row)
        if user.disabled:
            return None
        now = self._clock()
        if is_due(row["last_seen"], now, LAST_SEEN_INTERVAL):
            seen = sessions.update().where(sessions.c.id == row["id"]).values(last_seen=written(now))
            write_best_effort(self._database, seen)
        return _session(row), user

    def list_sessions(self, user_id: str | None = None) -> tuple[Session, ...]:
        """The active sessions of one user, or of all users, last used first."""
        query = sa.select(sessions).where(self._is_active()).order_by(sessions.c.last_seen.desc())
        if user_id is not None:
            query = query.where(sessions.c.user_id == user_id)
        with self._database.read() as connection:
            return tuple(_session(row) for row in connection.execute(query).mappings())

    def get(self, session_id: str) -> Session:
        """One session by its id. Raises `NotFound`."""
        with self._database.read() as connection:
            query = sa.select(sessions).where(sessions.c.id == session_id)
            row = connection.execute(query).mappings().first()
        if row is None:
            raise NotFound("There is no such session.")
        return _session(row)

    def confirm(self, session_id: str, *, by: Actor) -> None:
        """Notes that the user of a session was authenticated again just now."""
        moment = sessions.update().where(sessions.c.id == session_id).values(confirmed=written(self._clock()))
        with self._database.write() as connection:
            connection.execute(moment)
        self._write_audit(by, "session.confirm", session_id)

    def is_confirmed(self, session_id: str) -> bool:
        """Whether the user of this session was authenticated within the last `CONFIRMED_FOR`."""
        now = self._clock()
        query = sa.select(sessions.c.id).where(
            sessions.c.id == session_id,
            sessions.c.confirmed > written(now - CONFIRMED_FOR),
            sessions.c.confirmed <= written(now + MAX_CLOCK_SKEW),
        )
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def end(self, session_id: str, *, by: Actor) -> None:
        """Ends one session. Raises `NotFound`."""
        deletion = sessions.delete().where(sessions.c.id == session_id).returning(sessions.c.user_id)
        with self._database.write() as connection:
            user_id = connection.execute(deletion).scalar()
        if user_id is None:
            raise NotFound("There is no such session.")
        self._write_audit(by, "session.end", session_id, {"user": user_id})

    def end_others(self, user_id: str, *, by: Actor) -> int:
        """Ends all sessions of a user except the one of `by`; returns how many."""
        others = sa.and_(sessions.c.user_id == user_id, sessions.c.id != by.session)
        with self._database.write() as connection:
            ended = connection.execute(sessions.delete().where(others)).rowcount
        self._write_audit(by, "session.end_others", user_id, {"sessions": ended})
        return ended

    def delete_expired(self) -> None:
        """Deletes the rows of sessions that ran out."""
        with self._database.write() as connection:
            connection.execute(sessions.delete().where(sa.not_(self._is_active())))

    def _is_active(self) -> sa.ColumnElement[bool]:
        now = self._clock()
        return sa.and_(
            sessions.c.last_seen > written(now - self._idle),
            sessions.c.created > written(now - timedelta(seconds=self.total_seconds)),
            sessions.c.created <= written(now + MAX_CLOCK_SKEW),
            sessions.c.last_seen <= written(now + MAX_CLOCK_SKEW),
        )


def _drop_oldest(connection: sa.Connection, user_id: str) -> None:
    of_user = sa.select(sessions.c.id).where(sessions.c.user_id == user_id)
    ids = connection.execute(of_user.order_by(sessions.c.last_seen.desc())).scalars().all()
    connection.execute(sessions.delete().where(sessions.c.id.in_(ids[MAX_PER_USER - 1 :])))


def _session(row: sa.RowMapping) -> Session:
    return Session(**{name: row[name] for name in Session.__slots__})
