"""Rules of the watch folder, from the settings."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import BadSetting, DiskFull


@dataclass(frozen=True, slots=True)
class WatchRules:
    """Which folder is watched, and what becomes of its files. `outputs` None: results beside recordings."""

    folder: Path | None
    outputs: Path | None
    formats: tuple[str, ...]
    user: str
    preset: str
    uploads: Path
    locks: Path
    min_free_bytes: int = 0
    settle_seconds: float = 3.0
    interval_seconds: float = 0.0

    @classmethod
    def from_settings(cls, settings: Settings) -> "WatchRules":
        """The rules of these settings."""
        return cls(
            settings.watch_folder.absolute() if settings.watch_folder else None,
            settings.output_folder.absolute() if settings.output_folder else None,
            tuple(settings.watch_formats),
            settings.watch_user,
            settings.watch_preset,
            settings.storage_folder / "uploads",
            settings.data_dir / "watch",
            int(settings.min_free_disk),
            settings.watch_settle_seconds,
            settings.watch_interval,
        )

    @property
    def existing_folder(self) -> Path:
        """The folder, where there is one."""
        if self.folder is None:
            raise BadSetting("WATCH_FOLDER is not set.")
        return self.folder

    @property
    def lock_folder(self) -> Path:
        """The folder whose lock is held while the watch folder is watched."""
        return self.locks / hashlib.sha256(os.fsencode(self.existing_folder)).hexdigest()[:16]

    def check_disk(self, size_bytes: int) -> None:
        """Raises `DiskFull` unless a copy of a recording fits, and its decoded audio."""
        self.uploads.mkdir(parents=True, exist_ok=True, mode=0o700)
        if shutil.disk_usage(self.uploads).free < max(self.min_free_bytes, 2 * size_bytes):
            raise DiskFull("Not enough free disk space for this file. Free some, or ask an administrator.")
