"""Lists can be filtered by speaker, and by whether a transcript was edited."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
LISTED = [
    "owner", "deleted_at", "created", "id", "title_key", "duration", "language", "model", "source",
    "doubtful_words", "favourite", "folder_id", "revision",
]  # fmt: skip


def upgrade() -> None:
    """Reads the speakers of existing transcripts."""
    op.create_table(
        "speaker_names",
        sa.Column(
            "transcript_number",
            NUMBER,
            sa.ForeignKey("transcripts.number", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("name", sa.Text, primary_key=True),
    )
    op.drop_index("transcripts_listing", "transcripts")
    op.create_index("transcripts_listing", "transcripts", LISTED)
    _read_speakers(op.get_bind())


def _read_speakers(connection: sa.Connection) -> None:
    with_speakers = connection.execute(
        sa.text("SELECT transcript_number FROM search_documents WHERE annotations != ''")
    ).scalars()
    for number in with_speakers.all():
        body = connection.execute(
            sa.text("SELECT body FROM transcripts WHERE number = :number"), {"number": number}
        ).scalar_one()
        names = {segment.get("speaker") for segment in json.loads(body)["segments"]} - {None, ""}
        for name in sorted(names):
            connection.execute(
                sa.text("INSERT INTO speaker_names (transcript_number, name) VALUES (:number, :name)"),
                {"number": number, "name": name},
            )
