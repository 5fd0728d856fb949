"""Transcripts with their full-text index, jobs, and the windows that jobs have finished."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Creates the first tables."""
    _transcripts()
    _jobs()
    _windows()
    if op.get_bind().dialect.name == "sqlite":
        _index_for_sqlite()
    else:
        _index_for_postgresql()


def _transcripts() -> None:
    op.create_table(
        "transcripts",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
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
        sa.Column("job_id", sa.Text, nullable=True, unique=True),
        sa.Column("deleted_at", sa.Text, nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index("transcripts_of_owner", "transcripts", ["owner", "created", "id"])


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("progress", sa.Float, nullable=False),
        sa.Column("error_code", sa.Text, nullable=True),
        sa.Column("error_message", sa.Text, nullable=True),
        sa.Column("transcript_id", sa.Text, nullable=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=True),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("audio", sa.Text, nullable=False),
        sa.Column("audio_bytes", sa.BigInteger, nullable=False),
        sa.Column("duration", sa.Float, nullable=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("created", sa.Text, nullable=False),
        sa.Column("started", sa.Text, nullable=True),
        sa.Column("finished", sa.Text, nullable=True),
        sa.Column("idempotency_key", sa.Text, nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index("jobs_by_status", "jobs", ["status", "priority", "number"])
    op.create_index("jobs_of_owner", "jobs", ["owner", "status"])


def _windows() -> None:
    op.create_table(
        "windows",
        sa.Column("job_id", sa.Text, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("start_sample", sa.BigInteger, primary_key=True),
        sa.Column("stop_sample", sa.BigInteger, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
    )


INDEXES = ("transcript_words", "transcript_characters")


def _index_for_sqlite() -> None:
    """Two indexes over the same text: by words, and by three characters for languages without word breaks."""
    for name, tokenizer in zip(INDEXES, ("unicode61 remove_diacritics 2", "trigram"), strict=True):
        op.execute(
            f"CREATE VIRTUAL TABLE {name} USING fts5"
            f"(title, text, content='transcripts', content_rowid='number', tokenize='{tokenizer}')"
        )
    add = "INSERT INTO {0}(rowid, title, text) VALUES (new.number, new.title, new.text);"
    remove = "INSERT INTO {0}({0}, rowid, title, text) VALUES ('delete', old.number, old.title, old.text);"
    for event, steps in (("INSERT", [add]), ("DELETE", [remove]), ("UPDATE OF title, text", [remove, add])):
        body = " ".join(step.format(name) for step in steps for name in INDEXES)
        trigger = f"transcripts_after_{event.split()[0].lower()}"
        op.execute(f"CREATE TRIGGER {trigger} AFTER {event} ON transcripts BEGIN {body} END")


def _index_for_postgresql() -> None:
    """An index over the expression of `library.search`; cut, because a tsvector may have 1 MB at most."""
    vector = "to_tsvector('simple', left(title || ' ' || text, 250000))"
    op.execute(f"CREATE INDEX transcript_words ON transcripts USING gin ({vector})")
