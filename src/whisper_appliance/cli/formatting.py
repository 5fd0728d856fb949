"""Formatting of tables, sizes and progress bars on the terminal."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from whisper_appliance.core.text import format_bytes

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows in columns that fit their widest cell."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for number, row in enumerate((head, *rows)):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        click.echo(click.style(line, bold=True) if number == 0 else line)


def size(count: float | None) -> str:
    """A number of bytes as text; ? if it is unknown."""
    return "?" if count is None else format_bytes(count)


def bar(label: str) -> "ProgressBar[int]":
    """A progress bar of 1000 steps on stderr; hidden if stderr is not a terminal."""
    return click.progressbar(length=1000, label=label, file=sys.stderr, hidden=not sys.stderr.isatty())
