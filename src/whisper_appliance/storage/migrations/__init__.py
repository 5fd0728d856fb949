"""The Alembic folder: how the tables came to be what `history.tables` says."""

from pathlib import Path

MIGRATIONS = Path(__file__).parent
