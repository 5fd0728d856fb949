"""The check of dependencies fails on what it finds, and is never green where it checked nothing."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parent.parent.parent / "scripts/audit.py"


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("audit", SCRIPT)
    assert spec
    assert spec.loader
    module = sys.modules["audit"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SOUND = {"name": "flask", "version": "3.1.3", "vulns": []}
FLAWED = {"name": "old", "version": "1.0", "vulns": [{"id": "CVE-2026-1", "fix_versions": ["1.1"]}]}
UNKNOWN = {"name": "private", "skip_reason": "Dependency not found"}
PAGES = {"metadata": {"dependencies": {"total": 3}}, "vulnerabilities": {}}


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([SOUND], 0, "No known vulnerability in 4 locked packages."),
        ([SOUND, FLAWED], 1, "VULNERABLE: old 1.0: CVE-2026-1, mended in 1.1"),
        ([SOUND, UNKNOWN], 3, "NOT CHECKED for known vulnerabilities: private."),
        ([FLAWED, UNKNOWN], 1, "NOT CHECKED"),
    ],
)
def test_the_audit_reports_vulnerabilities_and_unchecked_packages(
    audit: ModuleType, packages: list[dict[str, Any]], code: int, said: str
) -> None:
    verdicts = [audit.of_pip(json.dumps({"dependencies": packages})), audit.of_npm(json.dumps(PAGES))]
    ended, lines = audit.conclusion(verdicts)
    assert ended == code
    assert said in "\n".join(lines)


@pytest.mark.parametrize("report", ["", "Traceback", "{}", '{"message": "405 Method Not Allowed"}', "[]"])
def test_unreadable_audit_output_does_not_pass(audit: ModuleType, report: str) -> None:
    for read in (audit.of_pip, audit.of_npm):
        code, lines = audit.conclusion([read(report)])
        assert code == 3
        assert "no pass" in lines[-1]


def test_a_vulnerable_npm_package_is_reported(audit: ModuleType) -> None:
    flawed = PAGES | {"vulnerabilities": {"socket.io-client": {"severity": "high"}}}
    assert audit.conclusion([audit.of_npm(json.dumps(flawed))])[0] == 1


def test_without_network_the_audit_reports_that_nothing_was_checked() -> None:
    nowhere = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"), "http://127.0.0.1:9")
    ended = subprocess.run(
        [sys.executable, str(SCRIPT)], env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **nowhere},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 3
    assert "NOT CHECKED" in ended.stderr
