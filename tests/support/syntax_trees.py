"""The code of the package as syntax trees, parsed once for all rules that look at it."""

import ast
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "src" / "whisper_appliance"


@cache
def syntax_trees() -> dict[Path, ast.Module]:
    """All modules by their paths below the package."""
    return {path.relative_to(PACKAGE): ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}


def is_migration(path: Path) -> bool:
    """Whether it is a migration: what was done to a database once stays as it is."""
    return path.is_relative_to("storage/migrations/versions")
