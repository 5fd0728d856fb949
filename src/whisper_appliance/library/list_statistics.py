"""Statistics of a list of transcripts: hours of audio by month, language, folder, speaker and source."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from whisper_appliance.library.listing import ListFilter, TranscriptListing
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.library import folders, speaker_names, transcripts

MOST_SPEAKERS = 20
_COUNT, _SECONDS = sa.func.count(), sa.func.coalesce(sa.func.sum(transcripts.c.duration), 0.0)


@dataclass(frozen=True, slots=True)
class GroupStatistics:
    """The transcripts that have a value, and the seconds of their audio."""

    value: str
    transcripts: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ListStatistics:
    """Months (`2026-03`, UTC) are in their order, all else by seconds, the most first."""

    total: int = 0
    seconds: float = 0.0
    months: tuple[GroupStatistics, ...] = ()
    languages: tuple[GroupStatistics, ...] = ()
    folders: tuple[GroupStatistics, ...] = ()
    """By name; empty name: in none. Only of the owner's own transcripts."""
    speakers: tuple[GroupStatistics, ...] = ()
    """The first `MOST_SPEAKERS`; the seconds are those of the transcripts in which they speak."""
    sources: tuple[GroupStatistics, ...] = ()


def list_statistics(database: Database, owner: str, wanted: ListFilter) -> ListStatistics:
    """The statistics of the list that `TranscriptListing.find` returns for the same filter."""
    with database.read() as connection:
        numbers = TranscriptListing(database).numbers(connection, owner, wanted)
        if numbers is None:
            return ListStatistics()
        column, listed = transcripts.c, transcripts.c.number.in_(numbers)
        total = connection.execute(sa.select(_COUNT, _SECONDS).where(listed)).one()
        months = _groups(connection, sa.func.substr(column.created, 1, 7), transcripts, listed)
        in_folder = transcripts.outerjoin(
            folders, sa.and_(folders.c.id == column.folder_id, folders.c.owner == owner)
        )
        name = sa.func.coalesce(folders.c.name, "")
        speakers = _groups(connection, speaker_names.c.name, speaker_names.join(transcripts), listed)
        return ListStatistics(
            total[0],
            float(total[1]),
            tuple(sorted(months, key=lambda each: each.value)),
            _groups(connection, column.language, transcripts, listed),
            _groups(connection, name, in_folder, listed) if wanted.shared == "no" else (),
            speakers[:MOST_SPEAKERS],
            _groups(connection, column.source, transcripts, listed),
        )


def _groups(
    connection: sa.Connection,
    value: sa.ColumnElement[Any],
    source: sa.FromClause,
    listed: sa.ColumnElement[bool],
) -> tuple[GroupStatistics, ...]:
    query = sa.select(value, _COUNT, _SECONDS).select_from(source).where(listed).group_by(value)
    rows = (GroupStatistics(row[0], row[1], float(row[2])) for row in connection.execute(query))
    return tuple(sorted(rows, key=lambda each: (-each.seconds, each.value)))
