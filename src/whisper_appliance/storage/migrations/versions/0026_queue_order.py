"""The order of waiting jobs: an owner's own order, an admin's precedence, and queues that are paused."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Waiting jobs keep the order in which they were accepted."""
    op.add_column("jobs", sa.Column("turn", sa.BigInteger, nullable=True))
    op.add_column("jobs", sa.Column("precedence", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "paused_queues",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("since", sa.Text, nullable=False),
    )
