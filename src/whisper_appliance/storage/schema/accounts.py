"""The tables of accounts, as the newest migration leaves them. Secrets are stored as hashes only.

The exceptions are the secrets of webhooks, with which each message is signed, and those of authenticator
apps, from which each code is computed.
"""

from typing import Literal

import sqlalchemy as sa

ShareRole = Literal["reader", "commenter", "editor"]
"""What a user with whom something is shared may do: read it, or also edit its text and title."""

metadata = sa.MetaData()
_Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _of_user() -> "sa.Column[str]":
    return sa.Column("user_id", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False)


ACCOUNTS = "accounts"
"""The name of exclusive transactions that check rules over several rows of these tables."""

users = sa.Table(
    "users",
    metadata,
    sa.Column("number", _Number, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("name_folded", sa.Text, nullable=False, unique=True),
    sa.Column("password", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("last_seen", sa.Text, nullable=True),
    sa.Column("disabled_at", sa.Text, nullable=True),
    sa.Column("minutes_per_month", sa.Float, nullable=True),
    sa.Column("storage_bytes", sa.BigInteger, nullable=True),
    sa.Column("waiting_jobs", sa.Integer, nullable=True),
    sa.Column("language", sa.Text, nullable=True),
    sa.Column("recording_days", sa.Integer, nullable=True),
    sa.Column("remembers_voices", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("model", sa.Text, nullable=True),
    sqlite_autoincrement=True,
)

identities = sa.Table(
    "identities",
    metadata,
    sa.Column("issuer", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    _of_user(),
    sa.Column("created", sa.Text, nullable=False),
    sa.Index("identities_of_user", "user_id"),
)
"""People at an OpenID Connect provider, and their accounts."""

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("token_hash", sa.Text, nullable=False, unique=True),
    _of_user(),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("last_seen", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("agent", sa.Text, nullable=False),
    sa.Column("confirmed", sa.Text, nullable=True),
)

provider_sessions = sa.Table(
    "provider_sessions",
    metadata,
    sa.Column("session_id", sa.Text, sa.ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("sid", sa.Text, nullable=False),
    sa.Column("id_token", sa.Text, nullable=False),
    sa.Index("provider_sessions_of_subject", "issuer", "subject"),
)
"""Sessions that began at an OpenID Connect provider, and what their end there, or from there, needs."""

totp = sa.Table(
    "totp",
    metadata,
    sa.Column("user_id", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("since", sa.Text, nullable=True),
    sa.Column("last_step", sa.BigInteger, nullable=False),
)

recovery_codes = sa.Table(
    "recovery_codes",
    metadata,
    sa.Column("code_hash", sa.Text, primary_key=True),
    _of_user(),
    sa.Index("recovery_codes_of_user", "user_id"),
)

passkeys = sa.Table(
    "passkeys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("credential_hash", sa.Text, nullable=False, unique=True),
    _of_user(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("credential", sa.Text, nullable=False),
    sa.Column("sign_count", sa.BigInteger, nullable=False),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("last_used", sa.Text, nullable=True),
    sa.Index("passkeys_of_user", "user_id"),
)

passkey_challenges = sa.Table(
    "passkey_challenges",
    metadata,
    sa.Column("challenge_hash", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=True),
    sa.Column("created", sa.Text, nullable=False),
)

keys = sa.Table(
    "keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("token_hash", sa.Text, nullable=False, unique=True),
    _of_user(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("hint", sa.Text, nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("expires", sa.Text, nullable=True),
    sa.Column("last_used", sa.Text, nullable=True),
)

sign_in_attempts = sa.Table(
    "sign_in_attempts",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("counters", sa.Text, nullable=False),
    sa.Column("kept_until", sa.Float, nullable=False),
    sa.Index("sign_in_attempts_by_end", "kept_until"),
)
"""Counters by hash of address and account. Some people type a password as their name, so no name is kept."""

invitations = sa.Table(
    "invitations",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("token_hash", sa.Text, nullable=False, unique=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("expires", sa.Text, nullable=False),
    sa.Column("used_at", sa.Text, nullable=True),
    sa.Column("used_by", sa.Text, nullable=True),
)

shares = sa.Table(
    "shares",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("transcript_id", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=True),
    sa.Column("token", sa.Text, nullable=True, unique=True),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("expires", sa.Text, nullable=True),
    sa.Column("audio", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("role", sa.Text, nullable=False, server_default="reader"),
    sa.Index("shares_of_transcript", "transcript_id"),
    sa.Index("shares_with_user", "user_id"),
)

# `folder_id` is no foreign key, because backups copy the tables of accounts first.
folder_shares = sa.Table(
    "folder_shares",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("folder_id", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.UniqueConstraint("folder_id", "user_id", name="folder_shares_once"),
    sa.Index("folder_shares_with_user", "user_id"),
)

presets = sa.Table(
    "presets",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _of_user(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("name_folded", sa.Text, nullable=False),
    sa.Column("options", sa.Text, nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("created", sa.Text, nullable=False),
    sa.UniqueConstraint("user_id", "name_folded", name="presets_names"),
)

voices = sa.Table(
    "voices",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _of_user(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("name_folded", sa.Text, nullable=False),
    sa.Column("transcript_id", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("embedding", sa.Text, nullable=False),
    sa.Column("created", sa.Text, nullable=False),
    sa.UniqueConstraint("user_id", "transcript_id", "label", name="voices_once"),
)
"""Voices of speakers whom a user named; `label` is what the machine called the speaker in that transcript."""

usage = sa.Table(
    "usage",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("jobs", sa.Integer, nullable=False),
    sa.Column("audio_seconds", sa.Float, nullable=False),
    sa.Column("processing_seconds", sa.Float, nullable=False),
)

live_usage = sa.Table(
    "live_usage",
    metadata,
    sa.Column("session_id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("counted_at", sa.Text, nullable=False),
    sa.Index("live_usage_of_owner", "owner"),
)
"""The seconds of live sessions whose transcripts are not stored yet, of owners with a quota."""

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _of_user(),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("disabled_at", sa.Text, nullable=True),
    sa.Column("confirmed_at", sa.Text, nullable=True),
    sa.Column("token_hash", sa.Text, nullable=True),
    sa.Column("token_expires", sa.Text, nullable=True),
    sa.Index("webhooks_of_user", "user_id"),
    sa.Index("webhooks_by_token", "token_hash", unique=True),
)
"""An e-mail address is not confirmed before its token came back; a server needs no token."""

confirmation_mails = sa.Table(
    "confirmation_mails",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _of_user(),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("sent", sa.Text, nullable=False),
)
"""Those of the last day, for the limits; they stay when their webhook is deleted."""

webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column("number", _Number, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("webhook_id", sa.Text, sa.ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", sa.Text, nullable=True),
    sa.Column("status_code", sa.Integer, nullable=True),
    sa.Column("error", sa.Text, nullable=True),
    sa.Column("finished", sa.Text, nullable=True),
    sa.Index("webhook_deliveries_by_time", "next_at"),
    sa.Index("webhook_deliveries_of_webhook", "webhook_id", "number"),
    sqlite_autoincrement=True,
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("number", _Number, primary_key=True, autoincrement=True),
    sa.Column("time", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("actor_name", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("object", sa.Text, nullable=False),
    sa.Column("details", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)

adjustments = sa.Table(
    "adjustments",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("changed", sa.Text, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),
)
