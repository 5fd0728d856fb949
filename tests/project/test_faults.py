"""Every fault of docs/security.md names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs/security.md").read_text()
ROWS = [row for row in PAGE.partition("## Faults")[2].partition("\n## ")[0].splitlines() if "`test_" in row]


def test_every_documented_fault_has_a_test() -> None:
    written = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert len(ROWS) > 12
    for row in ROWS:
        assert set(re.findall(r"`(test_\w+)`", row)) <= written, row
