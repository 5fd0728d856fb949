"""Settings of rate limits, admission, sandboxed processes, quotas and retention."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, ByteSize, Field

from whisper_appliance.config.settings.section import Section
from whisper_appliance.config.types import Size

_WORDS_OF_A_SWITCH = {
    "true": "everyone",
    "yes": "everyone",
    "on": "everyone",
    "1": "everyone",
} | dict.fromkeys(("false", "no", "off", "0"), "nobody")


def _from_switch(value: object) -> object:
    """`KEEP_AUDIO` was a switch before it had three values."""
    return _WORDS_OF_A_SWITCH.get(str(value).lower(), value)


KeepAudio = Annotated[Literal["accounts", "everyone", "nobody"], BeforeValidator(_from_switch)]


class RequestLimits(Section):
    """Rate limits and admission: requests, uploads, waiting jobs."""

    title = "Limits"

    max_upload_size: Size = Field(
        ByteSize(100 * 2**20), ge=1, le=2 * 2**30, description="Largest upload, e.g. 100MB, 1GB."
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
    uploads_at_once: int = Field(8, ge=1, description="Uploads received at once.")
    uploads_per_address: int = Field(4, ge=1, description="Uploads received at once from one address.")
    uploads_per_user: int = Field(2, ge=1, description="Uploads received at once from one user.")
    upload_pace: Size = Field(
        ByteSize(8 * 1024),
        ge=0,
        description="Least bytes a second of an upload, over 30 s, while others wait, and of other bodies; "
        "0: no limit.",
    )
    queue_limit: int = Field(100, ge=1, description="Jobs that may wait.")
    queue_limit_per_user: int = Field(20, ge=1, description="Jobs of one user that may wait.")
    queue_limit_per_address: int = Field(
        50, ge=1, description="Jobs of one address that may wait, of all its clients without an account."
    )
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
    url_imports: bool = Field(
        False, description="Recordings and podcasts are fetched from addresses of the public internet."
    )
    url_imports_private: bool = Field(
        False, description="With URL_IMPORTS: also from private networks and this machine."
    )
    min_free_disk: Size = Field(
        ByteSize(2**30), ge=0, description="Free space below which uploads are refused."
    )


class ProcessLimits(Section):
    """Memory and time of engine and decoder processes."""

    title = "Limits"

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


class RetentionLimits(Section):
    """Quotas of users, and how long data is kept."""

    title = "Limits"

    minutes_per_month: float = Field(
        0, ge=0, description="Minutes of audio a month for one user or visitor; 0: no limit."
    )
    storage_per_user: Size = Field(
        ByteSize(5 * 2**30), ge=0, description="Storage of one user or visitor; 0: no limit."
    )
    keep_audio: KeepAudio = Field(
        "accounts",
        description="Whose recordings are kept beside their transcripts: of people with an account, of "
        "visitors too, or of nobody.",
    )
    audio_retention_days: int = Field(
        30,
        ge=0,
        le=36_500,
        description="Days for which a recording is kept, at most; 0: as long as its transcript.",
    )
    audio_store: Literal["original", "opus"] = Field(
        "original", description="Keep recordings as they came, or as small Opus files without video."
    )
    trash_days: int = Field(30, ge=0, description="Days during which a deleted transcript can be restored.")
    audit_days: int = Field(
        365, ge=1, le=36_500, description="Days for which records of the audit log are kept."
    )
