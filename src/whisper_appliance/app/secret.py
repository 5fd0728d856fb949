"""The secret key that signs cookies."""

import secrets
from pathlib import Path

from whisper_appliance.core.atomic_files import write_private


def load_secret(path: Path) -> str:
    """Reads the secret key from this file; creates it at the first start, readable by the appliance only."""
    if not path.exists():
        write_private(path, secrets.token_hex(32).encode())
    return path.read_text().strip()
