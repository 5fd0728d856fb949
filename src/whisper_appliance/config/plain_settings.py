"""Settings in plain words: the ones that most people change, and words by which others are found."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from whisper_appliance.core.i18n import N_


@dataclass(frozen=True, slots=True)
class PlainSetting:
    """A setting on the first page: its name and help in plain words."""

    name: str
    help: str


COMMON: Mapping[str, PlainSetting] = MappingProxyType(
    {
        "default_language": PlainSetting(
            N_("Language of recordings"),
            N_("The page begins with it. Everybody can choose another one for a recording."),
        ),
        "whisper_model": PlainSetting(
            N_("Model"),
            N_("Larger models make fewer mistakes and take longer. Used where nobody chooses one."),
        ),
        "max_upload_size": PlainSetting(
            N_("Largest file"), N_("Larger files are refused before they are sent.")
        ),
        "keep_audio": PlainSetting(
            N_("Whose recordings are kept"),
            N_("A kept recording can be played beside its words, and transcribed again."),
        ),
        "audio_retention_days": PlainSetting(
            N_("Recordings are kept for"), N_("In days. 0: as long as their transcripts.")
        ),
        "trash_days": PlainSetting(
            N_("Deleted transcripts can be restored for"), N_("In days. After that they are gone for good.")
        ),
        "storage_per_user": PlainSetting(
            N_("Space of each person"), N_("For recordings and transcripts together. 0: no limit.")
        ),
        "minutes_per_month": PlainSetting(N_("Minutes of audio a month for each person"), N_("0: no limit.")),
        "update_check": PlainSetting(
            N_("Looking for new versions"),
            N_("A button on the page Updates looks for them. Nothing looks by itself."),
        ),
    }
)
"""The settings of the first page, in its order. Who may use the appliance is the tenth; accounts keep it."""

SEARCH_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "default_language": N_("speech spoken german english automatic detect"),
        "whisper_model": N_("accuracy quality mistakes speed better faster"),
        "whisper_engine": N_("backend runtime accuracy speed"),
        "device": N_("graphics card gpu cuda processor"),
        "compute_type": N_("precision speed memory"),
        "worker_processes": N_("processor cores threads faster parallel"),
        "model_cache_size": N_("memory several models loaded together"),
        "model_idle_timeout": N_("memory free unload"),
        "model_downloads": N_("internet offline fetch"),
        "max_upload_size": N_("big large files size upload limit megabytes"),
        "max_audio_seconds": N_("long recordings length hours duration limit"),
        "upload_seconds": N_("slow upload time connection"),
        "url_imports": N_("address url link download podcast rss feed internet"),
        "min_free_disk": N_("disk space full storage"),
        "queue_limit": N_("waiting jobs many at once"),
        "keep_audio": N_("save sound recordings privacy delete play"),
        "audio_retention_days": N_("delete sound recordings privacy how long"),
        "audio_store": N_("sound compress space smaller"),
        "trash_days": N_("deleted undo bin restore"),
        "storage_per_user": N_("quota disk space person account"),
        "minutes_per_month": N_("quota cost person account hours"),
        "audit_days": N_("log records privacy how long"),
        "update_check": N_("updates upgrade new version internet"),
        "update_feed_url": N_("updates upgrade new version internet"),
        "backup_daily": N_("copy save database safety"),
        "https_port": N_("port address tls encryption"),
        "https_enabled": N_("tls encryption certificate secure"),
        "oidc_issuer": N_("sso single sign-on openid connect authentik keycloak authelia login"),
        "smtp_url": N_("email notification message finished"),
        "public_url": N_("email link domain name"),
        "allowed_hosts": N_("domain name 421 host header rebinding"),
        "certificate_names": N_("tls warning browser domain address"),
        "second_factor_required": N_("2fa two factor totp code authenticator login password"),
        "session_idle_seconds": N_("sign out login password time"),
        "session_seconds": N_("sign out login password time"),
        "live_sessions": N_("microphone captions speakers at once"),
        "live_seconds": N_("microphone captions long meeting"),
        "watch_folder": N_("folder automatic import share nas"),
        "storage_url": N_("nas share folder mount disk"),
        "data_dir": N_("folder disk place storage"),
        "log_level": N_("logging details debug problem"),
        "model_dir": N_("folder disk place models"),
    }
)
"""More words by which people search for a setting, beside its name and help."""
