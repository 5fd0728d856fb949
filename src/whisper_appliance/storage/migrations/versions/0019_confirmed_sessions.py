"""When the user of a session was last authenticated by sign-in or password."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Earlier sessions have to confirm."""
    op.add_column("sessions", sa.Column("confirmed", sa.Text, nullable=True))
