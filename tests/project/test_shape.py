"""The shape of the package: functions that can be read at once."""

import ast
from collections.abc import Iterator

from tests.support.syntax_trees import is_migration, syntax_trees

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
        f"{path}: {name} has {lines} lines"
        for path, tree in syntax_trees().items()
        if not is_migration(path)  # a list of tables is as long as it is
        for name, lines in lengths_of(tree)
        if lines > LONGEST_FUNCTION_LINES
    }
    assert sorted(found) == []
