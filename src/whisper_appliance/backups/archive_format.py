"""The format of a backup archive: an uncompressed tar of ordinary files, a manifest first, checksums last."""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from whisper_appliance.core.errors import InvalidRequest

FORMAT = 1
MANIFEST = "whisper-appliance-backup.json"
CHECKSUMS = "SHA256SUMS"
DATABASE = "appliance.sqlite"
SMALL_FILES = re.compile(r"secret\.key|model\.json|certificates/[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
LARGE_FILES = re.compile(r"appliance\.sqlite|uploads/[0-9a-f]{32}|audio/[0-9a-f]{32}(?:\.webm|\.peaks)?")
MAX_SMALL_FILE_BYTES = 64 * 1024

AUTHORITY = "certificates/ca.pem"
"""Certificate and private key of the certificate authority."""

DATABASE_NAMES = tuple(
    f"{name}{ending}" for name in ("appliance.sqlite", "queue.sqlite") for ending in ("", "-wal", "-shm")
)
FULL_RESTORE_NAMES = (
    *DATABASE_NAMES,
    "secret.key",
    "model.json",
    "certificates",
    "audio",
    "uploads",
    "decoded",
    "live",
)
"""Names in the data folder that a full restore moves aside; models, logs and daily copies stay."""
RECORDING_FOLDERS = ("audio", "uploads")
"""Those of them that are in the folder of recordings, if that is a folder of its own."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest at the beginning of a backup. `revision` is that of its tables."""

    appliance: str
    created: str
    revision: str
    format: int = FORMAT

    def to_bytes(self) -> bytes:
        """Returns the manifest as the first file of a backup."""
        return json.dumps(asdict(self), indent=2).encode() + b"\n"


def read_manifest(text: bytes) -> Manifest:
    """Parses what `to_bytes` wrote. Raises `InvalidRequest` for another format or an invalid text."""
    try:
        values = json.loads(text)
        if values["format"] != FORMAT:
            raise InvalidRequest(
                "This backup has format {version}, which this version of the appliance cannot read. "
                "Install the version that wrote it.",
                version=str(values["format"])[:10],
            )
        return Manifest(**{name: values[name] for name in Manifest.__slots__})
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidRequest("This file is not a backup of this appliance.") from error


def is_staged(data_dir: Path) -> bool:
    """Returns whether the next start will restore a backup."""
    return (data_dir / "restore" / "ready").is_dir()
