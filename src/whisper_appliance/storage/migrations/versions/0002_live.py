"""The live version of a transcript is kept when the transcript of its recording replaces it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the column."""
    op.add_column("transcripts", sa.Column("live_body", sa.Text, nullable=True))
