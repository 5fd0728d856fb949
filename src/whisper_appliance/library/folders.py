"""Folders of an owner: nested by the id of their parent. A transcript is in one folder, or in none."""

from collections import Counter
from dataclasses import dataclass

import sqlalchemy as sa

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import Conflict, InvalidRequest, NotFound
from whisper_appliance.core.ids import new_id
from whisper_appliance.core.text import normalized_name, one_line
from whisper_appliance.library.transcript_rows import FILING, NO_OWNER
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import folder_shares
from whisper_appliance.storage.schema.library import folders, transcripts

MAX_FOLDERS = 1000
MAX_DEPTH = 8
MAX_NAME_CHARS = 100
TOP = "top"
"""For `change`: moves a folder out of its parent."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder; `transcripts` counts those directly in it that are not in the trash."""

    id: str
    name: str
    parent_id: str | None
    transcripts: int = 0


class Folders:
    """All folders in a database. Methods raise `NotFound` for a folder of another owner."""

    def __init__(self, database: Database, *, clock: Clock = now) -> None:
        self._database = database
        self._clock = clock

    def list_folders(self, owner: str) -> tuple[Folder, ...]:
        """The folders of an owner by name, with the number of their transcripts."""
        count = (
            sa.select(transcripts.c.folder_id, sa.func.count())
            .where(
                transcripts.c.owner == owner,
                transcripts.c.deleted_at.is_(None),
                transcripts.c.folder_id.is_not(None),
            )
            .group_by(transcripts.c.folder_id)
        )
        with self._database.read() as connection:
            counts = Counter({row[0]: row[1] for row in connection.execute(count)})
            listed = _read(connection, owner).values()
        by_name = sorted(listed, key=lambda folder: (normalized_name(folder.name), folder.id))
        return tuple(Folder(each.id, each.name, each.parent_id, counts[each.id]) for each in by_name)

    def create(self, owner: str, name: str, parent_id: str | None = None) -> Folder:
        """Creates a folder. Raises `Conflict` for a name that is taken, or too many or too deep folders."""
        if owner == NO_OWNER:
            raise InvalidRequest("Folders need an account, or a browser that keeps cookies.")
        made = Folder(new_id(), _clean_name(name), parent_id)
        with self._database.write(exclusive=FILING) as connection:
            siblings = _read(connection, owner)
            if len(siblings) >= MAX_FOLDERS:
                raise Conflict("There are {count} folders, which is the most.", count=MAX_FOLDERS)
            _check_place(siblings, made)
            row = {"id": made.id, "owner": owner, "parent_id": parent_id, "name": made.name}
            connection.execute(folders.insert().values(**row, created=written(self._clock())))
        return made

    def change(
        self, owner: str, folder_id: str, *, name: str | None = None, parent_id: str | None = None
    ) -> Folder:
        """Renames a folder, or moves it with all that is in it into another one, or to the `TOP`."""
        with self._database.write(exclusive=FILING) as connection:
            existing = _read(connection, owner)
            before = _found(existing, folder_id)
            parent = {None: before.parent_id, TOP: None}.get(parent_id, parent_id)
            after = Folder(folder_id, before.name if name is None else _clean_name(name), parent)
            _check_place(existing, after)
            row = folders.update().where(folders.c.id == folder_id)
            connection.execute(row.values(name=after.name, parent_id=parent))
        return after

    def delete(self, owner: str, folder_id: str) -> None:
        """Deletes a folder. What is in it moves to its parent."""
        with self._database.write(exclusive=FILING) as connection:
            parent = _found(_read(connection, owner), folder_id).parent_id
            moved = transcripts.update().where(transcripts.c.folder_id == folder_id)
            connection.execute(moved.values(folder_id=parent))
            connection.execute(
                folders.update().where(folders.c.parent_id == folder_id).values(parent_id=parent)
            )
            connection.execute(folder_shares.delete().where(folder_shares.c.folder_id == folder_id))
            connection.execute(folders.delete().where(folders.c.id == folder_id))


def folder_and_below(connection: sa.Connection, owner: str, folder_id: str) -> list[str]:
    """The ids of a folder and of all folders in it. Raises `NotFound`."""
    existing = _read(connection, owner)
    _found(existing, folder_id)
    return [each for each in existing if folder_id in _path(existing, each)]


def check_folder(connection: sa.Connection, owner: str, folder_id: str) -> None:
    """Raises `NotFound` if the owner has no such folder."""
    _found(_read(connection, owner), folder_id)


def _read(connection: sa.Connection, owner: str) -> dict[str, Folder]:
    query = sa.select(folders.c.id, folders.c.name, folders.c.parent_id).where(folders.c.owner == owner)
    return {row.id: Folder(row.id, row.name, row.parent_id) for row in connection.execute(query)}


def _found(existing: dict[str, Folder], folder_id: str) -> Folder:
    if folder_id not in existing:
        raise NotFound("There is no such folder.", field="folder")
    return existing[folder_id]


def _path(existing: dict[str, Folder], folder_id: str | None) -> list[str]:
    """The ids from a folder up to the top."""
    path: list[str] = []
    while folder_id in existing and folder_id not in path:
        path.append(folder_id)
        folder_id = existing[folder_id].parent_id
    return path


def _check_place(existing: dict[str, Folder], folder: Folder) -> None:
    if folder.parent_id is not None:
        _found(existing, folder.parent_id)
    above = _path(existing, folder.parent_id)
    if folder.id in above:
        raise Conflict("A folder cannot be moved into itself.", field="parent")
    below = max((_depth_below(existing, each, folder.id) for each in existing), default=0) or 1
    if len(above) + below > MAX_DEPTH:
        raise Conflict("Folders can be nested {depth} deep.", depth=MAX_DEPTH, field="parent")
    others = (each for each in existing.values() if each.id != folder.id)
    names = {normalized_name(each.name) for each in others if each.parent_id == folder.parent_id}
    if normalized_name(folder.name) in names:
        raise Conflict("There is a folder of this name here already.", field="name")


def _depth_below(existing: dict[str, Folder], folder_id: str, ancestor: str) -> int:
    """How many folders are on the way from a folder up to an ancestor, both included; 0 if it is none."""
    path = _path(existing, folder_id)
    return path.index(ancestor) + 1 if ancestor in path else 0


def _clean_name(name: str) -> str:
    cleaned = one_line(name)[:MAX_NAME_CHARS].strip()
    if not cleaned:
        raise InvalidRequest("A name needs at least one visible character.", field="name")
    return cleaned
