"""The fingerprint of a request, and one job for each idempotency key."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Adds the columns and the index; older jobs have no key."""
    op.add_column("jobs", sa.Column("fingerprint", sa.Text, nullable=True))
    op.create_index("jobs_by_idempotency_key", "jobs", ["idempotency_key"], unique=True)
