"""The migrations of the database are one chain, in the order of their file names."""

import re

from whisper_appliance.storage.migrations import FOLDER


def test_the_migrations_are_one_chain_in_the_order_of_their_names() -> None:
    """Two that follow the same one stop every start."""
    before: str | None = None
    for path in sorted((FOLDER / "versions").glob("[0-9]*.py")):
        text = path.read_text(encoding="utf-8")
        found = dict(re.findall(r'^(revision|down_revision) = (?:"(\w+)"|None)$', text, re.MULTILINE))
        assert found == {"revision": path.name.partition("_")[0], "down_revision": before or ""}, path.name
        before = found["revision"]
