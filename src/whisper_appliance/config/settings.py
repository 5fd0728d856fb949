"""Every setting, in one table: name, default, one line of help. Read once, from the environment."""

import os
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import ByteSize, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from whisper_appliance.config.types import Folder, MountedFolder, Names, Origins, Size, default_data_dir
from whisper_appliance.core.errors import BadSetting


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
    max_connections: int = Field(
        200, ge=50, le=10_000, description="Connections open at once; further ones wait to be accepted."
    )
    header_seconds: float = Field(15, gt=0, le=600, description="Longest time for a request's headers.")
    body_idle_seconds: float = Field(
        30, gt=0, le=600, description="Longest time without a byte of a body, either way."
    )
    cors_origins: Origins = Field(
        [], description="Other sites whose pages may use the API, https://app.example; none by default."
    )
    redis_url: SecretStr | None = Field(
        None, description="redis://... for counting requests; empty: in this process's memory."
    )

    # Where things are
    data_dir: Folder = Field(
        default_factory=default_data_dir, description="Folder of everything the appliance keeps."
    )
    model_dir: Folder = Field(
        Path("~/.cache/whisper"), description="Folder of models; a model is a folder in it."
    )
    database_url: SecretStr | None = Field(
        None, description="postgresql+psycopg://... for history and queue; empty: SQLite in DATA_DIR."
    )

    storage_url: MountedFolder | None = Field(
        None, description="Folder that all workers mount, for uploads and kept audio; empty: DATA_DIR."
    )

    # Models and engine
    whisper_model: str = Field("base", description="Model that is used when a request names none.")
    whisper_engine: Literal["auto", "onnxruntime", "faster-whisper", "openai-whisper"] = Field(
        "auto", description="What runs the models; auto: onnxruntime on a CPU, faster-whisper on CUDA."
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
        20,
        ge=5,
        le=30,
        description="Seconds of speech in one window, cut at silence; at most 14 where quality is fast.",
    )
    model_cache_size: int = Field(1, ge=1, le=16, description="Models kept loaded at once.")
    model_idle_timeout: float = Field(
        300, ge=0, description="Seconds without work after which a model is unloaded; 0 keeps it."
    )
    model_warm_up: bool = Field(True, description="Load WHISPER_MODEL right after the start.")
    model_downloads: bool = Field(True, description="Let the appliance download models from the hub.")

    # Limits
    max_upload_size: Size = Field(
        ByteSize(100 * 2**20), ge=1, le=2 * 2**30, description="Largest upload, e.g. 100MB, 1GiB."
    )
    max_audio_seconds: float = Field(
        4 * 3600, gt=0, le=48 * 3600, description="Longest recording, counted while decoding."
    )
    upload_seconds: float = Field(1800, gt=0, description="Longest time one upload may take.")
    requests_per_minute: int = Field(
        1200, ge=0, description="Requests of one address in a minute; 0: no limit."
    )
    requests_per_minute_per_user: int = Field(
        600, ge=0, description="Requests of one user, and of one key, in a minute; 0: no limit."
    )
    uploads_per_minute: int = Field(
        60, ge=0, description="Uploads in a minute, of one address, user or key; 0: no limit."
    )
    uploads_at_once: int = Field(4, ge=1, description="Uploads received at once.")
    uploads_per_user: int = Field(2, ge=1, description="Uploads received at once from one user.")
    queue_limit: int = Field(100, ge=1, description="Jobs that may wait.")
    queue_limit_per_user: int = Field(20, ge=1, description="Jobs of one user that may wait.")
    repeat_seconds: float = Field(
        120,
        ge=0,
        le=24 * 3600,
        description="How long after its end a job answers the same file and options again; 0: never.",
    )
    wait_seconds: float = Field(
        120,
        ge=0,
        le=3600,
        description="How long POST /transcribe waits for the transcript before it answers 202.",
    )
    min_free_disk: Size = Field(
        ByteSize(2**30), ge=0, description="Free space below which uploads are refused."
    )
    live_sessions: int = Field(
        8, ge=0, le=256, description="Live sessions at once; what two cores keep up with is 8 with base."
    )
    live_sessions_per_user: int = Field(2, ge=1, le=256, description="Live sessions at once of one user.")
    live_seconds: float = Field(4 * 3600, gt=0, description="Longest live session; it ends by itself then.")
    live_idle_seconds: float = Field(60, gt=0, description="Silence of a client that ends its live session.")
    live_resume_seconds: float = Field(
        600, gt=0, description="How long a live session waits for a client that has gone."
    )
    live_packet_size: Size = Field(
        ByteSize(64 * 2**10), ge=2**10, le=2**18, description="Largest packet of live audio."
    )
    socket_message_size: Size = Field(
        ByteSize(512 * 2**10), ge=2**16, le=2**20, description="Largest message on a socket."
    )
    socket_messages_per_second: float = Field(
        40,
        gt=0,
        description="Messages a second on a socket (a packet of audio is two); 3 times so many at once.",
    )
    socket_bytes_per_second: Size = Field(
        ByteSize(256 * 2**10),
        ge=2**15,
        description="Bytes a second on a socket; 4 times so many at once.",
    )
    engine_memory: Size = Field(
        ByteSize(0),
        ge=0,
        description="Memory of an engine, which starts anew beyond it; 0: three quarters of the machine's.",
    )
    decoder_memory: Size = Field(
        ByteSize(2**30), ge=2**28, description="Memory of the process that decodes a file."
    )
    decoder_cpu_seconds: int = Field(
        60,
        ge=1,
        description="Processor time of the process that decodes up to 4 h; more for longer ones.",
    )
    decoder_seconds: float = Field(
        120, gt=0, description="Wall time of the process that decodes up to 4 h; more for longer ones."
    )
    minutes_per_month: float = Field(
        0, ge=0, description="Minutes of audio a month for one user or visitor; 0: no limit."
    )
    storage_per_user: ByteSize = Field(
        ByteSize(5 * 2**30), ge=0, description="What one user or visitor may keep here; 0: no limit."
    )
    keep_audio: bool = Field(False, description="Keep the uploaded audio beside its transcript.")
    trash_days: int = Field(30, ge=0, description="Days during which a deleted transcript can be restored.")

    audit_days: int = Field(
        365, ge=1, le=36_500, description="Days for which the audit log keeps what was done."
    )

    # Accounts
    admin_password: SecretStr | None = Field(
        None, description="Password of the account 'admin', made at a start without any account."
    )
    admin_password_file: Folder | None = Field(
        None, description="File that holds ADMIN_PASSWORD, in its place."
    )
    session_idle_seconds: float = Field(
        12 * 3600, ge=60, description="Time without a request after which a browser is signed out."
    )
    session_seconds: float = Field(
        7 * 86400, ge=60, description="Time after which a browser is signed out in any case."
    )

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
    supervised: bool = Field(
        False, description="Something starts the appliance again when it ends; systemd and Docker are found."
    )
    log_file_size: Size = Field(
        ByteSize(10 * 2**20),
        ge=0,
        description="Size of DATA_DIR/logs/appliance.log, kept five deep; 0: no file.",
    )
    metrics_token: SecretStr | None = Field(
        None, description="Lets whoever sends it as a bearer token read /metrics from elsewhere."
    )
    backup_daily: bool = Field(
        True, description="Copy the SQLite database to DATA_DIR/backups every day; seven are kept."
    )
    update_check: bool = Field(
        False, description="Let administrators ask UPDATE_FEED_URL for new versions; nothing asks by itself."
    )
    update_feed_url: str = Field(
        "", description="Address (https) of a list of releases, for the page Updates of the panel."
    )

    @field_validator("ssl_key_path")
    @classmethod
    def _key_goes_with_certificate(cls, value: Path | None, info: Any) -> Path | None:
        if (value is None) != (info.data.get("ssl_cert_path") is None):
            raise ValueError("SSL_CERT_PATH and SSL_KEY_PATH go together: set both or neither")
        return value

    @property
    def storage_folder(self) -> Path:
        """Where uploads and kept recordings lie."""
        return self.storage_url or self.data_dir


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
