"""Postponed jobs: why a job waits for its next attempt, when it starts, and how often it was postponed."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Existing jobs are not postponed."""
    op.add_column("jobs", sa.Column("waiting_code", sa.Text, nullable=True))
    op.add_column("jobs", sa.Column("waiting_message", sa.Text, nullable=True))
    op.add_column("jobs", sa.Column("retry_at", sa.Text, nullable=True))
    op.add_column("jobs", sa.Column("retries", sa.Integer, nullable=False, server_default="0"))
