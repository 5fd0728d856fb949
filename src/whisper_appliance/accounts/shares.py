"""Who else may read a transcript: users it was shared with, and whoever has its public link."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from whisper_appliance.accounts.users import folded
from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import Conflict, InvalidRequest, NotFound
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import shares, users

MOST_OF_ONE = 100
"""Users and links of one transcript."""
NO_LINK = "This link leads nowhere: it was ended, it has expired, or its transcript was deleted."


@dataclass(frozen=True, slots=True)
class Share:
    """A transcript shared with a user (`user_id`, `user_name`), or with whoever has a link (`token`)."""

    id: str
    transcript_id: str
    user_id: str | None
    user_name: str | None
    token: str | None
    created: str
    created_by: str
    expires: str | None


class Shares:
    """All shares in a database. Who may share what is decided by those who call."""

    def __init__(self, database: Database, *, clock: Clock = now) -> None:
        self._database = database
        self._clock = clock

    def of(self, transcript_id: str) -> tuple[Share, ...]:
        """Everyone a transcript is shared with, in the order of sharing; expired links are left out."""
        which = sa.and_(shares.c.transcript_id == transcript_id, self._valid())
        return self._read(_question().where(which).order_by(shares.c.created, shares.c.id))

    def readers(self, transcript_id: str) -> frozenset[str]:
        """The ids of the users who may read it."""
        question = sa.select(shares.c.user_id).where(
            shares.c.transcript_id == transcript_id, shares.c.user_id.is_not(None)
        )
        with self._database.read() as connection:
            return frozenset(connection.execute(question).scalars())

    def with_user(self, transcript_id: str, name: str, *, by: str) -> Share:
        """Shares a transcript with the user of that name, once however often it is said.

        Raises `NotFound` when there is no such user, `InvalidRequest` for oneself.
        """
        named = sa.and_(users.c.name_folded == folded(name), users.c.disabled_at.is_(None))
        with self._database.write() as connection:
            user_id = connection.execute(sa.select(users.c.id).where(named)).scalar()
            if user_id is None:
                raise NotFound("There is no user of that name here.", field="user")
            if user_id == by:
                raise InvalidRequest("It is yours already. Name another user.", field="user")
            same = sa.and_(shares.c.transcript_id == transcript_id, shares.c.user_id == user_id)
            found = connection.execute(sa.select(shares.c.id).where(same)).scalar()
            id = found or self._add(connection, transcript_id, by=by, user_id=user_id)
            return _share(connection.execute(_question().where(shares.c.id == id)).mappings().one())

    def link(self, transcript_id: str, *, by: str, expires: datetime | None = None) -> Share:
        """Makes a public link of its own to a transcript. Raises `InvalidRequest` for an end in the past."""
        if expires is not None and expires <= self._clock():
            raise InvalidRequest("The link would have ended already. Choose a later time.", field="expires")
        token, end = secrets.token_urlsafe(24), written(expires) if expires else None
        with self._database.write() as connection:
            id = self._add(connection, transcript_id, by=by, token=token, expires=end)
            return _share(connection.execute(_question().where(shares.c.id == id)).mappings().one())

    def behind(self, token: str) -> Share:
        """The share of a link. Raises `NotFound` when it was ended, expired, or made by a disabled user."""
        makers = users.alias()
        question = _question().outerjoin(makers, makers.c.id == shares.c.created_by)
        with self._database.read() as connection:
            row = connection.execute(
                question.where(shares.c.token == token, self._valid(), makers.c.disabled_at.is_(None))
            )
            found = row.mappings().first()
        if found is None:
            raise NotFound(NO_LINK)
        return _share(found)

    def received(self, user_id: str) -> tuple[Share, ...]:
        """What others shared with a user, newest first."""
        newest = (shares.c.created.desc(), shares.c.id)
        return self._read(_question().where(shares.c.user_id == user_id).order_by(*newest))

    def all(self, *, limit: int = 1000) -> tuple[Share, ...]:
        """Every share there is, newest first; expired links are left out."""
        return self._read(_question().where(self._valid()).order_by(shares.c.created.desc()).limit(limit))

    def revoke(self, id: str, transcript_id: str | None = None) -> Share:
        """Ends a share, of this transcript if one is named. Raises `NotFound`."""
        which = shares.c.id == id
        if transcript_id is not None:
            which = sa.and_(which, shares.c.transcript_id == transcript_id)
        with self._database.write() as connection:
            row = connection.execute(_question().where(which)).mappings().first()
            if row is None:
                raise NotFound("There is no such share; it may have been ended already.")
            connection.execute(shares.delete().where(which))
        return _share(row)

    def give_up(self, id: str, user_id: str) -> None:
        """A user takes something that was shared with them off their list. Raises `NotFound`."""
        ours = sa.and_(shares.c.transcript_id == id, shares.c.user_id == user_id)
        with self._database.write() as connection:
            if connection.execute(shares.delete().where(ours)).rowcount == 0:
                raise NotFound("There is no such transcript.")

    def transcripts(self) -> frozenset[str]:
        """The ids of everything that is shared."""
        with self._database.read() as connection:
            return frozenset(connection.execute(sa.select(shares.c.transcript_id).distinct()).scalars())

    def forget(self, transcript_ids: Collection[str]) -> None:
        """Removes all shares of transcripts that are gone."""
        with self._database.write() as connection:
            for id in transcript_ids:
                connection.execute(shares.delete().where(shares.c.transcript_id == id))

    def purge(self) -> int:
        """Removes links that have expired; returns how many."""
        with self._database.write() as connection:
            return connection.execute(shares.delete().where(sa.not_(self._valid()))).rowcount

    def _add(self, connection: sa.Connection, transcript_id: str, *, by: str, **values: str | None) -> str:
        count = sa.select(sa.func.count()).where(shares.c.transcript_id == transcript_id)
        if connection.execute(count).scalar_one() >= MOST_OF_ONE:
            raise Conflict(f"This transcript has {MOST_OF_ONE} shares, which is the most. End one first.")
        id = secrets.token_hex(16)
        row = {"id": id, "transcript_id": transcript_id, "created_by": by, **values}
        connection.execute(shares.insert().values(**row, created=written(self._clock())))
        return id

    def _valid(self) -> sa.ColumnElement[bool]:
        return sa.or_(shares.c.expires.is_(None), shares.c.expires > written(self._clock()))

    def _read(self, question: "sa.Select[tuple[object, ...]]") -> tuple[Share, ...]:
        with self._database.read() as connection:
            return tuple(_share(row) for row in connection.execute(question).mappings())


def _question() -> "sa.Select[tuple[object, ...]]":
    """Shares with the names of the users they are with."""
    columns = (*shares.c, users.c.name.label("user_name"))
    return sa.select(*columns).select_from(shares.outerjoin(users, users.c.id == shares.c.user_id))


def _share(row: sa.RowMapping) -> Share:
    return Share(**{name: row[name] for name in Share.__slots__})
