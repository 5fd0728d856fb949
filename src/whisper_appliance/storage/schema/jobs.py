"""The tables of jobs, finished windows and workers, as the newest migration leaves them."""

from typing import Literal

import sqlalchemy as sa

from whisper_appliance.storage.schema.library import metadata, row_number

JobStatus = Literal["queued", "running", "done", "failed", "cancelled"]
UNFINISHED: tuple[JobStatus, ...] = ("queued", "running")
ENDED_WITHOUT_TRANSCRIPT: tuple[JobStatus, ...] = ("failed", "cancelled")
UPLOAD_KEPT_HOURS = 24.0
"""The upload of a job that ended without a transcript is kept for so long, so that the job can be retried."""
STALE_AFTER_SECONDS = 60.0
"""A worker whose last heartbeat is older is stale, and its jobs may be taken over."""

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("number", row_number, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("progress", sa.Float, nullable=False),
    sa.Column("error_code", sa.Text, nullable=True),
    sa.Column("error_message", sa.Text, nullable=True),
    sa.Column("transcript_id", sa.Text, nullable=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=True),
    sa.Column("options", sa.Text, nullable=False),
    sa.Column("audio", sa.Text, nullable=False),
    sa.Column("audio_bytes", sa.BigInteger, nullable=False),
    sa.Column("duration", sa.Float, nullable=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("cancel_requested", sa.Boolean, nullable=False),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("started", sa.Text, nullable=True),
    sa.Column("finished", sa.Text, nullable=True),
    sa.Column("idempotency_key", sa.Text, nullable=True),
    sa.Column("fingerprint", sa.Text, nullable=True),
    sa.Column("content_digest", sa.Text, nullable=True),
    sa.Column("key_id", sa.Text, nullable=False, server_default=""),
    sa.Column("place", sa.Text, nullable=True),
    sa.Column("worker", sa.Text, nullable=True),
    sa.Column("waiting_code", sa.Text, nullable=True),
    sa.Column("waiting_message", sa.Text, nullable=True),
    sa.Column("retry_at", sa.Text, nullable=True),
    sa.Column("retries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("turn", sa.BigInteger, nullable=True),
    sa.Column("precedence", sa.Integer, nullable=False, server_default="0"),
    sa.Column("translation_of", sa.Text, nullable=True),
    sa.Column("translate_to", sa.Text, nullable=True),
    sa.Column("lane", sa.Text, nullable=True),
    sa.Column("network", sa.Text, nullable=True),
    sa.Column("preferred_model", sa.Text, nullable=True),
    sa.Index("jobs_by_idempotency_key", "idempotency_key", unique=True),
    sa.Index("jobs_by_status", "status", "priority", "number"),
    sa.Index("jobs_of_owner", "owner", "status"),
    sqlite_autoincrement=True,
)

paused_queues = sa.Table(
    "paused_queues",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("since", sa.Text, nullable=False),
)
"""Owners whose waiting jobs do not start."""

windows = sa.Table(
    "windows",
    metadata,
    sa.Column("job_id", sa.Text, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("start_sample", sa.BigInteger, primary_key=True),
    sa.Column("stop_sample", sa.BigInteger, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("started", sa.DateTime(timezone=True), nullable=False),
    sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
)
