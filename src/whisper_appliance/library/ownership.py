"""Ownership of rows and files: erases all that an owner has, or transfers it to another owner."""

from pathlib import Path

import sqlalchemy as sa

from whisper_appliance.library.recordings import remove_files
from whisper_appliance.library.tags import transfer_tags
from whisper_appliance.library.transcript_rows import NO_OWNER
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import folder_shares
from whisper_appliance.storage.schema.jobs import jobs, paused_queues, windows
from whisper_appliance.storage.schema.library import folders, tags, transcripts


class TranscriptOwnership:
    """Changes rows and files only, so that the command line can use it beside a running appliance."""

    def __init__(self, database: Database, storage: Path) -> None:
        """`storage` is the folder of uploads and archived recordings."""
        self._database = database
        self._storage = storage

    def erase(self, owner: str) -> tuple[str, ...]:
        """Deletes an owner's transcripts (the trash too), recordings and jobs; returns the transcripts' ids.

        A running job finds its row gone at its next window and stores nothing.
        """
        if owner == NO_OWNER:
            return ()
        with self._database.write() as connection:
            owned_jobs = sa.select(jobs.c.id).where(jobs.c.owner == owner)
            connection.execute(windows.delete().where(windows.c.job_id.in_(owned_jobs)))
            deleted_jobs = jobs.delete().where(jobs.c.owner == owner).returning(jobs.c.audio)
            uploads = connection.execute(deleted_jobs).scalars().all()
            deleted = transcripts.delete().where(transcripts.c.owner == owner).returning(transcripts.c.id)
            transcript_ids = tuple(connection.execute(deleted).scalars())
            owned = sa.select(folders.c.id).where(folders.c.owner == owner)
            connection.execute(folder_shares.delete().where(folder_shares.c.folder_id.in_(owned)))
            for table in (tags, folders, paused_queues):
                connection.execute(table.delete().where(table.c.owner == owner))
        for name in uploads:
            (self._storage / name).unlink(missing_ok=True)
        remove_files(self._storage / "audio", transcript_ids)
        return transcript_ids

    def transfer(self, owner: str, new_owner: str) -> None:
        """Transfers all transcripts and jobs to another owner, running jobs too, with folders and tags."""
        if NO_OWNER in (owner, new_owner):
            return
        with self._database.write() as connection:
            transfer_tags(connection, owner, new_owner)
            for table in (jobs, transcripts, folders):
                connection.execute(table.update().where(table.c.owner == owner).values(owner=new_owner))
