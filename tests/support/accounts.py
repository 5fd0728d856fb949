"""Accounts over the database of a test, with cheap password hashes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from whisper_appliance.accounts.accounts import Accounts
from whisper_appliance.accounts.identity import Actor
from whisper_appliance.accounts.passwords import Passwords
from whisper_appliance.config import settings
from whisper_appliance.core.clock import Clock
from whisper_appliance.storage.database import Connection, Database

CHEAP_ARGON2 = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
GOOD_PASSWORD = "seven quiet lamps"


@dataclass
class Monotonic:
    """A clock without a date, that a test moves."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Kept:
    """What accounts called on others: audit records, and what became of owned data."""

    records: list[tuple[str, str, str]] = field(default_factory=list)
    done: list[tuple[str, ...]] = field(default_factory=list)

    def record(
        self, actor: Actor, action: str, object_id: str = "", details: Mapping[str, object] | None = None
    ) -> None:
        self.records.append((actor.name, action, object_id))

    def erase(self, connection: Connection, owner: str) -> Callable[[], None]:
        return lambda: self.done.append(("erase", owner))

    def transfer(self, connection: Connection, owner: str, heir: str) -> Callable[[], None]:
        return lambda: self.done.append(("hand over", owner, heir))


def build_accounts(
    database: Database,
    data_dir: Path,
    clock: Clock,
    *,
    kept: Kept | None = None,
    monotonic: Monotonic | None = None,
    **given: Any,
) -> Accounts:
    """Accounts as the appliance has them."""
    kept = kept or Kept()
    return Accounts(
        database,
        settings.load(data_dir=data_dir, **given),
        owned_data=kept,
        write_audit=kept.record,
        clock=clock,
        monotonic=monotonic or Monotonic(),
        passwords=Passwords(CHEAP_ARGON2),
    )
