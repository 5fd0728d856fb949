"""Sessions that began at an OpenID Connect provider."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Sessions that are open already end here only, as before."""
    op.create_table(
        "provider_sessions",
        sa.Column("session_id", sa.Text, sa.ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("sid", sa.Text, nullable=False),
        sa.Column("id_token", sa.Text, nullable=False),
    )
    op.create_index("provider_sessions_of_subject", "provider_sessions", ["issuer", "subject"])
