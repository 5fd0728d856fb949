"""Kept recordings with the end of their retention, how long a user keeps them, and links with audio."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Recordings that are there already get their rows at the next start, without an end."""
    op.create_table(
        "recordings",
        sa.Column(
            "transcript_id", sa.Text, sa.ForeignKey("transcripts.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("delete_at", sa.Text, nullable=True),
    )
    op.create_index("recordings_by_end", "recordings", ["delete_at"])
    op.add_column("users", sa.Column("recording_days", sa.Integer, nullable=True))
    op.add_column("shares", sa.Column("audio", sa.Boolean, nullable=False, server_default=sa.false()))
