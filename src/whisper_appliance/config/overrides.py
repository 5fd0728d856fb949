"""Setting overrides from the admin panel. Precedence: environment and command line, override, default."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Literal, get_args

import structlog
from pydantic import ByteSize, SecretStr, ValidationError

from whisper_appliance.config.override_rows import Override, OverrideRows
from whisper_appliance.config.settings import Settings
from whisper_appliance.config.types import size_text
from whisper_appliance.core.errors import ApplianceError, Conflict, InvalidRequest, NotFound
from whisper_appliance.core.i18n import N_
from whisper_appliance.storage.database import Database

SettingSource = Literal["environment", "command line", "panel", "default"]
SettingEffect = Literal["at once", "after a restart", "environment only"]
SettingsValidator = Callable[[Settings], None]
"""Checks settings before a change is stored. Raises `InvalidRequest` when they cannot be used."""

AT_ONCE = frozenset(
    {
        "allowed_hosts", "certificate_names", "whisper_model", "model_by_language", "model_cache_size",
        "model_idle_timeout",
        "model_downloads", "audio_chunk_size", "default_language", "max_upload_size", "max_audio_seconds",
        "upload_seconds", "uploads_at_once", "uploads_per_user", "uploads_per_address", "upload_pace",
        "url_imports", "queue_limit", "queue_limit_per_user", "queue_limit_per_address", "wait_seconds",
        "min_free_disk",
        "live_sessions", "live_sessions_per_user", "live_seconds", "live_idle_seconds", "live_resume_seconds",
        "live_packet_size", "decoder_memory", "decoder_cpu_seconds",
        "decoder_seconds", "keep_audio", "audio_retention_days", "audio_store", "trash_days", "log_level",
        "repeat_seconds", "minutes_per_month", "storage_per_user", "audit_days", "update_check",
        "wyoming_port", "wyoming_user", "protocols", "model_aliases",
        "second_factor_required",
    }
)  # fmt: skip
"""Settings that take effect while the appliance runs; the others take effect after a restart."""

ENVIRONMENT_ONLY = frozenset(
    {"host", "https_port", "https_enabled", "ssl_cert_path", "ssl_key_path", "data_dir", "supervised"}
    | {"admin_password_file", "storage_url", "update_feed_url", "url_imports_private"}
    | {"oidc_issuer", "oidc_client_id", "oidc_groups_claim", "oidc_admin_groups", "oidc_user_groups"}
    | {"oidc_link_verified_email"}
    | {"model_dir", "diarization_model", "translation_models", "watch_folder", "output_folder", "watch_user"}
    | {"webhook_private_addresses", "otel_exporter_otlp_endpoint"}
)
"""Settings that are needed to find the panel and the database, describe how the appliance is started, name
who vouches for accounts (with those an admin could become an owner), name folders (with those an admin could
read, write or delete files of others), or let the appliance itself send to or fetch from any address (with
that an admin could reach services of its machine)."""

log = structlog.get_logger()


class SettingOverrides:
    """The current settings, and changes to them from the admin panel.

    Callers read `settings` each time and do not store it, because it changes. Secrets cannot be overridden,
    because the database must not hold them.
    """

    def __init__(
        self,
        rows: OverrideRows,
        initial: Settings,
        *,
        checks: Mapping[str, SettingsValidator] | None = None,
        on_change: Callable[[Settings], None] | None = None,
    ) -> None:
        """`initial` are the settings of environment and command line.

        `checks` are further validators, by the name of a setting. `on_change` is called with the new settings
        when a change takes effect at once.
        """
        self._rows = rows
        self._initial = initial
        self._checks = checks or {}
        self._on_change = on_change
        self._lock = threading.Lock()
        self._stored = rows.load()
        self._settings = self.settings_after_restart()

    @property
    def settings(self) -> Settings:
        """The settings in effect now."""
        return self._settings

    @property
    def stored(self) -> Mapping[str, Override]:
        """All stored overrides by name, also those that the environment takes precedence over."""
        return dict(self._stored)

    @property
    def not_applied(self) -> tuple[str, ...]:
        """Settings that an older version let the panel set, and that only the environment sets now."""
        return tuple(
            sorted(
                name.upper()
                for name in self._stored
                if name in ENVIRONMENT_ONLY
                and name not in self._initial.model_fields_set
                and self._stored[name].text.lower() != str(getattr(self._initial, name)).lower()
            )
        )

    def settings_after_restart(self) -> Settings:
        """The settings after the next restart. Stored values that are no longer valid are left out."""
        return self._usable()[1]

    def set(self, name: str, text: str, by: str) -> None:
        """Overrides a setting by a text as in the environment; an empty text resets it to its default.

        Raises `NotFound`, `Conflict` if the panel cannot change it, `InvalidRequest` for a bad value.
        """
        name = name.lower()
        if not text.strip():
            self.reset(name)
            return
        with self._lock:
            self.check_changeable(name)
            changed = self._validated(name, text.strip())
            self._stored = {**self._stored, name: self._rows.put(name, text.strip(), by)}
            self._apply(name, changed)

    def reset(self, name: str) -> None:
        """Resets a setting to its default. Raises as `set` does."""
        name = name.lower()
        with self._lock:
            self.check_changeable(name)
            changed = self._validated(name, None)
            self._rows.remove(name)
            self._stored = {other: override for other, override in self._stored.items() if other != name}
            self._apply(name, changed)

    def remove(self, name: str) -> None:
        """Removes the stored override of a setting, also if the environment takes precedence over it."""
        with self._lock:
            self._rows.remove(name.lower())
            self._stored = {
                other: override for other, override in self._stored.items() if other != name.lower()
            }

    def source(self, name: str) -> SettingSource:
        """Where the value of a setting comes from."""
        if name in self._initial.model_fields_set:
            return "environment" if os.environ.get(name.upper()) else "command line"
        return "panel" if name in self._stored and self._applies(name) else "default"

    def check_changeable(self, name: str) -> None:
        """Raises `NotFound` if there is no such setting, `Conflict` if the panel cannot change it."""
        if name not in Settings.model_fields:
            raise NotFound("There is no setting named {name!r}.", name=name.upper()[:60])
        if effect(name) == "environment only":
            raise Conflict(
                "{name} is set where the appliance is started, in its environment.", name=name.upper()
            )
        if name in self._initial.model_fields_set:
            raise Conflict(
                _SET_ON_COMMAND_LINE if self.source(name) == "command line" else _SET_IN_ENVIRONMENT,
                name=name.upper(),
            )

    def _applies(self, name: str) -> bool:
        exists = name in Settings.model_fields and effect(name) != "environment only"
        return exists and name not in self._initial.model_fields_set

    def _usable(self) -> tuple[dict[str, str], Settings]:
        """The texts of the overrides that apply and that this version accepts, and the settings with them."""
        texts = {name: override.text for name, override in self._stored.items() if self._applies(name)}
        while True:
            try:
                return texts, self._combine(texts)
            except ValidationError as error:
                bad = {str(each["loc"][0]) for each in error.errors() if each["loc"]} & set(texts)
                if not bad:
                    raise
                for name in bad:
                    log.warning("override ignored: its value is not valid", setting=name.upper())
                    del texts[name]

    def _combine(self, texts: Mapping[str, object]) -> Settings:
        if not texts:  # to validate them all again takes as long as half of the web application
            return self._initial
        initial = {name: getattr(self._initial, name) for name in self._initial.model_fields_set}
        return Settings(**{**texts, **initial})

    def _validated(self, name: str, text: str | None) -> Settings:
        """The settings with this change. Raises `InvalidRequest`."""
        texts = {other: override for other, override in self._usable()[0].items() if other != name}
        try:
            changed = self._combine(texts if text is None else {**texts, name: text})
        except ValidationError as error:
            raise _invalid(name, error) from None
        if check := self._checks.get(name):
            check(changed)
        return changed

    def _apply(self, name: str, changed: Settings) -> None:
        if name not in AT_ONCE:
            return
        self._settings = self._settings.model_copy(update={name: getattr(changed, name)})
        if self._on_change:
            self._on_change(self._settings)


@contextmanager
def open_overrides(initial: Settings) -> Iterator[SettingOverrides]:
    """Overrides for a command that runs beside the appliance, or before it. Raises database errors."""
    url = initial.database_url.get_secret_value() if initial.database_url else None
    with closing(Database.in_folder(initial.data_dir, url)) as database:
        yield SettingOverrides(OverrideRows(database), initial)


def with_overrides(initial: Settings) -> Settings:
    """The settings for a start: `initial` with overrides; without them if the database cannot be read."""
    try:
        with open_overrides(initial) as overrides:
            return overrides.settings
    except (ApplianceError, OSError):
        return initial


def effect(name: str) -> SettingEffect:
    """When a change of this setting takes effect."""
    if name in ENVIRONMENT_ONLY or is_secret(name):
        return "environment only"
    return "at once" if name in AT_ONCE else "after a restart"


def is_size(name: str) -> bool:
    """Whether the value is a number of bytes."""
    return Settings.model_fields[name].annotation is ByteSize


def is_secret(name: str) -> bool:
    """Whether the value is a secret, which is never shown."""
    annotation = Settings.model_fields[name].annotation
    return SecretStr in (annotation, *get_args(annotation))


def _invalid(name: str, error: ValidationError) -> InvalidRequest:
    """What to write instead of the value that was refused."""
    details = error.errors()[0]
    bounds: dict[str, Any] = {
        key: size_text(int(value)) if is_size(name) else value
        for key, value in details.get("ctx", {}).items()
        if isinstance(value, int | float)
    }
    choices = ", ".join(map(str, get_args(Settings.model_fields[name].annotation)))
    if sentence := _WHAT_TO_WRITE.get(details["type"]):
        return InvalidRequest(sentence, field="value", choices=choices, **bounds)
    reason = details["msg"].removeprefix("Value error, ")
    return InvalidRequest("{name}: {error}.", name=name.upper(), error=reason, field="value")


_SET_IN_ENVIRONMENT = N_(
    "{name} is set in the environment, which takes precedence over the panel. Change it there."
)
_SET_ON_COMMAND_LINE = N_(
    "{name} is set on the command line, which takes precedence over the panel. Change it there."
)
_SIZE = N_("Write a size such as 500MB.")
_WHOLE = N_("Write a whole number such as 30.")
_WHAT_TO_WRITE = {
    "byte_size": _SIZE,
    "byte_size_unit": _SIZE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_parsing": N_("Write a number such as 1.5."),
    "finite_number": N_("Write a number such as 1.5."),
    "bool_parsing": N_("Write true or false."),
    "greater_than_equal": N_("Write {ge} or more."),
    "greater_than": N_("Write more than {gt}."),
    "less_than_equal": N_("Write {le} or less."),
    "less_than": N_("Write less than {lt}."),
    "literal_error": N_("Choose one of these: {choices}."),
}
"""What to write, by the type of pydantic's error."""
