"""What a request asked for, and one job for each key under which it may be asked for again."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Adds the column and the index; no job of before has a key."""
    op.add_column("jobs", sa.Column("fingerprint", sa.Text, nullable=True))
    op.create_index("jobs_by_idempotency_key", "jobs", ["idempotency_key"], unique=True)
