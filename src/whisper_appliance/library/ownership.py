"""All that somebody owns in the database: erased at once, or given to somebody else."""

from pathlib import Path

import sqlalchemy as sa

from whisper_appliance.library.transcript_rows import NO_OWNER
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.jobs import jobs, windows
from whisper_appliance.storage.schema.library import transcripts


class TranscriptOwnership:
    """Works on rows and files alone, so that the command line can do it beside a running appliance."""

    def __init__(self, database: Database, storage: Path) -> None:
        """`storage` is the folder of uploads and kept recordings."""
        self._database = database
        self._storage = storage

    def erase(self, owner: str) -> tuple[str, ...]:
        """Removes transcripts (the trash too), recordings and jobs for good; returns the transcripts' ids.

        A job that is being worked on finds its row gone at its next window, and keeps nothing.
        """
        if owner == NO_OWNER:
            return ()
        with self._database.write() as connection:
            theirs = sa.select(jobs.c.id).where(jobs.c.owner == owner)
            connection.execute(windows.delete().where(windows.c.job_id.in_(theirs)))
            ended = jobs.delete().where(jobs.c.owner == owner).returning(jobs.c.audio)
            uploads = connection.execute(ended).scalars().all()
            gone = transcripts.delete().where(transcripts.c.owner == owner).returning(transcripts.c.id)
            ids = tuple(connection.execute(gone).scalars())
        for name in (*uploads, *(f"audio/{id}" for id in ids)):
            (self._storage / name).unlink(missing_ok=True)
        return ids

    def transfer(self, owner: str, heir: str) -> None:
        """Makes all of it `heir`'s, also what jobs are still at work on."""
        if NO_OWNER in (owner, heir):
            return
        with self._database.write() as connection:
            for table in (jobs, transcripts):
                connection.execute(table.update().where(table.c.owner == owner).values(owner=heir))
