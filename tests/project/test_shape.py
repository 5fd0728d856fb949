"""The shape of the package: functions that can be read at once."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "src" / "whisper_appliance"
LONGEST_FUNCTION_LINES = 40


def lengths_of(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Each function and its lines, without decorators and docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if docstring := ast.get_docstring(node, clean=False):
                lines -= docstring.count("\n") + 1
            yield node.name, lines


def test_no_function_is_longer_than_can_be_read_at_once() -> None:
    found = {
        f"{path.relative_to(PACKAGE)}: {name} has {lines} lines"
        for path in PACKAGE.rglob("*.py")
        if "migrations/versions" not in str(path)  # a list of tables is as long as it is
        for name, lines in lengths_of(ast.parse(path.read_text()))
        if lines > LONGEST_FUNCTION_LINES
    }
    assert sorted(found) == []
