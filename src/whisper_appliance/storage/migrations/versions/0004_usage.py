"""For usage: the API key of a job, and the size of a transcript."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Older jobs have no key; the size of older transcripts is measured once."""
    op.add_column("jobs", sa.Column("key_id", sa.Text, nullable=False, server_default=""))
    op.add_column("transcripts", sa.Column("bytes", sa.BigInteger, nullable=False, server_default="0"))
    sqlite = op.get_bind().dialect.name == "sqlite"
    size = "length(CAST({} AS BLOB))" if sqlite else "octet_length({})"
    columns = " + ".join(size.format(f"coalesce({name}, '')") for name in ("text", "body", "live_body"))
    op.execute(f"UPDATE transcripts SET bytes = {columns}")  # noqa: S608 - nothing in it comes from outside
    op.create_index("transcripts_space", "transcripts", ["owner", "bytes"])
