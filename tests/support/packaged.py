"""Speech and a small model from installed distributions."""

from importlib.metadata import files
from pathlib import Path


def packaged(distribution: str, ending: str) -> Path:
    """The file of an installed distribution whose path ends so; the package itself is not imported."""
    for file in files(distribution) or []:
        if str(file).endswith(ending):
            return Path(str(file.locate()))
    raise FileNotFoundError(f"{distribution} has no {ending}")
