"""What starts the appliance again when it ends, if anything does."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Watcher = Literal["systemd", "container", "setting"]
CONTAINER_MARKS = (".dockerenv", "run/.containerenv")
NOBODY = (
    "Nothing is known to start the appliance again once it has ended. It is found by itself under systemd "
    "and in a container; where something else does it, set SUPERVISED=true."
)
SENTENCES: Mapping[Watcher, str] = {
    "systemd": "systemd starts it again (Restart=on-failure or always in its unit).",
    "container": "The container starts again if it has a restart policy, such as unless-stopped.",
    "setting": "SUPERVISED says that something starts it again.",
}


@dataclass(frozen=True, slots=True)
class Supervision:
    """Who watches over the appliance, and in a sentence what that means for a restart."""

    by: Watcher | None
    reason: str


def supervision(
    main_process: int,
    *,
    supervised: bool = False,
    environment: Mapping[str, str] = os.environ,
    root: Path = Path("/"),
) -> Supervision:
    """Who started the main process of the appliance. A shell in a container or a unit does not count."""
    by = _watcher(main_process, environment, root) or ("setting" if supervised else None)
    return Supervision(by, SENTENCES[by] if by else NOBODY)


def _watcher(main_process: int, environment: Mapping[str, str], root: Path) -> Watcher | None:
    first = main_process == 1 or _parent(main_process, root) == 1
    if any((root / mark).exists() for mark in CONTAINER_MARKS) or environment.get("container"):
        return "container" if first else None
    if "INVOCATION_ID" not in environment:
        return None
    executed = environment.get("SYSTEMD_EXEC_PID")
    return "systemd" if (executed == str(main_process) if executed else first) else None


def _parent(process: int, root: Path) -> int | None:
    try:
        status = (root / f"proc/{process}/stat").read_text()
        return int(status.rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None
