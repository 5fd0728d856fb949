"""Remembered voices: names of speakers and embeddings of their voices, for users who want that.

A voice is stored when its user names a speaker of an own recording. In later recordings of that user, the
name is offered for a speaker whose voice is like it: a person accepts it, or does not.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import NotFound
from whisper_appliance.core.ids import new_id
from whisper_appliance.core.text import normalized_name
from whisper_appliance.diarization.named_speakers import most_similar
from whisper_appliance.diarization.speakers import is_machine_name
from whisper_appliance.engines.contract import NamedVoice
from whisper_appliance.library.revision_rows import Revision
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import users, voices
from whisper_appliance.storage.schema.library import found_voices, transcripts
from whisper_appliance.transcript.model import Transcript

LEAST_SIMILARITY = 0.65
"""Cosine of two embeddings from which a name is offered; docs/diarization.md has the measurement."""
MAX_VOICES = 1000
"""Of one user; the oldest ones are forgotten."""

Embedding = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RememberedVoice:
    """A person whose voice is remembered. `recordings` is how many the voice is known from."""

    id: str
    name: str
    recordings: int
    created: str


@dataclass(frozen=True, slots=True)
class OfferedName:
    """A name for a speaker without one; `similarity` is the cosine of the voices."""

    speaker: str
    name: str
    similarity: float


@dataclass(frozen=True, slots=True)
class _FoundVoice:
    """A speaker of a transcript: what the machine and what people called it, and the embedding as JSON."""

    label: str
    name: str
    embedding: str


class Voices:
    """The voices in a database. A user's are found, changed and compared for that user only."""

    def __init__(self, database: Database, *, clock: Clock = now) -> None:
        self._database = database
        self._clock = clock

    def is_on(self, user_id: str) -> bool:
        """Whether voices of this user are remembered; not so for visitors."""
        with self._database.read() as connection:
            return _is_on(connection, user_id)

    def switch(self, user_id: str, *, on: bool) -> None:
        """Remembers voices of this user from now on, or forgets all of them."""
        with self._database.write() as connection:
            changed = users.update().where(users.c.id == user_id)
            connection.execute(changed.values(remembers_voices=on))
            if not on:
                connection.execute(voices.delete().where(voices.c.user_id == user_id))
                forget_found(connection, user_id)

    def of_user(self, user_id: str) -> tuple[RememberedVoice, ...]:
        """The people whose voices are remembered, by name."""
        found: dict[str, list[sa.RowMapping]] = {}
        columns = (voices.c.id, voices.c.name, voices.c.name_folded, voices.c.created)
        query = sa.select(*columns).where(voices.c.user_id == user_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(voices.c.name_folded, voices.c.created)).mappings()
            for row in rows:
                found.setdefault(row["name_folded"], []).append(row)
        return tuple(
            RememberedVoice(each[0]["id"], each[-1]["name"], len(each), each[0]["created"])
            for each in found.values()
        )

    def delete(self, user_id: str, voice_id: str) -> None:
        """Forgets the voice of a person. Raises `NotFound`."""
        mine = voices.c.user_id == user_id
        with self._database.write() as connection:
            named = sa.select(voices.c.name_folded).where(mine, voices.c.id == voice_id)
            name = connection.execute(named).scalar()
            if name is None:
                raise NotFound("There is no such voice.")
            connection.execute(voices.delete().where(mine, voices.c.name_folded == name))

    def follow(self, transcript_id: str, change: Revision, transcript: Transcript) -> None:
        """Remembers the voices of speakers whom the owner of a transcript has named with a change.

        A name that was taken back is forgotten, and one that was corrected is corrected.
        """
        pairs, author = _other_speakers(change), change.author
        if not pairs or not self.is_on(author):
            return
        taken_back = {new for _, new in pairs}
        renamed = _renamed(pairs, {each.speaker for each in transcript.segments})
        with self._database.write() as connection:
            is_on = _is_on(connection, author, until_end=True)
            number = _own_transcript(connection, transcript_id, author) if is_on else None
            for row in _found(connection, number) if number is not None else ():
                name = row.label if row.label in taken_back else renamed.get(row.name, row.name)
                if name != row.name:
                    this = sa.and_(
                        found_voices.c.transcript_number == number, found_voices.c.label == row.label
                    )
                    connection.execute(found_voices.update().where(this).values(name=name))
                    self._remember(connection, author, transcript_id, row, name)

    def offers(self, transcript_id: str, user_id: str) -> tuple[OfferedName, ...]:
        """Names for speakers of an own transcript who have none, each name and speaker once."""
        with self._database.read() as connection:
            number = _own_transcript(connection, transcript_id, user_id)
            if number is None or not _is_on(connection, user_id):
                return ()
            rows = _found(connection, number)
            known = sa.select(voices.c.name, voices.c.name_folded, voices.c.embedding)
            samples = connection.execute(known.where(voices.c.user_id == user_id).order_by(voices.c.created))
            taken = {normalized_name(row.name) for row in rows}
            people: dict[tuple[str, int], tuple[str, list[Embedding]]] = {}
            for each in samples:
                if each.name_folded not in taken:
                    embedding = _read(each.embedding)
                    person = each.name_folded, len(embedding)
                    people[person] = (each.name, [*people.get(person, ("", []))[1], embedding])
        unnamed = [row for row in rows if row.name == row.label and is_machine_name(row.label)]
        named = [NamedVoice(name, _mean(embeddings)) for name, embeddings in people.values()]
        found = most_similar([_read(row.embedding) for row in unnamed], named, LEAST_SIMILARITY)
        return tuple(
            OfferedName(unnamed[place].label, name, similarity)
            for place, (name, similarity) in sorted(found.items())
        )

    def _remember(
        self,
        connection: sa.Connection,
        user_id: str,
        transcript_id: str,
        row: _FoundVoice,
        name: str,
    ) -> None:
        mine = voices.c.user_id == user_id
        same = sa.and_(mine, voices.c.transcript_id == transcript_id, voices.c.label == row.label)
        connection.execute(voices.delete().where(same))
        if is_machine_name(name):
            return
        connection.execute(
            voices.insert().values(
                id=new_id(),
                user_id=user_id,
                name=name,
                name_folded=normalized_name(name),
                transcript_id=transcript_id,
                label=row.label,
                embedding=row.embedding,
                created=written(self._clock()),
            )
        )
        newest = sa.select(voices.c.id).where(mine).order_by(voices.c.created.desc(), voices.c.id)
        oldest = connection.execute(newest.offset(MAX_VOICES)).scalars().all()
        if oldest:
            connection.execute(voices.delete().where(voices.c.id.in_(oldest)))


