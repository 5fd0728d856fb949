"""Counters of sign-in attempts, which all machines share."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Adds the table; the counters begin at nothing."""
    op.create_table(
        "sign_in_attempts",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("counters", sa.Text, nullable=False),
        sa.Column("kept_until", sa.Float, nullable=False),
    )
    op.create_index("sign_in_attempts_by_end", "sign_in_attempts", ["kept_until"])
