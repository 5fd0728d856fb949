"""Every promise and every fault of docs/security.md names settings and tests that exist."""

import re
from pathlib import Path

import pytest

from whisper_appliance.config.settings import Settings

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs/security.md").read_text()


def rows_below(heading: str) -> list[list[str]]:
    """The cells of the table in a section, without its head."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [line.strip("| ").split(" | ") for line in lines[2:]]


ROWS = [*rows_below("Promises"), *rows_below("Faults")]


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
