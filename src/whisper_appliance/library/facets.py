"""The facets of an owner's library: the languages, models, sources and speakers that its transcripts have."""

from dataclasses import dataclass

import sqlalchemy as sa

from whisper_appliance.library.transcript_rows import owned_by
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.library import speaker_names, transcripts

MOST_SPEAKERS = 1000


@dataclass(frozen=True, slots=True)
class Facets:
    """How many transcripts have each value, the most frequent first, and how many there are."""

    languages: tuple[tuple[str, int], ...]
    models: tuple[tuple[str, int], ...]
    sources: tuple[tuple[str, int], ...]
    speakers: tuple[tuple[str, int], ...]
    total: int
    favourites: int
    without_folder: int
    trash: int


class LibraryFacets:
    """Counts transcripts by what lists can be filtered by."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_owner(self, owner: str) -> Facets:
        """The facets of an owner's transcripts outside the trash."""
        column = transcripts.c
        kept, trash = (owned_by(owner, deleted=deleted) for deleted in (False, True))
        with self._database.read() as connection:
            languages = _grouped(connection, kept, column.language)
            return Facets(
                languages,
                _grouped(connection, kept, column.model),
                _grouped(connection, kept, column.source),
                _speakers(connection, kept),
                total=sum(count for _, count in languages),
                favourites=_count(connection, kept, column.favourite.is_(True)),
                without_folder=_count(connection, kept, column.folder_id.is_(None)),
                trash=_count(connection, trash),
            )


def _grouped(
    connection: sa.Connection, kept: sa.ColumnElement[bool], value: sa.Column[str]
) -> tuple[tuple[str, int], ...]:
    return _sorted(connection, sa.select(value, sa.func.count()).where(kept).group_by(value))


def _speakers(connection: sa.Connection, kept: sa.ColumnElement[bool]) -> tuple[tuple[str, int], ...]:
    name = speaker_names.c.name
    joined = speaker_names.join(transcripts)
    query = sa.select(name, sa.func.count()).select_from(joined).where(kept).group_by(name)
    return _sorted(connection, query.order_by(sa.func.count().desc(), name).limit(MOST_SPEAKERS))


def _sorted(connection: sa.Connection, query: sa.Select[str, int]) -> tuple[tuple[str, int], ...]:
    rows = [(row[0], row[1]) for row in connection.execute(query)]
    return tuple(sorted(rows, key=lambda row: (-row[1], row[0])))


def _count(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> int:
    return int(
        connection.execute(sa.select(sa.func.count(transcripts.c.number)).where(*conditions)).scalar_one()
    )
