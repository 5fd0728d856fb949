"""Idempotency keys: a request repeated after a lost response gets the job of the first one (replay)."""

import sqlalchemy as sa

from whisper_appliance.core.errors import KeyReused
from whisper_appliance.jobs.job import IdempotencyKey
from whisper_appliance.storage.schema.jobs import UNFINISHED, jobs
from whisper_appliance.storage.schema.library import transcripts


def job_for_key(connection: sa.Connection, idempotency: IdempotencyKey) -> sa.RowMapping | None:
    """Returns the row of the job that the first request with this key made, None if there is none to replay.

    A job that failed, was cancelled, or whose transcript was deleted or is too old releases its key, so that
    the request makes a new job. Raises `KeyReused` if the key came with another file or other options.
    """
    query = sa.select(jobs).where(jobs.c.idempotency_key == idempotency.key)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    if not _can_replay(connection, row, idempotency):
        release = jobs.update().where(jobs.c.id == row["id"]).values(idempotency_key=None)
        connection.execute(release)
        return None
    if row["fingerprint"] != idempotency.fingerprint:
        raise KeyReused(
            "This Idempotency-Key came with another file or other options before. Use a new one.",
            field="Idempotency-Key",
        )
    return row


def _can_replay(connection: sa.Connection, row: sa.RowMapping, idempotency: IdempotencyKey) -> bool:
    if row["status"] in UNFINISHED:
        return not row["cancel_requested"]
    if row["status"] != "done" or (idempotency.since is not None and row["finished"] < idempotency.since):
        return False
    transcript = sa.select(transcripts.c.id).where(
        transcripts.c.id == row["transcript_id"], transcripts.c.deleted_at.is_(None)
    )
    return connection.execute(transcript).first() is not None
