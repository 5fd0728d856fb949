"""Ownership of rows and files: erases all that an owner has, or transfers it to another owner."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from whisper_appliance.core.clock import now, written
from whisper_appliance.library.recordings import remove_files
from whisper_appliance.library.search_index import index_notes
from whisper_appliance.library.tags import transfer_tags
from whisper_appliance.library.transcript_rows import FILING, NO_OWNER
from whisper_appliance.library.translations import cancel_translation_jobs, remove_jobs_of_others
from whisper_appliance.library.voices import forget_found
from whisper_appliance.storage.database import Connection, Database
from whisper_appliance.storage.schema.accounts import folder_shares
from whisper_appliance.storage.schema.jobs import jobs, paused_queues, windows
from whisper_appliance.storage.schema.library import folders, notes, tags, transcripts


@dataclass(frozen=True, slots=True)
class ErasedFiles:
    """Files whose rows are gone: uploads by name, recordings by the ids of their transcripts."""

    uploads: tuple[str, ...] = ()
    transcripts: tuple[str, ...] = ()


class TranscriptOwnership:
    """Changes rows and files only, so that the command line can use it beside a running appliance."""

    def __init__(self, database: Database, storage: Path) -> None:
        """`storage` is the folder of uploads and archived recordings."""
        self._database = database
        self._storage = storage

    def erase(self, owner: str) -> tuple[str, ...]:
        """Deletes an owner's transcripts (the trash too), recordings, jobs, notes; returns transcript ids.

        A running job finds its row gone at its next window and stores nothing.
        """
        with self._database.write() as connection:
            erased = self.erase_rows(connection, owner)
        self.remove_files(erased)
        return erased.transcripts

    def erase_rows(self, connection: Connection, owner: str) -> ErasedFiles:
        """The part of `erase` in the transaction of the caller; `remove_files` follows it."""
        if owner == NO_OWNER:
            return ErasedFiles()
        self._database.lock(connection, FILING)
        theirs = transcripts.c.owner == owner
        translated = cancel_translation_jobs(connection, theirs, written(now()))
        owned_jobs = sa.select(jobs.c.id).where(jobs.c.owner == owner)
        connection.execute(windows.delete().where(windows.c.job_id.in_(owned_jobs)))
        deleted_jobs = jobs.delete().where(jobs.c.owner == owner).returning(jobs.c.audio)
        uploads = connection.execute(deleted_jobs).scalars().all()
        deleted = transcripts.delete().where(theirs).returning(transcripts.c.id)
        transcript_ids = tuple(connection.execute(deleted).scalars())
        owned = sa.select(folders.c.id).where(folders.c.owner == owner)
        connection.execute(folder_shares.delete().where(folder_shares.c.folder_id.in_(owned)))
        for table in (tags, folders, paused_queues):
            connection.execute(table.delete().where(table.c.owner == owner))
        noted = notes.delete().where(notes.c.author == owner).returning(notes.c.transcript_number)
        for number in set(connection.execute(noted).scalars()):
            index_notes(connection, number)
        return ErasedFiles((*uploads, *translated), transcript_ids)

    def transfer(self, owner: str, new_owner: str) -> None:
        """Transfers all transcripts and jobs to another owner, running jobs too, with folders and tags.

        Jobs that translate what others shared with the owner end, because the new owner may not read it.
        """
        with self._database.write() as connection:
            foreign = self.transfer_rows(connection, owner, new_owner)
        self.remove_files(foreign)

    def transfer_rows(self, connection: Connection, owner: str, new_owner: str) -> ErasedFiles:
        """The part of `transfer` in the transaction of the caller; `remove_files` follows it."""
        if NO_OWNER in (owner, new_owner):
            return ErasedFiles()
        self._database.lock(connection, FILING)
        foreign = remove_jobs_of_others(connection, owner)
        # Jobs come first, because one that ends at this moment adds a transcript of the owner in its row.
        theirs = jobs.update().where(jobs.c.owner == owner)
        connection.execute(theirs.values(owner=new_owner, network=None))  # those of an account have none
        transfer_tags(connection, owner, new_owner)
        forget_found(connection, owner)
        for table in (transcripts, folders):
            connection.execute(table.update().where(table.c.owner == owner).values(owner=new_owner))
        connection.execute(notes.update().where(notes.c.author == owner).values(author=new_owner))
        return ErasedFiles(tuple(foreign))

    def remove_files(self, erased: ErasedFiles) -> None:
        """Deletes files whose rows are gone."""
        for name in erased.uploads:
            (self._storage / name).unlink(missing_ok=True)
        remove_files(self._storage / "audio", erased.transcripts)
