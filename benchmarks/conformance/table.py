"""The results as a table: for a terminal, and for the README."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from benchmarks.conformance.target import Row

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- works with: made by dev.sh conformance -->", "<!-- end -->"
KINDS = {"client": "the client itself", "recorded": "requests of its shape"}


@dataclass(frozen=True)
class Result:
    """A row with its result: "pass", or why not. `passed` None: it was not checked."""

    row: Row
    passed: bool | None
    reason: str = ""
    seconds: float = 0.0


def terminal_line(result: Result) -> str:
    """One line."""
    mark = {True: "pass", False: "FAIL", None: "  - "}[result.passed]
    line = f"{mark}  {result.row.program:<30} {result.row.check:<36} {result.seconds:5.1f} s"
    return f"{line}  {result.reason}" if result.reason else line


def summary(results: Sequence[Result]) -> str:
    """How many rows passed."""
    checked = [each for each in results if each.passed is not None]
    passed = sum(bool(each.passed) for each in checked)
    return f"{passed} of {len(checked)} rows pass; {len(results) - len(checked)} were not checked"


def write_readme(results: Sequence[Result], readme: Path = README) -> None:
    """Writes the programs of which every row passed between the marks of the README."""
    lines = ["| program | tried | by |", "|---|---|---|"]
    for program, group in groupby(results, key=lambda each: each.row.program):
        rows = list(group)
        if all(each.passed for each in rows):
            checks = "; ".join(each.row.check for each in rows)
            lines.append(f"| {program} | {checks} | {KINDS[rows[0].row.kind]} |")
    text = readme.read_text()
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{readme} has no place for the table: {BEGIN} … {END}")
    table = "\n".join(lines)
    readme.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")
