"""The key that signs cookies."""

import os
import secrets
from pathlib import Path


def load_secret(path: Path) -> str:
    """Reads the signing key from this file; creates it at the first start, readable by the appliance only."""
    if not path.exists():
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    return path.read_text().strip()
