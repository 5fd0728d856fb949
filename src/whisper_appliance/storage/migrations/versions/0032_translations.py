"""Translations beside transcripts, the jobs that make them, and e-mail addresses that are confirmed."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Adds tables and columns. E-mail addresses of before have to be confirmed; what waits for them ends."""
    _add_translations()
    _add_confirmations()


def _add_translations() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "translations",
        sa.Column(
            "transcript_number",
            number,
            sa.ForeignKey("transcripts.number", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("created", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.add_column("jobs", sa.Column("translation_of", sa.Text, nullable=True))


def _add_confirmations() -> None:
    for name in ("confirmed_at", "token_hash", "token_expires"):
        op.add_column("webhooks", sa.Column(name, sa.Text, nullable=True))
    op.create_index("webhooks_by_token", "webhooks", ["token_hash"], unique=True)
    op.create_table(
        "confirmation_mails",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("sent", sa.Text, nullable=False),
    )
    op.execute("UPDATE webhooks SET confirmed_at = created WHERE url NOT LIKE 'mailto:%'")
    op.execute(
        "UPDATE webhook_deliveries SET status = 'failed', next_at = NULL, finished = created "
        "WHERE status = 'waiting' AND webhook_id IN (SELECT id FROM webhooks WHERE confirmed_at IS NULL)"
    )
