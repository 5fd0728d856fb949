"""Actions on many transcripts of an owner in one transaction: tag, move, mark, delete and restore."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.library.folders import check_folder
from whisper_appliance.library.tags import tag_transcripts, untag_transcripts
from whisper_appliance.library.transcript_rows import FILING, owned_by
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.library import transcripts

ActionName = Literal["tag", "untag", "move", "favourite", "unfavourite", "delete", "restore"]
MAX_TRANSCRIPTS = 1000
IDS_PER_QUERY = 500


@dataclass(frozen=True, slots=True)
class BulkAction:
    """An action; `tags` are names, for `tag` and `untag`; `folder_id` is for `move`, None for no folder."""

    name: ActionName
    tags: tuple[str, ...] = ()
    folder_id: str | None = None


class BulkActions:
    """Changes many transcripts at once."""

    def __init__(self, database: Database, *, clock: Clock = now) -> None:
        self._database = database
        self._clock = clock

    def run(self, owner: str, ids: Sequence[str], action: BulkAction) -> tuple[str, ...]:
        """Does the action to the transcripts that the owner has; returns their ids.

        Those of others, and for `restore` those that are not in the trash, are left out. Raises `NotFound`
        for a folder of another owner, `Conflict` for too many tags; then nothing has changed.
        """
        with self._database.write(exclusive=FILING) as connection:
            found = self._found(connection, owner, ids, deleted=action.name == "restore")
            numbers = list(found.values())
            if action.name == "tag":
                tag_transcripts(connection, owner, numbers, action.tags)
            elif action.name == "untag":
                untag_transcripts(connection, owner, numbers, action.tags)
            else:
                if action.name == "move" and action.folder_id is not None:
                    check_folder(connection, owner, action.folder_id)
                self._update(connection, numbers, action)
        return tuple(each for each in ids if each in found)

    def _found(
        self, connection: sa.Connection, owner: str, ids: Sequence[str], *, deleted: bool
    ) -> dict[str, int]:
        found: dict[str, int] = {}
        for start in range(0, len(ids), IDS_PER_QUERY):
            batch = transcripts.c.id.in_(ids[start : start + IDS_PER_QUERY])
            query = sa.select(transcripts.c.id, transcripts.c.number).where(
                batch, owned_by(owner, deleted=deleted)
            )
            found.update((row.id, row.number) for row in connection.execute(query))
        return found

    def _update(self, connection: sa.Connection, numbers: Sequence[int], action: BulkAction) -> None:
        values: dict[ActionName, dict[str, object]] = {
            "move": {"folder_id": action.folder_id},
            "favourite": {"favourite": True},
            "unfavourite": {"favourite": False},
            "delete": {"deleted_at": written(self._clock())},
            "restore": {"deleted_at": None},
        }
        for start in range(0, len(numbers), IDS_PER_QUERY):
            batch = transcripts.c.number.in_(numbers[start : start + IDS_PER_QUERY])
            connection.execute(transcripts.update().where(batch).values(**values[action.name]))
