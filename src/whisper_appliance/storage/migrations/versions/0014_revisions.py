"""Revisions of transcripts: who changed which segments when, and the state before the first change."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Existing transcripts were not changed."""
    op.add_column("transcripts", sa.Column("revision", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "transcript_revisions",
        sa.Column(
            "transcript_id", sa.Text, sa.ForeignKey("transcripts.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("target", sa.Integer, nullable=True),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("created", sa.Text, nullable=False),
        sa.Column("hunks", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=True),
    )
