"""Settings that are changed in the panel: kept in the database, and below what the environment says."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Literal, get_args

import structlog
from pydantic import SecretStr, ValidationError

from whisper_appliance.config.override_rows import Adjusted, AdjustedSettings
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import ApplianceError, Conflict, InvalidRequest, NotFound
from whisper_appliance.storage.database import Database

Source = Literal["environment", "command line", "panel", "default"]
Effect = Literal["at once", "after a restart", "environment only"]
Check = Callable[[Settings], None]
"""Looks at the settings as they would be. Raises `InvalidRequest` when they cannot be."""

AT_ONCE = frozenset(
    {
        "certificate_names", "whisper_model", "model_cache_size", "model_idle_timeout", "model_downloads",
        "audio_chunk_size", "max_upload_size", "max_audio_seconds", "upload_seconds", "uploads_at_once",
        "uploads_per_user", "queue_limit", "queue_limit_per_user", "wait_seconds", "min_free_disk",
        "live_sessions", "live_sessions_per_user", "live_seconds", "live_idle_seconds", "live_resume_seconds",
        "live_packet_size", "decoder_memory", "decoder_cpu_seconds",
        "decoder_seconds", "keep_audio", "trash_days", "log_level",
        "repeat_seconds", "minutes_per_month", "storage_per_user", "audit_days", "update_check",
        "update_feed_url",
    }
)  # fmt: skip
"""Settings whose change is seen by the running parts; others count from the next start on."""

ENVIRONMENT_ONLY = frozenset(
    {"host", "https_port", "https_enabled", "ssl_cert_path", "ssl_key_path", "data_dir", "supervised"}
    | {"admin_password_file", "storage_url"}
)
"""What decides where the panel and the database are found, or is a fact about the start."""

log = structlog.get_logger()


class Adjustments:
    """The settings in force: what was given at the start, then what the panel says, then the defaults.

    `settings` is asked for each time, never kept. Secrets are not taken: the database is no place for them.
    """

    def __init__(
        self,
        rows: AdjustedSettings,
        given: Settings,
        *,
        checks: Mapping[str, Check] | None = None,
        heed: Check = lambda settings: None,
    ) -> None:
        """`checks` by the name of a setting are asked about its change; `heed` hears what counts at once."""
        self._rows = rows
        self._given = given
        self._checks = checks or {}
        self._heed = heed
        self._lock = threading.Lock()
        self._stored = rows.all()
        self._settings = self.after_restart()

    @property
    def settings(self) -> Settings:
        """What counts now."""
        return self._settings

    @property
    def stored(self) -> Mapping[str, Adjusted]:
        """What was changed in the panel, by name; what is given at the start goes before it."""
        return dict(self._stored)

    def after_restart(self) -> Settings:
        """What will count after the next start. A kept value that cannot be used any more is left out."""
        return self._with(self._usable())

    def set(self, name: str, text: str, by: str) -> None:
        """Changes a setting, written as in the environment; an empty text sets it back to its default.

        Raises `NotFound`, `Conflict` where the panel cannot change it, `InvalidRequest`.
        """
        name = name.lower()
        if not text.strip():
            self.reset(name)
            return
        with self._lock:
            self.check_changeable(name)
            wanted = self._validated(name, text.strip())
            self._stored = {**self._stored, name: self._rows.put(name, text.strip(), by)}
            self._take(name, wanted)

    def reset(self, name: str) -> None:
        """Sets a setting back to its default. Raises as `set` does."""
        name = name.lower()
        with self._lock:
            self.check_changeable(name)
            wanted = self._validated(name, None)
            self._rows.remove(name)
            self._stored = {other: kept for other, kept in self._stored.items() if other != name}
            self._take(name, wanted)

    def forget(self, name: str) -> None:
        """Takes back what was said of a setting here, also where something else goes before it."""
        with self._lock:
            self._rows.remove(name.lower())
            self._stored = {other: kept for other, kept in self._stored.items() if other != name.lower()}

    def source(self, name: str) -> Source:
        """Who says how it is."""
        if name in self._given.model_fields_set:
            return "environment" if os.environ.get(name.upper()) else "command line"
        return "panel" if name in self._stored and self._counts(name) else "default"

    def check_changeable(self, name: str) -> None:
        """Raises `NotFound` for no setting, `Conflict` where the panel cannot change it."""
        if name not in Settings.model_fields:
            raise NotFound(f"There is no setting named {name.upper()[:60]!r}.")
        if effect(name) == "environment only":
            raise Conflict(f"{name.upper()} is set where the appliance is started, in its environment.")
        if name in self._given.model_fields_set:
            where = f"{'on' if self.source(name) == 'command line' else 'in'} the {self.source(name)}"
            raise Conflict(f"{name.upper()} is set {where}, which goes before the panel. Change it there.")

    def _counts(self, name: str) -> bool:
        known = name in Settings.model_fields and effect(name) != "environment only"
        return known and name not in self._given.model_fields_set

    def _usable(self) -> dict[str, str]:
        """What is kept and counts, as it was written; not what this version of the appliance refuses."""
        texts = {name: kept.text for name, kept in self._stored.items() if self._counts(name)}
        while True:
            try:
                self._with(texts)
            except ValidationError as error:
                bad = {str(each["loc"][0]) for each in error.errors() if each["loc"]} & set(texts)
                if not bad:
                    raise
                for name in bad:
                    log.warning("a setting of the panel cannot be used", setting=name.upper())
                    del texts[name]
            else:
                return texts

    def _with(self, texts: Mapping[str, object]) -> Settings:
        given = {name: getattr(self._given, name) for name in self._given.model_fields_set}
        return Settings(**{**texts, **given})

    def _validated(self, name: str, text: str | None) -> Settings:
        """The settings with this change, by the setting's own rule."""
        texts = {other: kept for other, kept in self._usable().items() if other != name}
        try:
            wanted = self._with(texts if text is None else {**texts, name: text})
        except ValidationError as error:
            raise InvalidRequest(f"{name.upper()}: {_sentence(error)}", field="value") from None
        if check := self._checks.get(name):
            check(wanted)
        return wanted

    def _take(self, name: str, wanted: Settings) -> None:
        if name not in AT_ONCE:
            return
        self._settings = self._settings.model_copy(update={name: getattr(wanted, name)})
        self._heed(self._settings)


@contextmanager
def opened_adjustments(given: Settings) -> Iterator[Adjustments]:
    """Those of a program that runs beside the appliance, or before it. Raises what a database raises."""
    url = given.database_url.get_secret_value() if given.database_url else None
    with closing(Database.in_folder(given.data_dir, url)) as database:
        yield Adjustments(AdjustedSettings(database), given)


def adjusted(given: Settings) -> Settings:
    """What counts at a start: the panel's changes too, unless the database cannot be read."""
    try:
        with opened_adjustments(given) as adjustments:
            return adjustments.settings
    except ApplianceError:
        return given


def effect(name: str) -> Effect:
    """When a change of this setting counts."""
    if name in ENVIRONMENT_ONLY or is_secret(name):
        return "environment only"
    return "at once" if name in AT_ONCE else "after a restart"


def is_secret(name: str) -> bool:
    """Whether the value is shown to nobody."""
    annotation = Settings.model_fields[name].annotation
    return SecretStr in (annotation, *get_args(annotation))


def _sentence(error: ValidationError) -> str:
    said = error.errors()[0]["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"the value {said}." if said.startswith("should") else f"{said}."
