"""The accounts of a database, with a clock that the test turns."""

from pathlib import Path

import pytest

from tests.support.accounts import Kept, Monotonic, build_accounts
from tests.support.clock import Clock
from whisper_appliance.accounts.accounts import Accounts
from whisper_appliance.storage.database import Database


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest.fixture
def accounts(database: Database, tmp_path: Path, clock: Clock, kept: Kept, monotonic: Monotonic) -> Accounts:
    return build_accounts(database, tmp_path, clock, kept=kept, monotonic=monotonic)
