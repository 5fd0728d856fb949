"""Several workers on one database: their rows, the worker of a job, and the place of its recording."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Older jobs have no worker and no place; the next start adopts those whose recordings it has."""
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
