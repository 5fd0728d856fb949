"""Every setting, in one table: name, default, one line of help. Read once, from the environment."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, ByteSize, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from whisper_appliance.errors import BadSetting


def _comma_separated(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Names = Annotated[list[str], NoDecode, BeforeValidator(_comma_separated)]
Folder = Annotated[Path, BeforeValidator(lambda value: Path(value).expanduser())]


def _default_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "whisper-appliance"


class Settings(BaseSettings):
    """The settings of one appliance. Field `https_port` is the variable `HTTPS_PORT`, and so on."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, validate_default=True
    )

    # Network
    host: str = Field("0.0.0.0", description="Address to listen on.")  # noqa: S104 - an appliance serves its network
    https_port: int = Field(
        5001,
        ge=0,
        le=65535,
        description="Port to listen on, for HTTPS and for the redirect to it; 0 takes a free one.",
    )
    https_enabled: bool = Field(
        True, description="Serve HTTPS. Off: plain HTTP, for use behind a proxy that ends TLS."
    )
    http_redirect: bool = Field(
        True, description="Answer plain HTTP on the same port with a redirect to HTTPS."
    )
    ssl_cert_path: Folder | None = Field(
        None, description="Your own certificate chain (PEM) instead of the appliance's; never overwritten."
    )
    ssl_key_path: Folder | None = Field(None, description="The private key (PEM) of SSL_CERT_PATH.")
    certificate_names: Names = Field(
        [], description="More host names or addresses for the certificate, separated by commas."
    )
    trusted_proxies: int = Field(
        0, ge=0, le=10, description="How many proxies stand in front, whose X-Forwarded headers are believed."
    )
    max_websockets: int = Field(
        100, ge=1, le=2000, description="Open event streams and sockets at once; further ones are refused."
    )
    max_websockets_per_address: int = Field(
        10, ge=1, le=2000, description="Sockets at once from one address; a proxy counts as one."
    )

    # Where things are
    data_dir: Folder = Field(
        default_factory=_default_data_dir, description="Folder of everything the appliance keeps."
    )
    model_dir: Folder = Field(
        Path("~/.cache/whisper"), description="Folder of models; a model is a folder in it."
    )
    database_url: SecretStr | None = Field(
        None, description="postgresql+psycopg://... for history and queue; empty: SQLite in DATA_DIR."
    )

    # Models and engine
    whisper_model: str = Field("base", description="Model that is used when a request names none.")
    whisper_engine: Literal["faster-whisper", "openai-whisper"] = Field(
        "faster-whisper", description="Which engine runs the models."
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where models run.")
    compute_type: str = Field(
        "auto",
        description="Number format of the weights: auto (int8 on CPU, float16 on CUDA), int8, float32, ...",
    )
    worker_processes: int = Field(
        0,
        ge=0,
        le=256,
        description="Windows of audio worked on side by side on the CPU; 0 means one per core.",
    )
    audio_chunk_size: float = Field(
        20, ge=5, le=30, description="Seconds of speech in one window, cut at silence."
    )
    model_cache_size: int = Field(1, ge=1, le=16, description="Models kept loaded at once.")
    model_idle_timeout: float = Field(
        300, ge=0, description="Seconds without work after which a model is unloaded; 0 keeps it."
    )
    model_warm_up: bool = Field(True, description="Load WHISPER_MODEL right after the start.")
    model_downloads: bool = Field(True, description="Let the appliance download models from the hub.")

    # Limits
    max_upload_size: ByteSize = Field(
        ByteSize(100 * 2**20), ge=1, le=2 * 2**30, description="Largest upload, e.g. 100MB, 1GiB."
    )
    max_audio_seconds: float = Field(
        4 * 3600, gt=0, le=48 * 3600, description="Longest recording, counted while decoding."
    )
    upload_seconds: float = Field(1800, gt=0, description="Longest time one upload may take.")
    uploads_at_once: int = Field(4, ge=1, description="Uploads received at once.")
    uploads_per_user: int = Field(2, ge=1, description="Uploads received at once from one user.")
    queue_limit: int = Field(100, ge=1, description="Jobs that may wait.")
    queue_limit_per_user: int = Field(20, ge=1, description="Jobs of one user that may wait.")
    wait_seconds: float = Field(
        120,
        ge=0,
        le=3600,
        description="How long POST /transcribe waits for the transcript before it answers 202.",
    )
    min_free_disk: ByteSize = Field(
        ByteSize(2**30), ge=0, description="Free space below which uploads are refused."
    )
    live_sessions: int = Field(
        8, ge=0, le=256, description="Live sessions at once; what two cores keep up with is 8 with base."
    )
    live_sessions_per_user: int = Field(2, ge=1, le=256, description="Live sessions at once of one user.")
    live_seconds: float = Field(4 * 3600, gt=0, description="Longest live session; it ends by itself then.")
    decoder_memory: ByteSize = Field(
        ByteSize(2**30), ge=2**28, description="Memory of the process that decodes a file."
    )
    decoder_cpu_seconds: int = Field(
        60, ge=1, description="Processor time of the process that decodes a file."
    )
    decoder_seconds: float = Field(120, gt=0, description="Wall time of the process that decodes a file.")
    keep_audio: bool = Field(False, description="Keep the uploaded audio beside its transcript.")
    trash_days: int = Field(30, ge=0, description="Days during which a deleted transcript can be restored.")

    # Operation
    debug_mode: bool = Field(
        False, description="Verbose logs and tracebacks in the log; never shown to clients."
    )
    flask_env: Literal["production", "development"] = Field(
        "production", description="development reloads templates on change."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least important log line that is written."
    )

    @field_validator("ssl_key_path")
    @classmethod
    def _key_goes_with_certificate(cls, value: Path | None, info: Any) -> Path | None:
        if (value is None) != (info.data.get("ssl_cert_path") is None):
            raise ValueError("SSL_CERT_PATH and SSL_KEY_PATH go together: set both or neither")
        return value

    @field_validator("max_upload_size", mode="before")
    @classmethod
    def _user_units(cls, value: object) -> object:
        """Users write 100MB and 2GB and mean powers of two, as upload limits have always been read here."""
        if isinstance(value, str):
            stripped = value.strip().upper()
            for unit in ("KB", "MB", "GB"):
                if stripped.endswith(unit):
                    return stripped.removesuffix("B") + "iB"
        return value


def load(**overrides: object) -> Settings:
    """The settings of this process. Raises `BadSetting`, which names every bad variable."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type] # values come from the command line, checked by pydantic
    except ValidationError as error:
        lines = [
            f"{'_'.join(str(part) for part in e['loc'][:1]).upper()}: {e['msg']}" for e in error.errors()
        ]
        raise BadSetting("Cannot start with these settings. " + "; ".join(lines)) from None


def table(settings: Settings) -> list[dict[str, str]]:
    """Name, value (secrets masked), default, source and help of every setting, for `doctor` and the docs."""
    rows = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        secret = SecretStr in (field.annotation, *get_args(field.annotation))
        default = field.get_default(call_default_factory=True, validated_data={})
        rows.append(
            {
                "name": name.upper(),
                "value": "********" if secret and value is not None else _shown(value),
                "default": "the user's data folder" if name == "data_dir" else _shown(default),
                "source": "environment" if os.environ.get(name.upper()) else "default",
                "help": field.description or "",
            }
        )
    return rows


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, ByteSize):
        return value.human_readable()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(value)
    return str(value)
