"""Jobs keep the model that their owner chose apart from one that a request names."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    """Adds the model that the owner of a job chose; jobs that wait have the one that they have."""
    op.add_column("jobs", sa.Column("preferred_model", sa.Text, nullable=True))
