"""Stand-ins for programs of the system, so that shell scripts run without changing this machine."""

import os
import pty
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

Finished = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class StandIns:
    """A folder of programs that come before the system's, and the list of their calls."""

    folder: Path

    @property
    def calls(self) -> list[str]:
        """The calls so far, one a line: the program and its arguments."""
        log = self.folder / "calls"
        return log.read_text().splitlines() if log.exists() else []

    def forget_calls(self) -> None:
        """Starts a new list."""
        (self.folder / "calls").unlink(missing_ok=True)

    def add(self, name: str, answer: str = "", *, exits: int = 0) -> None:
        """A program that writes down its call, then runs these lines of shell."""
        program = self.folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        log = self.folder / "calls"
        program.write_text(f'#!/bin/bash\necho "{name} $*" >>{log}\n{answer}\nexit {exits}\n')
        program.chmod(0o755)

    def run(self, script: Path, *arguments: str, variables: Mapping[str, str], stdin: str = "") -> Finished:
        """Runs a script with the stand-ins."""
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", str(script), *arguments],
            env={"PATH": path, "HOME": str(self.folder), "LANG": "C.UTF-8", **variables},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def run_in_terminal(self, script: Path, *arguments: str, variables: Mapping[str, str]) -> Finished:
        """Runs a script whose standard input is a terminal, so that it may show forms."""
        terminal, inside = pty.openpty()
        try:
            return subprocess.run(
                ["bash", str(script), *arguments],
                env={"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "TERM": "dumb", **variables},
                stdin=inside,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        finally:
            os.close(terminal)
            os.close(inside)
