"""Settings of folders and the database."""

from pathlib import Path

from pydantic import Field, SecretStr

from whisper_appliance.config.settings.section import Section
from whisper_appliance.config.types import Folder, MountedFolder, default_data_dir


class StorageSettings(Section):
    """Where data is stored."""

    title = "Folders and database"

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

    @property
    def storage_folder(self) -> Path:
        """The folder of uploads and kept recordings."""
        return self.storage_url or self.data_dir
