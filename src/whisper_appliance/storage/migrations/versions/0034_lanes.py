"""Jobs wait for others of like length, and clients without an account take turns by their network."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """Adds the lane of a job, and the digest of the network that it came from."""
    op.add_column("jobs", sa.Column("lane", sa.Text, nullable=True))
    op.add_column("jobs", sa.Column("network", sa.Text, nullable=True))
