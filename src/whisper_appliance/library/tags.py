"""Tags of an owner's transcripts. A tag is made when it is first given, and stays until it is deleted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from whisper_appliance.core.errors import Conflict, InvalidRequest, NotFound
from whisper_appliance.core.ids import new_id
from whisper_appliance.core.text import normalized_name, one_line
from whisper_appliance.library.transcript_rows import FILING
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.library import tagged_transcripts, tags, transcripts

MAX_TAGS = 10_000
MAX_TAGS_PER_TRANSCRIPT = 100
MAX_TAG_CHARS = 60
ROWS_PER_STATEMENT = 500


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag, and how many transcripts outside the trash have it."""

    id: str
    name: str
    transcripts: int = 0


class Tags:
    """All tags in a database. Methods raise `NotFound` for a tag of another owner."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_tags(self, owner: str) -> tuple[Tag, ...]:
        """The tags of an owner by name."""
        joined = tags.outerjoin(tagged_transcripts).outerjoin(
            transcripts,
            sa.and_(
                transcripts.c.number == tagged_transcripts.c.transcript_number,
                transcripts.c.deleted_at.is_(None),
            ),
        )
        query = (
            sa.select(tags.c.id, tags.c.name, sa.func.count(transcripts.c.number))
            .select_from(joined)
            .where(tags.c.owner == owner)
            .group_by(tags.c.id, tags.c.name, tags.c.name_folded)
        )
        with self._database.read() as connection:
            listed = [Tag(*row) for row in connection.execute(query)]
        return tuple(sorted(listed, key=lambda tag: (normalized_name(tag.name), tag.id)))

    def rename(self, owner: str, tag_id: str, name: str) -> None:
        """Renames a tag. Raises `Conflict` if another tag has the name."""
        name, key = _clean(name)
        mine = sa.and_(tags.c.id == tag_id, tags.c.owner == owner)
        same = sa.and_(tags.c.owner == owner, tags.c.name_folded == key, tags.c.id != tag_id)
        with self._database.write(exclusive=FILING) as connection:
            if connection.execute(sa.select(tags.c.id).where(same)).first():
                raise Conflict("There is a tag of this name already.", field="name")
            renamed = tags.update().where(mine).values(name=name, name_folded=key)
            if connection.execute(renamed).rowcount == 0:
                raise _not_found()

    def delete(self, owner: str, tag_id: str) -> None:
        """Takes a tag off all its transcripts."""
        with self._database.write(exclusive=FILING) as connection:
            deleted = tags.delete().where(tags.c.id == tag_id, tags.c.owner == owner)
            if connection.execute(deleted).rowcount == 0:
                raise _not_found()


def tag_transcripts(
    connection: sa.Connection, owner: str, numbers: Sequence[int], names: Iterable[str]
) -> None:
    """Gives transcripts of the owner some tags, by name, in a transaction that is exclusive for `FILING`.

    Raises `Conflict` for too many tags.
    """
    tag_ids = _ids_of(connection, owner, names)
    before = _tagged(connection, numbers)
    rows = [
        {"tag_id": tag_id, "transcript_number": number}
        for number in numbers
        for tag_id in tag_ids
        if tag_id not in before.get(number, ())
    ]
    for number in numbers:
        if len({*before.get(number, ()), *tag_ids}) > MAX_TAGS_PER_TRANSCRIPT:
            raise Conflict("A transcript can have {count} tags.", count=MAX_TAGS_PER_TRANSCRIPT, field="tags")
    if rows:
        connection.execute(tagged_transcripts.insert(), rows)


def untag_transcripts(
    connection: sa.Connection, owner: str, numbers: Sequence[int], names: Iterable[str]
) -> None:
    """Takes some tags, by name, off transcripts."""
    keys = {_clean(name)[1] for name in names}
    chosen = sa.select(tags.c.id).where(tags.c.owner == owner, tags.c.name_folded.in_(keys))
    for start in range(0, len(numbers), ROWS_PER_STATEMENT):
        batch = tagged_transcripts.c.transcript_number.in_(numbers[start : start + ROWS_PER_STATEMENT])
        connection.execute(tagged_transcripts.delete().where(tagged_transcripts.c.tag_id.in_(chosen), batch))


def transfer_tags(connection: sa.Connection, owner: str, new_owner: str) -> None:
    """Transfers the tags of an owner, in a transaction that is exclusive for `FILING`.

    Where the new owner has a tag of the same name, it takes its place.
    """
    mine, theirs = tags.alias("mine"), tags.alias("theirs")
    same = sa.and_(theirs.c.owner == new_owner, theirs.c.name_folded == mine.c.name_folded)
    pairs = sa.select(mine.c.id, theirs.c.id).join(theirs, same).where(mine.c.owner == owner)
    for old_id, their_id in connection.execute(pairs).all():
        given = tagged_transcripts.c.tag_id == old_id
        connection.execute(tagged_transcripts.update().where(given).values(tag_id=their_id))
        connection.execute(tags.delete().where(tags.c.id == old_id))
    connection.execute(tags.update().where(tags.c.owner == owner).values(owner=new_owner))


def tag_names(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The names of the tags of transcripts, by number."""
    query = (
        sa.select(tagged_transcripts.c.transcript_number, tags.c.name)
        .select_from(tagged_transcripts.join(tags))
        .where(tagged_transcripts.c.transcript_number.in_(numbers))
        .order_by(tags.c.name_folded)
    )
    names: dict[int, tuple[str, ...]] = {}
    for number, name in connection.execute(query):
        names[number] = (*names.get(number, ()), name)
    return names


def _ids_of(connection: sa.Connection, owner: str, names: Iterable[str]) -> list[str]:
    wanted = {key: name for name, key in map(_clean, names)}
    if len(wanted) > MAX_TAGS_PER_TRANSCRIPT:
        raise Conflict("A transcript can have {count} tags.", count=MAX_TAGS_PER_TRANSCRIPT, field="tags")
    query = sa.select(tags.c.name_folded, tags.c.id).where(
        tags.c.owner == owner, tags.c.name_folded.in_(wanted)
    )
    existing = {row.name_folded: row.id for row in connection.execute(query)}
    new = [
        {"id": new_id(), "owner": owner, "name": name, "name_folded": key}
        for key, name in wanted.items()
        if key not in existing
    ]
    count = sa.select(sa.func.count()).select_from(tags).where(tags.c.owner == owner)
    if new and connection.execute(count).scalar_one() + len(new) > MAX_TAGS:
        raise Conflict("There are {count} tags, which is the most. Delete one first.", count=MAX_TAGS)
    if new:
        connection.execute(tags.insert(), new)
    return [*existing.values(), *(row["id"] for row in new)]


def _tagged(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    columns = (tagged_transcripts.c.transcript_number, tagged_transcripts.c.tag_id)
    for start in range(0, len(numbers), ROWS_PER_STATEMENT):
        batch = columns[0].in_(numbers[start : start + ROWS_PER_STATEMENT])
        for number, tag_id in connection.execute(sa.select(*columns).where(batch)):
            found.setdefault(number, set()).add(tag_id)
    return found


def _clean(name: str) -> tuple[str, str]:
    """The name as it is shown, and its key."""
    shown = one_line(name)[:MAX_TAG_CHARS].strip()
    if not shown:
        raise InvalidRequest("A name needs at least one visible character.", field="tags")
    return shown, normalized_name(shown)


def _not_found() -> NotFound:
    return NotFound("There is no such tag.")
