"""The results as a table: for a terminal, and for the README."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from benchmarks.conformance.target import Row

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGE = ROOT / "docs/develop/conformance.md"
MARKS = {True: "yes", False: "no", None: "—"}
TOTAL = "rows that pass"
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
    _replace_table(readme, lines)


def write_column(results: Sequence[Result], name: str, page: Path = PAGE) -> None:
    """Writes the results as the column `name` of the table of the page; other columns stay."""
    columns = _columns(page)
    columns[name] = {_row_name(each.row): MARKS[each.passed] for each in results}
    checked = [each.passed for each in results if each.passed is not None]
    columns[name][TOTAL] = f"{sum(checked)} of {len(checked)}"
    rows = list(dict.fromkeys(row for column in columns.values() for row in column if row != TOTAL))
    table = [["row", *columns], ["---"] * (1 + len(columns))]
    table += [[row, *(column.get(row, "—") for column in columns.values())] for row in [*rows, TOTAL]]
    _replace_table(page, [f"| {' | '.join(cells)} |" for cells in table])


def _row_name(row: Row) -> str:
    return f"{row.program}: {row.check}"


def _columns(page: Path) -> dict[str, dict[str, str]]:
    """The columns of the table by name; each has its cells by the name of the row."""
    table = page.read_text().partition(BEGIN)[2].partition(END)[0].strip().splitlines()
    if not table:
        return {}
    (_, *names), _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return {name: {cells[0]: cells[at] for cells in rows} for at, name in enumerate(names, start=1)}


def _replace_table(page: Path, lines: Sequence[str]) -> None:
    text = page.read_text()
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{page} has no place for the table: {BEGIN} … {END}")
    table = "\n".join(lines)
    page.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")
