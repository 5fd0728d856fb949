"""Jobs that translate the lines of a transcript into another language."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Adds a column for the language into which a job translates."""
    op.add_column("jobs", sa.Column("translate_to", sa.Text, nullable=True))
