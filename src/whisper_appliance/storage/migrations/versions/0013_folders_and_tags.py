"""Folders, tags and favourites of transcripts."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
LISTED = [
    "owner", "deleted_at", "created", "id", "title_key", "duration", "language", "model", "source",
    "doubtful_words", "favourite", "folder_id",
]  # fmt: skip


def upgrade() -> None:
    """Existing transcripts are in no folder."""
    op.create_table(
        "folders",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("parent_id", sa.Text, nullable=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created", sa.Text, nullable=False),
    )
    op.create_index("folders_of_owner", "folders", ["owner"])
    op.create_table(
        "tags",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_folded", sa.Text, nullable=False),
    )
    op.create_index("tags_by_name", "tags", ["owner", "name_folded"], unique=True)
    op.create_table(
        "tagged_transcripts",
        sa.Column("tag_id", sa.Text, sa.ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True),
        sa.Column(
            "transcript_number",
            NUMBER,
            sa.ForeignKey("transcripts.number", ondelete="CASCADE"),
            primary_key=True,
        ),
    )
    op.create_index("tags_of_transcript", "tagged_transcripts", ["transcript_number"])
    op.add_column(
        "transcripts", sa.Column("favourite", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.add_column("transcripts", sa.Column("folder_id", sa.Text, nullable=True))
    op.drop_index("transcripts_listing", "transcripts")
    op.create_index("transcripts_listing", "transcripts", LISTED)
    for name, column in (("transcripts_by_title", "title_key"), ("transcripts_by_duration", "duration")):
        op.create_index(name, "transcripts", ["owner", "deleted_at", column, "created", "id"])
