"""Search by our own terms: the same on SQLite and PostgreSQL, ranked, with the second of each hit."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from whisper_appliance.core.search_terms import composed, index_text
from whisper_appliance.core.time_marks import encode_marks, time_marks

revision = "0012"
down_revision = "0011"

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
ADD = (
    "INSERT INTO transcript_terms(rowid, title, annotations, text) "
    "VALUES (new.transcript_number, new.title, new.annotations, new.text);"
)
REMOVE = (
    "INSERT INTO transcript_terms(transcript_terms, rowid, title, annotations, text) "
    "VALUES ('delete', old.transcript_number, old.title, old.annotations, old.text);"
)
LISTED = [
    "owner", "deleted_at", "created", "id", "title_key", "duration", "language", "model", "source",
    "doubtful_words",
]  # fmt: skip
OLD_TRIGGERS = ("insert", "delete", "update")
OLD_INDEXES = ("transcript_words", "transcript_characters")
LOW_PROBABILITY = 0.4
ROWS_PER_BATCH = 50


def upgrade() -> None:
    """Indexes the transcripts that are there."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    _drop_old_index(is_sqlite=is_sqlite)
    op.create_table(
        "search_documents",
        sa.Column(
            "transcript_number",
            NUMBER,
            sa.ForeignKey("transcripts.number", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("annotations", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("marks", sa.Text, nullable=False),
    )
    op.add_column("transcripts", sa.Column("title_key", sa.Text, nullable=False, server_default=""))
    op.add_column("transcripts", sa.Column("doubtful_words", sa.Integer, nullable=False, server_default="0"))
    op.create_index("transcripts_listing", "transcripts", LISTED)
    _index_for_sqlite() if is_sqlite else _index_for_postgresql()
    _fill(op.get_bind())


def _drop_old_index(*, is_sqlite: bool) -> None:
    if not is_sqlite:
        op.execute("DROP INDEX transcript_words")
        return
    for event in OLD_TRIGGERS:
        op.execute(f"DROP TRIGGER transcripts_after_{event}")
    for name in OLD_INDEXES:
        op.execute(f"DROP TABLE {name}")


def _index_for_sqlite() -> None:
    """The tokenizer `ascii` divides at spaces, because the terms have no other character between words."""
    op.execute(
        "CREATE VIRTUAL TABLE transcript_terms USING fts5(title, annotations, text, "
        "content='search_documents', "
        "content_rowid='transcript_number', tokenize='ascii', prefix='2 3')"
    )
    for event, body in (
        ("INSERT", ADD),
        ("DELETE", REMOVE),
        ("UPDATE OF title, annotations, text", f"{REMOVE} {ADD}"),
    ):
        trigger = f"search_documents_after_{event.split()[0].lower()}"
        op.execute(f"CREATE TRIGGER {trigger} AFTER {event} ON search_documents BEGIN {body} END")


def _index_for_postgresql() -> None:
    """Over the expression of `library.search`: our terms, without a parser that depends on the locale."""
    terms = "string_to_array(title || ' ' || annotations || ' ' || text, ' ')"
    vector = f"array_to_tsvector(array_remove({terms}, ''))"
    op.execute(f"CREATE INDEX transcript_terms ON search_documents USING gin ({vector})")


def _fill(connection: sa.Connection) -> None:
    query = sa.text(
        "SELECT number, title, text, body FROM transcripts WHERE number > :after ORDER BY number LIMIT :limit"
    )
    row: Any
    after = -1
    while rows := connection.execute(query, {"after": after, "limit": ROWS_PER_BATCH}).all():
        for row in rows:
            _index(connection, row.number, row.title, row.text, json.loads(row.body)["segments"])
        after = rows[-1].number


def _index(
    connection: sa.Connection, number: int, title: str, text: str, segments: list[dict[str, Any]]
) -> None:
    key = index_text(title)
    words = [word for segment in segments for word in segment["words"]]
    doubtful = sum(word["probability"] < LOW_PROBABILITY for word in words)
    marks = time_marks(
        (composed(segment["text"]), segment["start"], [(w["word"], w["start"]) for w in segment["words"]])
        for segment in segments
    )
    connection.execute(
        sa.text("UPDATE transcripts SET title_key = :key, doubtful_words = :doubtful WHERE number = :number"),
        {"key": key, "doubtful": doubtful, "number": number},
    )
    connection.execute(
        sa.text("INSERT INTO search_documents VALUES (:number, :key, '', :text, :marks)"),
        {"number": number, "key": key, "text": index_text(text), "marks": encode_marks(marks)},
    )
