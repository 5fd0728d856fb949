"""Chapters by hand."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Adds the table; all transcripts keep the chapters at their long pauses."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "chapters",
        sa.Column(
            "transcript_number",
            number,
            sa.ForeignKey("transcripts.number", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("chapters", sa.Text, nullable=True),
    )
