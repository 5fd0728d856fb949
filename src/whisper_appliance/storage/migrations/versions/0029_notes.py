"""Notes at a second of a recording."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Adds the table."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "notes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "transcript_number",
            number,
            sa.ForeignKey("transcripts.number", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("start", sa.Float, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created", sa.Text, nullable=False),
        sa.Column("changed", sa.Text, nullable=True),
    )
    op.create_index("notes_of_transcript", "notes", ["transcript_number", "start"])
