"""A request that comes again, because its answer was lost: it gets the job that the first one made."""

import sqlalchemy as sa

from whisper_appliance.core.errors import KeyReused
from whisper_appliance.jobs.job import IdempotencyKey
from whisper_appliance.storage.schema.jobs import UNFINISHED, jobs
from whisper_appliance.storage.schema.library import transcripts


def job_for_key(connection: sa.Connection, repeat: IdempotencyKey) -> sa.RowMapping | None:
    """The row of the job that this request made when it first came, if that job is worth waiting for.

    What failed, was cancelled, was deleted or is long done is not: it gives its key up, and the request makes
    a job anew. Raises `KeyReused` where the key was used for something else.
    """
    question = sa.select(jobs).where(jobs.c.idempotency_key == repeat.key)
    row = connection.execute(question).mappings().first()
    if row is None:
        return None
    if not _answers(connection, row, repeat):
        release = jobs.update().where(jobs.c.id == row["id"]).values(idempotency_key=None)
        connection.execute(release)
        return None
    if row["fingerprint"] != repeat.fingerprint:
        raise KeyReused(
            "This Idempotency-Key came with another file or other options before. Use a new one.",
            field="Idempotency-Key",
        )
    return row


def _answers(connection: sa.Connection, row: sa.RowMapping, repeat: IdempotencyKey) -> bool:
    if row["status"] in UNFINISHED:
        return not row["cancel_requested"]
    if row["status"] != "done" or (repeat.since is not None and row["finished"] < repeat.since):
        return False
    there = sa.select(transcripts.c.id).where(
        transcripts.c.id == row["transcript_id"], transcripts.c.deleted_at.is_(None)
    )
    return connection.execute(there).first() is not None
