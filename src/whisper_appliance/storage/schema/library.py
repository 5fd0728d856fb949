"""The tables of transcripts, recordings, search and revisions, as the newest migration leaves them."""

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
    sa.Column("title_key", sa.Text, nullable=False, server_default=""),
    sa.Column("doubtful_words", sa.Integer, nullable=False, server_default="0"),
    sa.Column("favourite", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("folder_id", sa.Text, nullable=True),
    sa.Column("revision", sa.Integer, nullable=False, server_default="0"),
    sa.Column("content_digest", sa.Text, nullable=True),
    sa.Index("transcripts_by_content", "owner", "content_digest"),
    sa.Index("transcripts_of_owner", "owner", "created", "id"),
    sa.Index("transcripts_space", "owner", "bytes"),
    # All that lists are filtered and sorted by, because SQLite reads a whole row for what is behind its body.
    sa.Index(
        "transcripts_listing",
        "owner",
        "deleted_at",
        "created",
        "id",
        "title_key",
        "duration",
        "language",
        "model",
        "source",
        "doubtful_words",
        "favourite",
        "folder_id",
        "revision",
    ),
    sa.Index("transcripts_by_title", "owner", "deleted_at", "title_key", "created", "id"),
    sa.Index("transcripts_by_duration", "owner", "deleted_at", "duration", "created", "id"),
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

# One row for each transcript, beside it, because a row of `transcripts` is long. The terms are those of
# `core.search_terms`; `annotations` holds names of speakers, and notes.
search_documents = sa.Table(
    "search_documents",
    metadata,
    sa.Column(
        "transcript_number",
        row_number,
        sa.ForeignKey("transcripts.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("annotations", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("marks", sa.Text, nullable=False),
)

# `parent_id` is no foreign key, because backups copy the rows in the order of their ids.
folders = sa.Table(
    "folders",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("parent_id", sa.Text, nullable=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created", sa.Text, nullable=False),
    sa.Index("folders_of_owner", "owner"),
)

tags = sa.Table(
    "tags",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("name_folded", sa.Text, nullable=False),
    sa.Index("tags_by_name", "owner", "name_folded", unique=True),
)

tagged_transcripts = sa.Table(
    "tagged_transcripts",
    metadata,
    sa.Column("tag_id", sa.Text, sa.ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True),
    sa.Column(
        "transcript_number",
        row_number,
        sa.ForeignKey("transcripts.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Index("tags_of_transcript", "transcript_number"),
)

speaker_names = sa.Table(
    "speaker_names",
    metadata,
    sa.Column(
        "transcript_number",
        row_number,
        sa.ForeignKey("transcripts.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("name", sa.Text, primary_key=True),
)
"""Who speaks in a transcript, by name or label."""

notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column(
        "transcript_number",
        row_number,
        sa.ForeignKey("transcripts.number", ondelete="CASCADE"),
        nullable=False,
    ),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("start", sa.Float, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("changed", sa.Text, nullable=True),
    sa.Index("notes_of_transcript", "transcript_number", "start"),
)
"""Notes at a second of a recording, by anybody who may comment on its transcript."""

chapters = sa.Table(
    "chapters",
    metadata,
    sa.Column(
        "transcript_number",
        row_number,
        sa.ForeignKey("transcripts.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("chapters", sa.Text, nullable=True),
)
"""Chapters by hand, all of a transcript as JSON; null: those at its long pauses again."""

translations = sa.Table(
    "translations",
    metadata,
    sa.Column(
        "transcript_number",
        row_number,
        sa.ForeignKey("transcripts.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)
"""What a transcript says in another language, as a transcript of its own that stands beside it."""

found_voices = sa.Table(
    "found_voices",
    metadata,
    sa.Column(
        "transcript_number",
        row_number,
        sa.ForeignKey("transcripts.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("label", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("embedding", sa.Text, nullable=False),
)
"""Voices of speakers, where the owner has them remembered; `label` is what the machine called them."""

transcript_revisions = sa.Table(
    "transcript_revisions",
    metadata,
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
