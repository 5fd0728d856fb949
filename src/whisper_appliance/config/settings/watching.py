"""Settings of the watch folder."""

from pydantic import Field

from whisper_appliance.config.settings.section import Section
from whisper_appliance.config.types import ExportFormats, Folder


class WatchSettings(Section):
    """Recordings that are taken from a folder."""

    title = "Watch folder"

    watch_folder: Folder | None = Field(
        None, description="Folder whose recordings are transcribed, subfolders too; empty: none."
    )
    output_folder: Folder | None = Field(
        None, description="Folder of the results; empty: beside each recording, in `done`."
    )
    watch_formats: ExportFormats = Field(
        ["txt", "srt"], description="Formats of the results, separated by commas."
    )
    watch_user: str = Field(
        "", max_length=100, description="Name of the user who owns the transcripts; empty: nobody."
    )
    watch_preset: str = Field(
        "", max_length=100, description="Preset of WATCH_USER with the options; empty: the usual ones."
    )
    watch_settle_seconds: float = Field(
        3.0, ge=0.1, le=3600, description="Seconds without a change after which a file is complete."
    )
    watch_interval: float = Field(
        0.0,
        ge=0,
        le=3600,
        description="Seconds between searches, for network folders that report no changes; 0: only reports.",
    )
