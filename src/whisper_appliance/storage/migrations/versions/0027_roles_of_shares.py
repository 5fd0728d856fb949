"""Roles of shares (reader, editor), and folders that are shared with users."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Users with whom a transcript is shared stay readers."""
    op.add_column("shares", sa.Column("role", sa.Text, nullable=False, server_default="reader"))
    op.create_table(
        "folder_shares",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("folder_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("created", sa.Text, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.UniqueConstraint("folder_id", "user_id", name="folder_shares_once"),
    )
    op.create_index("folder_shares_with_user", "folder_shares", ["user_id"])
