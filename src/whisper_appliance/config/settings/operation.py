"""Settings of logs, metrics, backups and updates."""

import re
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import ByteSize, Field, SecretStr, field_validator

from whisper_appliance.config.settings.section import Section
from whisper_appliance.config.types import Size


class OperationSettings(Section):
    """How the appliance is operated."""

    title = "Operation"

    debug_mode: bool = Field(
        False, description="Verbose logs and tracebacks in the log; never shown to clients."
    )
    flask_env: Literal["production", "development"] = Field(
        "production", description="development reloads templates on change."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least important log line that is written."
    )
    supervised: bool = Field(
        False, description="Something starts the appliance again when it ends; systemd and Docker are found."
    )
    log_file_size: Size = Field(
        ByteSize(10 * 2**20),
        ge=0,
        description="Size of DATA_DIR/logs/appliance.log, kept five deep; 0: no file.",
    )
    metrics_token: SecretStr | None = Field(
        None, description="Bearer token with which other machines may read /metrics."
    )
    otel_exporter_otlp_endpoint: str = Field(
        "",
        pattern="^(https?://.+)?$",
        description="An OpenTelemetry collector (OTLP over HTTP) that gets a trace of each job; empty: none.",
    )
    backup_daily: bool = Field(
        True, description="Copy the SQLite database to DATA_DIR/backups every day; seven are kept."
    )
    backup_passphrase: SecretStr | None = Field(
        None,
        min_length=12,
        description="Backups and daily copies are encrypted with it (age format); without it nobody can "
        "restore them.",
    )
    smtp_url: SecretStr | None = Field(
        None,
        description="Server that sends e-mail about long jobs, smtp://user:password@mail.example.org:587 "
        "(STARTTLS) or smtps://…; without it none is sent.",
    )
    smtp_from: str = Field("", description="Sender of that e-mail, speech@example.org.")
    public_url: str = Field(
        "",
        pattern="^(https?://.+)?$",
        description="Address that people open, for links in e-mail, https://speech.example.org; empty: the "
        "address of the machine.",
    )
    update_check: bool = Field(
        False,
        description="Administrators may check UPDATE_FEED_URL for new versions; nothing checks it by itself.",
    )
    update_feed_url: str = Field(
        "", description="Address (https) of a list of releases, for the page Updates of the panel."
    )

    @field_validator("smtp_url")
    @classmethod
    def _is_smtp(cls, value: SecretStr | None) -> SecretStr | None:
        parts = urlsplit(value.get_secret_value()) if value else None
        if parts and (parts.scheme not in ("smtp", "smtps") or not parts.hostname):
            raise ValueError("write it as smtp://user:password@host:587 or smtps://user:password@host")
        return value

    @field_validator("smtp_from")
    @classmethod
    def _sender_goes_with_server(cls, value: str, info: Any) -> str:
        if info.data.get("smtp_url") and not re.fullmatch(r"[^\s<>@]+@[^\s<>@]+", value):
            raise ValueError("e-mail needs a sender: an address such as speech@example.org")
        return value
