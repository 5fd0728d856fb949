"""Shares: other users who may read, comment on or edit a transcript, and its public links."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import Conflict, InvalidRequest, NotFound
from whisper_appliance.core.text import normalized_name
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import ACCOUNTS, ShareRole, folder_shares, shares, users
from whisper_appliance.storage.schema.library import folders, transcripts

MAX_SHARES_PER_TRANSCRIPT = 100
"""Users and links together."""
STRONGEST_FIRST: tuple[ShareRole, ...] = ("editor", "commenter", "reader")
NO_LINK = "This link does not work: it was ended, it has expired, or its transcript was deleted."


@dataclass(frozen=True, slots=True)
class Share:
    """A transcript shared with a user (`user_id`, `user_name`) or by a public link (`token`)."""

    id: str
    transcript_id: str
    user_id: str | None
    user_name: str | None
    token: str | None
    created: str
    created_by: str
    expires: str | None
    audio: bool = False
    """Whether a link gives the recording too; a user may always play what they may read."""
    role: ShareRole = "reader"
    """What a user may do; links are for reading."""


class Shares:
    """All shares in a database. Callers check beforehand who may share what."""

    def __init__(self, database: Database, *, clock: Clock = now) -> None:
        self._database = database
        self._clock = clock

    def for_transcript(self, transcript_id: str) -> tuple[Share, ...]:
        """The shares of a transcript, oldest first, without expired links."""
        condition = sa.and_(shares.c.transcript_id == transcript_id, self._is_valid())
        return self._read(_query().where(condition).order_by(shares.c.created, shares.c.id))

    def reader_ids(self, transcript_id: str) -> frozenset[str]:
        """The ids of the users with whom a transcript itself is shared, and not a folder that it is in."""
        query = sa.select(shares.c.user_id).where(
            shares.c.transcript_id == transcript_id, shares.c.user_id.is_not(None)
        )
        with self._database.read() as connection:
            return frozenset(connection.execute(query).scalars())

    def role_of(self, user_id: str, transcript_id: str, folder_id: str | None) -> ShareRole | None:
        """What a user may do with a transcript by its shares and those of the folders that it is in.

        None if nothing is shared with the user.
        """
        direct = sa.select(shares.c.role).where(
            shares.c.transcript_id == transcript_id, shares.c.user_id == user_id
        )
        above = folder_shares.c.folder_id.in_(sa.select(_folder_and_above(folder_id).c.id))
        by_folder = sa.select(folder_shares.c.role).where(above, folder_shares.c.user_id == user_id)
        with self._database.read() as connection:
            roles = set(connection.execute(direct).scalars())
            if folder_id is not None:
                roles |= set(connection.execute(by_folder).scalars())
        return next((role for role in STRONGEST_FIRST if role in roles), None)

    def share_with(self, transcript_id: str, name: str, *, by: str, role: ShareRole | None = None) -> Share:
        """Shares a transcript with the user of that name; doing it again changes the role of that share.

        Raises `NotFound` when there is no such user, `InvalidRequest` for oneself, `Conflict` for too many.
        """
        with self._database.write(exclusive=ACCOUNTS) as connection:  # the account may end at this moment
            self._database.lock(connection, "shares")
            user_id = named_user(connection, name, by=by)
            same = sa.and_(shares.c.transcript_id == transcript_id, shares.c.user_id == user_id)
            found = connection.execute(
                shares.update().where(same).values(role=role or shares.c.role).returning(shares.c.id)
            )
            share_id = found.scalar() or self._add(
                connection, transcript_id, by=by, user_id=user_id, role=role or "reader"
            )
            return _share(connection.execute(_query().where(shares.c.id == share_id)).mappings().one())

    def create_link(
        self, transcript_id: str, *, by: str, expires: datetime | None = None, audio: bool = False
    ) -> Share:
        """Creates a public link to a transcript, and to its recording if `audio`.

        Raises `InvalidRequest` when `expires` is in the past, `Conflict` for too many.
        """
        if expires is not None and expires <= self._clock():
            raise InvalidRequest("The link would have ended already. Choose a later time.", field="expires")
        token, end = secrets.token_urlsafe(24), written(expires) if expires else None
        with self._database.write(exclusive="shares") as connection:
            share_id = self._add(connection, transcript_id, by=by, token=token, expires=end, audio=audio)
            return _share(connection.execute(_query().where(shares.c.id == share_id)).mappings().one())

    def by_token(self, token: str) -> Share:
        """The share of a public link.

        Raises `NotFound` when it was ended, has expired, or was created by a user who is disabled now.
        """
        makers = users.alias()
        query = _query().outerjoin(makers, makers.c.id == shares.c.created_by)
        with self._database.read() as connection:
            row = connection.execute(
                query.where(shares.c.token == token, self._is_valid(), makers.c.disabled_at.is_(None))
            )
            found = row.mappings().first()
        if found is None:
            raise NotFound(NO_LINK)
        return _share(found)

    def received_by(self, user_id: str) -> tuple[Share, ...]:
        """The shares that a user received from others, newest first."""
        newest = (shares.c.created.desc(), shares.c.id)
        return self._read(_query().where(shares.c.user_id == user_id).order_by(*newest))

    def list_all(self, *, limit: int = 1000) -> tuple[Share, ...]:
        """All shares, newest first, without expired links."""
        return self._read(_query().where(self._is_valid()).order_by(shares.c.created.desc()).limit(limit))

    def revoke(self, share_id: str, transcript_id: str | None = None) -> Share:
        """Deletes a share (of this transcript, if one is given). Raises `NotFound`."""
        condition = shares.c.id == share_id
        if transcript_id is not None:
            condition = sa.and_(condition, shares.c.transcript_id == transcript_id)
        with self._database.write() as connection:
            row = connection.execute(_query().where(condition)).mappings().first()
            if row is None:
                raise NotFound("There is no such share; it may have been ended already.")
            connection.execute(shares.delete().where(condition))
        return _share(row)

    def leave(self, transcript_id: str, user_id: str) -> bool:
        """Removes a transcript from those shared with a user; False if it was not shared by itself."""
        received = sa.and_(shares.c.transcript_id == transcript_id, shares.c.user_id == user_id)
        with self._database.write() as connection:
            return connection.execute(shares.delete().where(received)).rowcount > 0

    def shared_transcript_ids(self) -> frozenset[str]:
        """The ids of all transcripts that are shared."""
        with self._database.read() as connection:
            return frozenset(connection.execute(sa.select(shares.c.transcript_id).distinct()).scalars())

    def delete_for(self, transcript_ids: Collection[str]) -> None:
        """Deletes all shares of transcripts that were deleted."""
        with self._database.write() as connection:
            for transcript_id in transcript_ids:
                connection.execute(shares.delete().where(shares.c.transcript_id == transcript_id))

    def delete_expired(self) -> int:
        """Deletes links that have expired; returns how many."""
        with self._database.write() as connection:
            return connection.execute(shares.delete().where(sa.not_(self._is_valid()))).rowcount

    def _add(
        self, connection: sa.Connection, transcript_id: str, *, by: str, **values: str | bool | None
    ) -> str:
        count = sa.select(sa.func.count()).where(shares.c.transcript_id == transcript_id)
        if connection.execute(count).scalar_one() >= MAX_SHARES_PER_TRANSCRIPT:
            raise Conflict(
                "This transcript has {max_shares_per_transcript} shares, which is the most. End one first.",
                max_shares_per_transcript=MAX_SHARES_PER_TRANSCRIPT,
            )
        share_id = secrets.token_hex(16)
        row = {"id": share_id, "transcript_id": transcript_id, "created_by": by, **values}
        connection.execute(shares.insert().values(**row, created=written(self._clock())))
        return share_id

    def _is_valid(self) -> sa.ColumnElement[bool]:
        return sa.or_(shares.c.expires.is_(None), shares.c.expires > written(self._clock()))

    def _read(self, query: "sa.Select[tuple[object, ...]]") -> tuple[Share, ...]:
        with self._database.read() as connection:
            return tuple(_share(row) for row in connection.execute(query).mappings())


def named_user(connection: sa.Connection, name: str, *, by: str) -> str:
    """The id of the user with that name. Raises `NotFound`; `InvalidRequest` if it is `by`."""
    named = sa.and_(users.c.name_folded == normalized_name(name), users.c.disabled_at.is_(None))
    user_id = connection.execute(sa.select(users.c.id).where(named)).scalar()
    if user_id is None:
        raise NotFound("There is no user of that name here.", field="user")
    if user_id == by:
        raise InvalidRequest("It is yours already. Name another user.", field="user")
    return str(user_id)


def shared_with(user_id: str) -> sa.ColumnElement[bool]:
    """The condition for transcripts of others that a user may read, by themselves or by a folder."""
    direct = sa.select(shares.c.transcript_id).where(shares.c.user_id == user_id)
    shared = sa.select(folder_shares.c.folder_id).where(folder_shares.c.user_id == user_id)
    column = transcripts.c
    return sa.and_(
        column.owner != user_id,
        column.deleted_at.is_(None),
        sa.or_(column.id.in_(direct), column.folder_id.in_(sa.select(folders_and_below(shared).c.id))),
    )


def folders_and_below(ids: "Sequence[str] | sa.Select[tuple[str]]") -> sa.CTE:
    """The ids of folders, and of all folders in them, of any owner."""
    first = sa.select(folders.c.id).where(folders.c.id.in_(ids))
    found = first.cte(recursive=True)
    return found.union(sa.select(folders.c.id).where(folders.c.parent_id == found.c.id))


def _folder_and_above(folder_id: str | None) -> sa.CTE:
    """A folder and those that it is in."""
    first = sa.select(folders.c.id, folders.c.parent_id).where(folders.c.id == folder_id)
    found = first.cte("folders_above", recursive=True)
    return found.union(sa.select(folders.c.id, folders.c.parent_id).where(folders.c.id == found.c.parent_id))


def _query() -> "sa.Select[tuple[object, ...]]":
    """Shares with the names of the users who received them."""
    columns = (*shares.c, users.c.name.label("user_name"))
    return sa.select(*columns).select_from(shares.outerjoin(users, users.c.id == shares.c.user_id))


def _share(row: sa.RowMapping) -> Share:
    return Share(**{name: row[name] for name in Share.__slots__})
