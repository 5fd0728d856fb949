"""Which API key a job came with, so that usage is told by key."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds the column; jobs of before came with none."""
    op.add_column("jobs", sa.Column("key_id", sa.Text, nullable=False, server_default=""))
