"""Asks whether any locked dependency has a known vulnerability: ./scripts/dev.sh audit.

Ends with 0 when all were checked and none has one, with 1 when one has, and with 3 when some could not be
checked: the tools themselves end with 0 where the index knows nothing of what they ask about.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
CLEAN, FOUND, UNCHECKED = 0, 1, 3
SECONDS = 180
PIP_AUDIT = (
    "--requirement", "requirements.txt", "--require-hashes", "--disable-pip",
    "--format", "json", "--progress-spinner", "off", "--timeout", "10",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one tool could say: sentences about what it found, and about what it could not check."""

    checked: int
    found: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()


def of_pip(report: str) -> Verdict:
    """What pip-audit's JSON says; it skips what its service does not know, and calls that success."""
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Verdict(0, unchecked=("pip-audit gave no report",))
    found = [
        f"{package['name']} {package['version']}: {flaw['id']}"
        + (f", mended in {', '.join(flaw['fix_versions'])}" if flaw.get("fix_versions") else "")
        for package in packages
        for flaw in package.get("vulns", ())
    ]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    return Verdict(len(packages) - len(skipped), tuple(found), tuple(skipped))


def of_npm(report: str) -> Verdict:
    """What npm audit's JSON says; where the registry has no such service, there are no counts in it."""
    try:
        told = json.loads(report)
        total = told["metadata"]["dependencies"]["total"]
        flaws = told["vulnerabilities"]
    except (ValueError, KeyError, TypeError):
        return Verdict(0, unchecked=("the libraries of the pages (npm)",))
    return Verdict(total, tuple(f"{name}: {flaw['severity']}" for name, flaw in flaws.items()))


def report_of(command: list[str]) -> str:
    """What a tool prints; nothing where it is missing or does not end."""
    try:
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def conclusion(verdicts: list[Verdict]) -> tuple[int, list[str]]:
    """The exit code, and the lines that say why."""
    found = [line for verdict in verdicts for line in verdict.found]
    unchecked = [name for verdict in verdicts for name in verdict.unchecked]
    checked = sum(verdict.checked for verdict in verdicts)
    lines = [f"VULNERABLE: {line}" for line in found]
    if unchecked:
        some = ", ".join(unchecked[:5]) + (f" and {len(unchecked) - 5} more" if len(unchecked) > 5 else "")
        lines += [
            f"NOT CHECKED for known vulnerabilities: {some}.",
            f"The index here does not answer about them; {checked} packages were checked. This is no pass.",
        ]
    if not found and not unchecked:
        lines.append(f"No known vulnerability in {checked} locked packages.")
    return FOUND if found else UNCHECKED if unchecked else CLEAN, lines


def main() -> int:
    """Asks both tools."""
    pip_audit = str(Path(sys.executable).with_name("pip-audit"))
    npm = shutil.which("npm") or str(Path(sys.executable).with_name("npm"))
    code, lines = conclusion(
        [of_pip(report_of([pip_audit, *PIP_AUDIT])), of_npm(report_of([npm, "audit", "--json"]))]
    )
    print("\n".join(lines), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
