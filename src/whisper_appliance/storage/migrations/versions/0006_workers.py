"""Several appliances on one database: which they are, who holds a job, and where its recording lies."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Jobs of before are held by nobody; the next start finds out where their recordings lie."""
    op.add_column("jobs", sa.Column("place", sa.Text, nullable=True))
    op.add_column("jobs", sa.Column("worker", sa.Text, nullable=True))
    op.create_table(
        "workers",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
    )
