"""Checks of `doctor` that look at the machine around the appliance, each with what to do."""

import json
import os
import platform
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import whisper_appliance
from whisper_appliance.core import control_groups
from whisper_appliance.core.text import format_bytes

if TYPE_CHECKING:
    from whisper_appliance.config.settings import Settings

UNIT = "whisper-appliance"
SYSTEMCTL_SECONDS = 5.0
LOG_TAIL_BYTES = 200_000
LEAST_MEMORY_BYTES = 1.5e9
FAST, USABLE = "avx2", "avx"
Verdict = Literal["ok", "note", "broken"]


@dataclass(frozen=True)
class CheckResult:
    """One line of the report; `advice` is what to do about it."""

    check: str
    verdict: Verdict
    text: str
    advice: str = ""


def processor(_settings: "Settings", cpuinfo: Path = Path("/proc/cpuinfo")) -> Iterator[CheckResult]:
    """Whether the processor has the instructions that engines are fast with."""
    if platform.machine() not in ("x86_64", "AMD64"):
        yield CheckResult("processor", "ok", platform.machine())
        return
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:
        return
    flags = set(next((line for line in lines if line.startswith("flags")), "").split())
    advice = "In a virtual machine, set its processor type to host (Proxmox: Hardware, Processors, Type)."
    if FAST in flags:
        more = ", VNNI" if flags & {"avx512_vnni", "avx_vnni"} else ""
        yield CheckResult("processor", "ok", f"has AVX2{more}")
    elif USABLE in flags:
        yield CheckResult("processor", "note", "has AVX, but not AVX2: transcription is slow", advice)
    else:
        yield CheckResult(
            "processor", "broken", "has no AVX: engines fail, or take several times as long", advice
        )


def limits(_settings: "Settings") -> Iterator[CheckResult]:
    """The limits of the container or unit."""
    cores, memory = control_groups.processor_limit(), control_groups.memory_limit()
    if cores is None and memory is None:
        yield CheckResult("limits", "ok", "no limits of a container or service")
        return
    parts = [
        *([f"{cores:g} processor cores"] if cores is not None else []),
        *([f"{format_bytes(memory)} of memory"] if memory is not None else []),
    ]
    tight = memory is not None and memory < LEAST_MEMORY_BYTES
    advice = "Give it 2 GB or more (--memory, MemoryMax=), or use a smaller model." if tight else ""
    yield CheckResult("limits", "note" if tight else "ok", ", ".join(parts), advice)


def clock(_settings: "Settings") -> Iterator[CheckResult]:
    """Certificates and sessions depend on the clock; it cannot be older than the program."""
    installed = Path(whisper_appliance.__file__).stat().st_mtime
    now = time.time()
    text = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now))
    if now < installed - 86400:
        yield CheckResult(
            "clock", "broken", f"{text} is before the installation", "Set it: timedatectl set-ntp true"
        )
    else:
        yield CheckResult("clock", "ok", text)


def network_names(_settings: "Settings") -> Iterator[CheckResult]:
    """Whether this machine's name resolves. Nothing outside this machine is needed."""
    name = socket.gethostname()
    try:
        found = sorted({str(entry[4][0]) for entry in socket.getaddrinfo(name, None)})
    except OSError:
        advice = f"Add a line to /etc/hosts: 127.0.1.1 {name}"
        yield CheckResult("name", "note", f"{name} does not resolve on this machine", advice)
    else:
        yield CheckResult("name", "ok", f"{name} is {', '.join(found)}")


def service(_settings: "Settings") -> Iterator[CheckResult]:
    """The state of the systemd unit, where there is one."""
    program = shutil.which("systemctl")
    if program is None or not Path("/run/systemd/system").is_dir():
        return
    properties = "LoadState,ActiveState,SubState,Result,NRestarts"
    try:
        shown = subprocess.run(
            [program, "show", UNIT, f"--property={properties}"],
            capture_output=True,
            text=True,
            timeout=SYSTEMCTL_SECONDS,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return
    state = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    if state.get("LoadState") != "loaded":
        return
    text = f"{UNIT}.service is {state['ActiveState']} ({state['SubState']}), {state['NRestarts']} restarts"
    if state["ActiveState"] == "active":
        yield CheckResult("service", "ok", text)
    else:
        advice = f"journalctl -u {UNIT} -n 50, then systemctl restart {UNIT}"
        yield CheckResult("service", "broken", f"{text}, last result: {state['Result']}", advice)


def recent_errors(settings: "Settings") -> Iterator[CheckResult]:
    """The last error in the log file of the appliance."""
    path = settings.data_dir / "logs/appliance.log"
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - LOG_TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return
    errors = [entry for line in lines if (entry := _error(line))]
    if errors:
        last = errors[-1]
        # without its words: what the doctor finds goes into the support bundle
        text = f"{len(errors)} errors, the last at {last.get('timestamp', '?')}, of {last.get('logger', '?')}"
        yield CheckResult("log", "note", text, f"Read {path}, or the page Logs of the panel.")
    else:
        yield CheckResult("log", "ok", f"no errors at the end of {path}")


def _error(line: str) -> dict[str, object] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and entry.get("level") in ("error", "critical") else None
