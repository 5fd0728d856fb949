"""Open live sessions count for the quotas of their owners before their transcripts are stored."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    """Adds the seconds of open live sessions."""
    op.create_table(
        "live_usage",
        sa.Column("session_id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("counted_at", sa.Text, nullable=False),
    )
    op.create_index("live_usage_of_owner", "live_usage", ["owner"])
