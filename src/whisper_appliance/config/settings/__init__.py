"""All settings: one table of name, default and help, read once from the environment.

Each section is a class in a module of its own; `Settings` combines them.
"""

import os
from typing import get_args

from pydantic import ByteSize, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from whisper_appliance.config.settings.accounts import AccountSettings
from whisper_appliance.config.settings.engine import EngineSettings
from whisper_appliance.config.settings.limits import ProcessLimits, RequestLimits, RetentionLimits
from whisper_appliance.config.settings.live import LiveSettings
from whisper_appliance.config.settings.operation import OperationSettings
from whisper_appliance.config.settings.programs import ProgramSettings
from whisper_appliance.config.settings.section import Section
from whisper_appliance.config.settings.server import ServerSettings
from whisper_appliance.config.settings.single_sign_on import SingleSignOnSettings
from whisper_appliance.config.settings.storage import StorageSettings
from whisper_appliance.config.settings.watching import WatchSettings
from whisper_appliance.config.types import size_text
from whisper_appliance.core.errors import BadSetting


class Settings(
    OperationSettings,
    WatchSettings,
    ProgramSettings,
    SingleSignOnSettings,
    AccountSettings,
    RetentionLimits,
    ProcessLimits,
    LiveSettings,
    RequestLimits,
    EngineSettings,
    StorageSettings,
    ServerSettings,
    BaseSettings,
):
    """The settings of one appliance. Field `https_port` is the variable `HTTPS_PORT`, and so on.

    Pydantic orders fields from the last base class to the first, so the bases are listed in reverse.
    """

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, validate_default=True, defer_build=False
    )


def section_of(name: str) -> str:
    """The title of the section that a setting belongs to."""
    return next(
        base.title for base in Settings.__bases__ if issubclass(base, Section) and name in base.model_fields
    )


def load(**overrides: object) -> Settings:
    """Reads the settings of this process. Raises `BadSetting`, which names every bad variable."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type] # values come from the command line, checked by pydantic
    except ValidationError as error:
        lines = [
            f"{'_'.join(str(part) for part in e['loc'][:1]).upper()}: {e['msg']}" for e in error.errors()
        ]
        raise BadSetting("Cannot start with these settings. {problems}", problems="; ".join(lines)) from None


def settings_table(settings: Settings) -> list[dict[str, str]]:
    """Name, value (secrets masked), default, source and help of every setting, for `doctor` and the docs."""
    rows = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        secret = SecretStr in (field.annotation, *get_args(field.annotation))
        default = field.get_default(call_default_factory=True, validated_data={})
        rows.append(
            {
                "name": name.upper(),
                "value": "********" if secret and value is not None else _text_of(value),
                "default": "the user's data folder" if name == "data_dir" else _text_of(default),
                "source": "environment" if os.environ.get(name.upper()) else "default",
                "help": field.description or "",
            }
        )
    return rows


def _text_of(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, ByteSize):
        return size_text(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(value)
    return str(value)
