"""The transcript of the same recording with the same options is found when the recording is sent again."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Earlier transcripts have no digest, because the appliance did not keep that of their recordings."""
    for table in ("jobs", "transcripts"):
        op.add_column(table, sa.Column("content_digest", sa.Text, nullable=True))
    op.create_index("transcripts_by_content", "transcripts", ["owner", "content_digest"])
