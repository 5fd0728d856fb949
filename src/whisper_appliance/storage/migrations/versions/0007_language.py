"""The language of the pages that a user chose; null follows the browser."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Existing users follow their browsers."""
    op.add_column("users", sa.Column("language", sa.Text, nullable=True))
