"""The tables of transcripts and kept recordings, as the newest migration leaves them."""

import sqlalchemy as sa

metadata = sa.MetaData()

# Ids are random, so each row also has a number: it keeps the order of creation even if the clock jumps, and
# the full-text index needs an integer.
row_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")

transcripts = sa.Table(
    "transcripts",
    metadata,
    sa.Column("number", row_number, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("language_probability", sa.Float, nullable=False),
    sa.Column("duration", sa.Float, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("task", sa.Text, nullable=False),
    sa.Column("processing_seconds", sa.Float, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("live_body", sa.Text, nullable=True),
    sa.Column("job_id", sa.Text, nullable=True, unique=True),
    sa.Column("deleted_at", sa.Text, nullable=True),
    sa.Column("bytes", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("transcripts_of_owner", "owner", "created", "id"),
    sa.Index("transcripts_space", "owner", "bytes"),
    sqlite_autoincrement=True,
)

recordings = sa.Table(
    "recordings",
    metadata,
    sa.Column(
        "transcript_id", sa.Text, sa.ForeignKey("transcripts.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("delete_at", sa.Text, nullable=True),
    sa.Index("recordings_by_end", "delete_at"),
)
"""Kept recordings. Without a media type, browsers cannot play it; without `delete_at`, it has no end."""
