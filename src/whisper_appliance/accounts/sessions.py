"""Who is signed in where: sessions are rows, so that they can be listed and ended from anywhere."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from whisper_appliance.accounts.audit_port import Record
from whisper_appliance.accounts.best_effort import mark
from whisper_appliance.accounts.identity import Actor, User
from whisper_appliance.accounts.tokens import hashed, new_token
from whisper_appliance.accounts.users import user_of
from whisper_appliance.core.clock import Clock, written
from whisper_appliance.core.errors import NotFound
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import sessions, users

SEEN_EVERY = timedelta(minutes=1)
CLOCKS_DIFFER = timedelta(minutes=5)
"""A session from further in the future was begun before the clock was set back: it ends."""
MAX_AGENT_CHARS = 200
MAX_PER_USER = 50


@dataclass(frozen=True, slots=True)
class Session:
    """A browser in which somebody is signed in; `agent` is what it calls itself."""

    id: str
    user_id: str
    created: str
    last_seen: str
    address: str
    agent: str


class Sessions:
    """The sessions in a database; each ends after `idle_seconds` without a request, or `total_seconds`."""

    def __init__(
        self, database: Database, *, idle_seconds: float, total_seconds: float, record: Record, clock: Clock
    ) -> None:
        self._database = database
        self._idle = timedelta(seconds=idle_seconds)
        self.total_seconds = total_seconds
        self._record = record
        self._clock = clock

    def begin(self, user: User, *, address: str, agent: str) -> tuple[Session, str]:
        """A new session, and the token that its browser has to show. The oldest go when there are many."""
        token, now = new_token(), written(self._clock())
        row = {
            "id": secrets.token_hex(16),
            "token_hash": hashed(token),
            "user_id": user.id,
            "created": now,
            "last_seen": now,
            "address": address,
            "agent": "".join(c for c in agent if c.isprintable())[:MAX_AGENT_CHARS],
        }
        with self._database.write() as connection:
            _make_room(connection, user.id)
            added = connection.execute(sessions.insert().values(row).returning(*sessions.c))
            return _session(added.mappings().one()), token

    def find(self, token: str) -> tuple[Session, User] | None:
        """The session of this token and its user, None when it has ended or its user is disabled."""
        question = sa.select(sessions).where(sessions.c.token_hash == hashed(token), self._alive())
        with self._database.read() as connection:
            row = connection.execute(question).mappings().first()
            if row is None:
                return None
            whose = connection.execute(sa.select(users).where(users.c.id == row["user_id"])).mappings().one()
        user = user_of(whose)
        if user.disabled:
            return None
        self._see(row)
        return _session(row), user

    def list(self, user_id: str | None = None) -> tuple[Session, ...]:
        """The sessions of one user, or of everyone, those used last first."""
        question = sa.select(sessions).where(self._alive()).order_by(sessions.c.last_seen.desc())
        if user_id is not None:
            question = question.where(sessions.c.user_id == user_id)
        with self._database.read() as connection:
            return tuple(_session(row) for row in connection.execute(question).mappings())

    def get(self, id: str) -> Session:
        """One session by its id. Raises `NotFound`."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(sessions).where(sessions.c.id == id)).mappings().first()
        if row is None:
            raise NotFound("There is no such session.")
        return _session(row)

    def end(self, id: str, *, by: Actor) -> None:
        """Signs one browser out. Raises `NotFound`."""
        gone = sessions.delete().where(sessions.c.id == id).returning(sessions.c.user_id)
        with self._database.write() as connection:
            user_id = connection.execute(gone).scalar()
        if user_id is None:
            raise NotFound("There is no such session.")
        self._record(by, "session.end", id, {"user": user_id})

    def end_others(self, user_id: str, *, by: Actor) -> int:
        """Signs a user out everywhere but in the session of `by`; returns in how many."""
        others = sa.and_(sessions.c.user_id == user_id, sessions.c.id != by.session)
        with self._database.write() as connection:
            ended = connection.execute(sessions.delete().where(others)).rowcount
        self._record(by, "session.end_others", user_id, {"sessions": ended})
        return ended

    def sweep(self) -> None:
        """Forgets sessions that have ended by themselves."""
        with self._database.write() as connection:
            connection.execute(sessions.delete().where(sa.not_(self._alive())))

    def _alive(self) -> sa.ColumnElement[bool]:
        now = self._clock()
        return sa.and_(
            sessions.c.last_seen > written(now - self._idle),
            sessions.c.created > written(now - timedelta(seconds=self.total_seconds)),
            sessions.c.created <= written(now + CLOCKS_DIFFER),
            sessions.c.last_seen <= written(now + CLOCKS_DIFFER),
        )

    def _see(self, row: sa.RowMapping) -> None:
        now = self._clock()
        if row["last_seen"] < written(now - SEEN_EVERY):
            same = sessions.c.id == row["id"]
            mark(self._database, sessions.update().where(same).values(last_seen=written(now)))


def _make_room(connection: sa.Connection, user_id: str) -> None:
    theirs = sa.select(sessions.c.id).where(sessions.c.user_id == user_id)
    ids = connection.execute(theirs.order_by(sessions.c.last_seen.desc())).scalars().all()
    connection.execute(sessions.delete().where(sessions.c.id.in_(ids[MAX_PER_USER - 1 :])))


def _session(row: sa.RowMapping) -> Session:
    return Session(**{name: row[name] for name in Session.__slots__})
