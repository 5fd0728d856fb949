"""The Alembic folder: how the tables came to be what `history.tables` says."""

from pathlib import Path

FOLDER = Path(__file__).parent
