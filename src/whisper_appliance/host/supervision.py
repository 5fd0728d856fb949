"""Detects the supervisor (systemd, container) that restarts the appliance when it ends."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from whisper_appliance.core.i18n import N_

Supervisor = Literal["systemd", "container", "setting"]
CONTAINER_MARKS = (".dockerenv", "run/.containerenv")
PROGRAM_NAMES = ("whisper-appliance", "whisper_appliance")
NOT_SUPERVISED = N_(
    "No supervisor was detected, so nothing starts the appliance again after it ends. systemd and containers "
    "are detected; if something else restarts it, set SUPERVISED=true."
)
SENTENCES: Mapping[Supervisor, str] = {
    "systemd": N_("systemd starts it again (Restart=on-failure or always in its unit)."),
    "container": N_("The container starts again if it has a restart policy, such as unless-stopped."),
    "setting": N_("SUPERVISED is set: something restarts it."),
}


@dataclass(frozen=True, slots=True)
class Supervision:
    """The supervisor, and a sentence about what it means for a restart."""

    by: Supervisor | None
    reason: str


def supervision(
    main_process: int,
    *,
    supervised: bool = False,
    environment: Mapping[str, str] = os.environ,
    root: Path = Path("/"),
) -> Supervision:
    """Detects the supervisor of the main process. A shell in a container or unit does not count."""
    by = _detect(main_process, environment, root) or ("setting" if supervised else None)
    return Supervision(by, SENTENCES[by] if by else NOT_SUPERVISED)


def _detect(main_process: int, environment: Mapping[str, str], root: Path) -> Supervisor | None:
    first = main_process == 1 or _parent(main_process, root) == 1
    if "INVOCATION_ID" not in environment:
        contained = any((root / mark).exists() for mark in CONTAINER_MARKS) or environment.get("container")
        started = main_process == 1 or (first and _is_begun_by_init(root))
        return "container" if contained and started else None
    executed = environment.get("SYSTEMD_EXEC_PID")
    return "systemd" if (executed == str(main_process) if executed else first) else None


def _is_begun_by_init(root: Path) -> bool:
    """Whether process 1 was told to run the appliance, as `tini -- whisper-appliance serve`.

    An appliance that was detached in a container has process 1 as its parent too, but nothing starts it
    again.
    """
    try:
        words = (root / "proc/1/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(Path(os.fsdecode(word)).name in PROGRAM_NAMES for word in words)


def _parent(process: int, root: Path) -> int | None:
    try:
        status = (root / f"proc/{process}/stat").read_text()
        return int(status.rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None
