"""Shares of folders: other users who may read, comment on or edit all that is or comes into one."""

import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import Conflict, NotFound
from whisper_appliance.library.folders import check_folder
from whisper_appliance.library.shares import named_user
from whisper_appliance.library.transcript_rows import FILING
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import ACCOUNTS, ShareRole, folder_shares, users
from whisper_appliance.storage.schema.library import folders

MAX_SHARES_PER_FOLDER = 100


@dataclass(frozen=True, slots=True)
class FolderShare:
    """A folder shared with a user."""

    id: str
    folder_id: str
    folder_name: str
    owner: str
    user_id: str
    user_name: str
    role: ShareRole
    created: str


class FolderShares:
    """All shares of folders in a database. A folder of another owner raises `NotFound`."""

    def __init__(self, database: Database, *, clock: Clock = now) -> None:
        self._database = database
        self._clock = clock

    def for_folder(self, owner: str, folder_id: str) -> tuple[FolderShare, ...]:
        """The shares of a folder, oldest first."""
        with self._database.read() as connection:
            check_folder(connection, owner, folder_id)
            query = _query().where(folder_shares.c.folder_id == folder_id)
            rows = connection.execute(query.order_by(folder_shares.c.created, folder_shares.c.id))
            return tuple(map(_share, rows.mappings()))

    def received_by(self, user_id: str) -> tuple[FolderShare, ...]:
        """The folders that others shared with a user, by name."""
        query = _query().where(folder_shares.c.user_id == user_id, folders.c.owner != user_id)
        with self._database.read() as connection:
            return tuple(map(_share, connection.execute(query.order_by(folders.c.name)).mappings()))

    def share_with(self, owner: str, folder_id: str, name: str, *, role: ShareRole = "reader") -> FolderShare:
        """Shares a folder with the user of that name; doing it again changes the role of the same share.

        Raises `NotFound` when there is no such user, `InvalidRequest` for oneself, `Conflict` for too many.
        """
        with self._database.write(exclusive=ACCOUNTS) as connection:  # in the order of the end of an account
            self._database.lock(connection, FILING)
            check_folder(connection, owner, folder_id)
            user_id = named_user(connection, name, by=owner)
            this = sa.and_(folder_shares.c.folder_id == folder_id, folder_shares.c.user_id == user_id)
            if connection.execute(folder_shares.update().where(this).values(role=role)).rowcount == 0:
                self._check_count(connection, folder_id)
                row = {"id": secrets.token_hex(16), "folder_id": folder_id, "user_id": user_id, "role": role}
                row |= {"created": written(self._clock()), "created_by": owner}
                connection.execute(folder_shares.insert().values(**row))
            return _share(connection.execute(_query().where(this)).mappings().one())

    def revoke(self, owner: str, folder_id: str, share_id: str) -> FolderShare:
        """Ends a share of a folder. Raises `NotFound`."""
        this = sa.and_(folder_shares.c.id == share_id, folder_shares.c.folder_id == folder_id)
        with self._database.write() as connection:
            check_folder(connection, owner, folder_id)
            return _removed(connection, this)

    def leave(self, folder_id: str, user_id: str) -> FolderShare:
        """Takes a folder off those that are shared with a user. Raises `NotFound`."""
        this = sa.and_(folder_shares.c.folder_id == folder_id, folder_shares.c.user_id == user_id)
        with self._database.write() as connection:
            return _removed(connection, this)

    def _check_count(self, connection: sa.Connection, folder_id: str) -> None:
        count = sa.select(sa.func.count()).where(folder_shares.c.folder_id == folder_id)
        if connection.execute(count).scalar_one() >= MAX_SHARES_PER_FOLDER:
            raise Conflict(
                "This folder is shared with {count} users, which is the most. End one first.",
                count=MAX_SHARES_PER_FOLDER,
            )


def _removed(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> FolderShare:
    row = connection.execute(_query().where(condition)).mappings().first()
    if row is None:
        raise NotFound("There is no such share; it may have been ended already.")
    connection.execute(folder_shares.delete().where(condition))
    return _share(row)


def _share(row: sa.RowMapping) -> FolderShare:
    return FolderShare(**row)


def _query() -> "sa.Select[tuple[object, ...]]":
    column = folder_shares.c
    columns = (
        column.id,
        column.folder_id,
        folders.c.name.label("folder_name"),
        folders.c.owner,
        column.user_id,
        users.c.name.label("user_name"),
        column.role,
        column.created,
    )
    joined = folder_shares.join(folders, folders.c.id == column.folder_id)
    return sa.select(*columns).select_from(joined.join(users, users.c.id == column.user_id))
