"""The second factor: secrets of authenticator apps, and hashes of recovery codes."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Nobody has a second factor yet."""
    user = sa.ForeignKey("users.id", ondelete="CASCADE")
    op.create_table(
        "totp",
        sa.Column("user_id", sa.Text, user, primary_key=True),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("since", sa.Text, nullable=True),
        sa.Column("last_step", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("code_hash", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    )
    op.create_index("recovery_codes_of_user", "recovery_codes", ["user_id"])
