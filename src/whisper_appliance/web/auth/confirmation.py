"""Dangerous actions: those that give lasting access, or everybody's data. They need a user whose password was
given lately, so that a stolen session does little, and a stolen API key nothing of this kind.
"""

from flask import request

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.core.errors import ConfirmationRequired, NotAllowed
from whisper_appliance.web.context import appliance

DANGEROUS_ENDPOINTS = frozenset(
    {
        "account.create_key",
        "admin_backups.create_copy",
        "admin_backups.discard_restore",
        "admin_backups.download_backup",
        "admin_backups.download_copy",
        "admin_backups.stage_restore",
        "admin_certificate.remove_uploaded_certificate",
        "admin_certificate.renew_certificate",
        "admin_certificate.set_names",
        "admin_certificate.upload_certificate",
        "admin_invitations.create_invitation",
        "admin_users.delete_user",
        "admin_users.reset_second_factor",
        "admin_users.reset_password",
        "admin_users.revoke_keys",
        "admin_users.set_openness",
        "admin_users.update_user",
        "passkeys.begin_registration",
        "passkeys.register_passkey",
        "passkeys.remove_passkey",
        "second_factor.activate",
        "second_factor.enrol",
        "second_factor.renew_recovery_codes",
    }
)
"""Not here are the endpoints that always require the password: they change it, turn off the second factor, or
delete one's own account."""

SETTING_ENDPOINTS = frozenset({"admin_settings.change_setting", "admin_settings.reset_setting"})
DANGEROUS_SETTINGS = frozenset(
    {"allowed_hosts", "certificate_names", "cors_origins", "second_factor_required", "trusted_proxies"}
    | {"session_idle_seconds", "session_seconds", "wyoming_port", "wyoming_user", "public_url", "smtp_from"}
    | {"audit_days", "backup_daily", "keep_audio", "audio_retention_days", "trash_days"}
)
"""Settings that do the same as a dangerous endpoint, decide which requests are trusted and for how long, open
the appliance to more people, lead people to another site, or delete what was recorded."""


def is_dangerous(endpoint: str) -> bool:
    """Whether this request, to `endpoint`, is for a dangerous action."""
    if endpoint in SETTING_ENDPOINTS:
        return str((request.view_args or {}).get("name", "")).lower() in DANGEROUS_SETTINGS
    return endpoint in DANGEROUS_ENDPOINTS


def check_confirmed(actor: Actor) -> None:
    """Raises `NotAllowed` for an API key, `ConfirmationRequired` if the user was not confirmed lately.

    The view checks whether the actor may do the action at all; an actor without an account gets its answer.
    """
    if actor.user is None:
        return
    if actor.key:
        raise NotAllowed("Keys cannot do this. Sign in to the appliance's page instead.")
    if not appliance().accounts.sessions.is_confirmed(actor.session):
        raise ConfirmationRequired("Confirm with your password that it is you.")