def store_found(
    connection: sa.Connection, transcript_id: str, owner: str, embeddings: Mapping[str, Sequence[float]]
) -> None:
    """Stores the voices of a transcript's speakers by their names, if its owner wants them remembered."""
    if not embeddings or not _is_on(connection, owner, until_end=True):
        return
    number = _own_transcript(connection, transcript_id, owner)
    if number is None:
        return
    connection.execute(found_voices.delete().where(found_voices.c.transcript_number == number))
    rows = [
        {
            "transcript_number": number,
            "label": speaker,
            "name": speaker,
            "embedding": json.dumps([round(value, 5) for value in embedding]),
        }
        for speaker, embedding in embeddings.items()
    ]
    connection.execute(found_voices.insert(), rows)


def forget_found(connection: sa.Connection, owner: str) -> None:
    """Forgets the voices in all transcripts of an owner."""
    owned = sa.select(transcripts.c.number).where(transcripts.c.owner == owner)
    connection.execute(found_voices.delete().where(found_voices.c.transcript_number.in_(owned)))


def _is_on(connection: sa.Connection, user_id: str, *, until_end: bool = False) -> bool:
    """Whether the user wants voices remembered.

    `until_end`: it stays so until the transaction ends, and no other changes the user's voices until then.
    """
    query = sa.select(users.c.remembers_voices).where(users.c.id == user_id)
    return bool(connection.execute(query.with_for_update(key_share=True) if until_end else query).scalar())


def _own_transcript(connection: sa.Connection, transcript_id: str, owner: str) -> int | None:
    own = sa.and_(transcripts.c.id == transcript_id, transcripts.c.owner == owner)
    return connection.execute(sa.select(transcripts.c.number).where(own)).scalar()


def _found(connection: sa.Connection, number: int) -> list[_FoundVoice]:
    columns = (found_voices.c.label, found_voices.c.name, found_voices.c.embedding)
    query = sa.select(*columns).where(found_voices.c.transcript_number == number)
    rows = connection.execute(query.order_by(found_voices.c.label)).mappings()
    return [_FoundVoice(**row) for row in rows]


def _other_speakers(change: Revision) -> set[tuple[str, str]]:
    """The speakers whose lines got another one with a change, and that other one."""
    before = {each.key: each.speaker for hunk in change.hunks for each in hunk.removed}
    after = ((before.get(each.key), each.speaker) for hunk in change.hunks for each in hunk.added)
    return {(old, new) for old, new in after if old and new and old != new}


def _renamed(pairs: set[tuple[str, str]], speakers: set[str | None]) -> dict[str, str]:
    """The speakers all of whose lines got one other name; `speakers` are those after the change."""
    old_names = [old for old, _ in pairs]
    return {old: new for old, new in pairs if old not in speakers and old_names.count(old) == 1}


def _mean(embeddings: Iterable[Embedding]) -> Embedding:
    units = [_unit(each) for each in embeddings]
    return tuple(sum(values) / len(units) for values in zip(*units, strict=True))


def _unit(embedding: Embedding) -> Embedding:
    length = math.hypot(*embedding) or 1.0
    return tuple(value / length for value in embedding)


def _read(embedding: str) -> Embedding:
    return tuple(json.loads(embedding))
