"""Remembered voices: speakers who were found in transcripts, and those that users named."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Adds the tables; nobody's voices are remembered yet."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.add_column(
        "users", sa.Column("remembers_voices", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.create_table(
        "found_voices",
        sa.Column(
            "transcript_number",
            number,
            sa.ForeignKey("transcripts.number", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("label", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("embedding", sa.Text, nullable=False),
    )
    op.create_table(
        "voices",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_folded", sa.Text, nullable=False),
        sa.Column("transcript_id", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("embedding", sa.Text, nullable=False),
        sa.Column("created", sa.Text, nullable=False),
        sa.UniqueConstraint("user_id", "transcript_id", "label", name="voices_once"),
    )
