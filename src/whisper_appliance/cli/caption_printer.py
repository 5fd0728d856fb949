"""The caption printer: on a terminal it shows and replaces tentative words, else committed words only."""

import shutil
import sys
from typing import Any, TextIO

import click
from wcwidth import wcswidth

CLEAR = "\r\x1b[2K"
LINE_CELLS = 78


class CaptionPrinter:
    """Prints the events of a live session, line by line."""

    def __init__(self, out: TextIO = sys.stdout, *, live: bool | None = None) -> None:
        """`live` shows tentative words; by default if `out` is a terminal."""
        self._out = out
        self._live = out.isatty() if live is None else live
        self._line = ""
        self._tentative = ""

    def on_event(self, kind: str, payload: dict[str, Any]) -> None:
        """Prints one event."""
        match kind:
            case "commit":
                self._tentative = ""
                for word in payload["words"]:
                    self._add(word["w"])
            case "partial":
                self._tentative = payload["text"]
            case "vad" if not payload["speech"]:
                self._tentative = ""
            case "error":
                self._print_message(payload["message"])
            case "flow" if payload["level"] != "ok":
                self._print_message(f"The captions are {payload['lag_ms'] / 1000:.0f} s behind.")
            case "end":
                self._tentative = ""
                self._break()
        self._show()

    def _add(self, word: str) -> None:
        if wcswidth(self._line + word) > min(LINE_CELLS, shutil.get_terminal_size().columns - 1):
            self._break()
        self._line += word if self._line else word.lstrip()

    def _break(self) -> None:
        """Ends the line."""
        if self._line:
            self._out.write(f"{CLEAR if self._live else ''}{self._line}\n")
            self._out.flush()
        self._line = ""

    def _show(self) -> None:
        if self._live:
            columns = shutil.get_terminal_size().columns - 1 - wcswidth(self._line)
            tail = self._tentative if self._line else self._tentative.lstrip()
            self._out.write(f"{CLEAR}{self._line}{click.style(tail[: max(0, columns)], dim=True)}")
            self._out.flush()

    def _print_message(self, sentence: str) -> None:
        click.echo(f"{CLEAR if self._live else ''}{sentence}", err=True)
