"""Every promise of docs/security.md names settings and tests that exist."""

import re
from pathlib import Path

import pytest

from whisper_appliance.config.settings import Settings

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs/security.md").read_text()
TABLE = PAGE.partition("## Promises")[2].partition("\n## ")[0]
ROWS = [line.strip("| ").split(" | ") for line in TABLE.splitlines() if "`test_" in line]


@pytest.fixture(scope="module")
def tests() -> set[str]:
    files = (ROOT / "tests").rglob("test_*.py")
    return {name for path in files for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)}


def test_the_security_page_has_promises() -> None:
    assert len(ROWS) > 30


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_promise_names_existing_settings_and_tests(row: list[str], tests: set[str]) -> None:
    named = set(re.findall(r"`([A-Z_]+)`", " ".join(row[:-1])))
    assert named <= {name.upper() for name in Settings.model_fields}
    claimed = set(re.findall(r"`(test_\w+)`", row[-1]))
    assert claimed
    assert claimed <= tests, claimed - tests
