"""Users choose the model for their recordings."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    """Adds the model of a user; everybody's is the appliance's until they choose one."""
    op.add_column("users", sa.Column("model", sa.Text, nullable=True))
