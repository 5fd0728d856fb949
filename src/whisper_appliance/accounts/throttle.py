"""Sign-in throttling: a progressive delay after failed attempts, and a rate limit for each client address.

The counters are rows of the database, so all machines count together, and a restart forgets nothing.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

import sqlalchemy as sa

from whisper_appliance.accounts.tokens import token_hash
from whisper_appliance.core.errors import Busy
from whisper_appliance.core.network import client_network
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import sign_in_attempts

ATTEMPTS_PER_ADDRESS = 20
ADDRESS_WINDOW_SECONDS = 60.0
FAILURES_PER_DAY = 100
"""Failures of one account from all addresses, after which addresses that it never used are slowed down."""
DAY_SECONDS = 86400.0
TRUSTED_SECONDS = 90 * DAY_SECONDS
"""An address from which an account signed in is trusted by it for so long."""
EXCLUSIVE = "sign-in attempts"
EXPIRY_EVERY = 500


@dataclass(frozen=True, slots=True)
class _Pace:
    """How failures of one account from one address are slowed down: the delay doubles after the free ones."""

    failures_without_delay: int
    first_delay_seconds: float
    longest_delay_seconds: float


USUAL = _Pace(5, 2.0, 300.0)
SLOW = _Pace(1, 60.0, 3600.0)
"""For addresses from which an account that is under attack never signed in. The first attempt is always free,
so that a stranger's failures keep nobody out."""


@dataclass(slots=True)
class _Attempts:
    """The counters of a row: of an address, of an account, or of an account from one address."""

    times: list[float] = field(default_factory=list)
    delays: int = 0
    not_before: float = 0.0
    level: float = 0.0
    counted_at: float = 0.0
    succeeded_at: float = 0.0


class Throttle:
    """Counts failures for each account and address, for each account, and attempts for each address.

    Delays double up to a limit. They never lock an account for good, so that guessing cannot keep its user
    out.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        """`clock` returns seconds since 1970."""
        self._database = database
        self._clock = clock
        self._until_expiry = EXPIRY_EVERY

    def attempt(self, account: str, address: str) -> None:
        """Counts an attempt, as a failure until `succeeded` is called. Raises `Busy` when it is too early.

        So parallel attempts count too. A refused attempt counts only for its address.
        """
        network = client_network(address)
        self._delete_expired_now_and_then()
        with self._database.write(exclusive=EXCLUSIVE) as connection:
            now = self._clock()
            wait = _count_address(connection, network, now) or _count_failure(
                connection, account, network, now
            )
        _refuse_for(wait)  # after the transaction, because what was counted stays

    def attempt_of_address(self, address: str) -> None:
        """Counts an attempt that names no account. Raises `Busy` when its address has had too many."""
        self._delete_expired_now_and_then()
        with self._database.write(exclusive=EXCLUSIVE) as connection:
            wait = _count_address(connection, client_network(address), self._clock())
        _refuse_for(wait)

    def is_trusted(self, account: str, address: str) -> bool:
        """Whether the last attempt of this account from this address was good, in the last months."""
        with self._database.read() as connection:
            return _is_trusted(_load(connection, _pair(account, client_network(address))), self._clock())

    def succeeded(self, account: str, address: str) -> None:
        """Resets the failures of this account from this address, because the last attempt was good."""
        network = client_network(address)
        with self._database.write(exclusive=EXCLUSIVE) as connection:
            now = self._clock()
            _store(connection, _pair(account, network), _Attempts(succeeded_at=now), now + TRUSTED_SECONDS)
            whole = _load(connection, _of_account(account))
            whole.level = max(0.0, whole.level - 1)
            _store(connection, _of_account(account), whole, now + DAY_SECONDS)

    def delete_expired(self) -> None:
        """Deletes the counters that slow nobody down any more."""
        with self._database.write() as connection:
            old = sign_in_attempts.c.kept_until < self._clock()
            connection.execute(sign_in_attempts.delete().where(old))

    def reset(self) -> None:
        """Deletes all counters."""
        with self._database.write(exclusive=EXCLUSIVE) as connection:
            connection.execute(sign_in_attempts.delete())

    def _delete_expired_now_and_then(self) -> None:
        """Bounds the rows of somebody who guesses from many addresses."""
        self._until_expiry -= 1
        if self._until_expiry <= 0:
            self._until_expiry = EXPIRY_EVERY
            self.delete_expired()


def _refuse_for(seconds: float) -> None:
    if seconds:
        raise Busy(
            "Too many attempts to sign in. Wait a little, then try again.",
            retry_after_seconds=max(1.0, seconds),
            limit_name="sign_ins",
        )


def _is_trusted(attempts: _Attempts, now: float) -> bool:
    return attempts.succeeded_at > 0 and now - attempts.succeeded_at < TRUSTED_SECONDS


def _count_address(connection: sa.Connection, network: str, now: float) -> float:
    """Counts an attempt of an address; the seconds to wait if it has had too many."""
    attempts = _load(connection, _of_address(network))
    attempts.times = _within(attempts.times, ADDRESS_WINDOW_SECONDS, now)
    if len(attempts.times) >= ATTEMPTS_PER_ADDRESS:
        return attempts.times[0] + ADDRESS_WINDOW_SECONDS - now
    attempts.times.append(now)
    _store(connection, _of_address(network), attempts, now + ADDRESS_WINDOW_SECONDS)
    return 0.0


def _count_failure(connection: sa.Connection, account: str, network: str, now: float) -> float:
    """Counts a failure of an account from an address; the seconds to wait if it is too early."""
    attempts, whole = _load(connection, _pair(account, network)), _load(connection, _of_account(account))
    is_trusted = _is_trusted(attempts, now)
    leaked = (now - whole.counted_at) * FAILURES_PER_DAY / DAY_SECONDS
    whole.level = max(0.0, whole.level - max(0.0, leaked))
    pace = SLOW if whole.level >= FAILURES_PER_DAY and not is_trusted else USUAL
    if now < attempts.not_before <= now + SLOW.longest_delay_seconds:  # later: the clock was set back
        return attempts.not_before - now
    _delay_next(attempts, pace, now)
    kept_seconds = TRUSTED_SECONDS if is_trusted else 2 * SLOW.longest_delay_seconds
    _store(connection, _pair(account, network), attempts, now + kept_seconds)
    whole.level, whole.counted_at = whole.level + 1, now
    _store(connection, _of_account(account), whole, now + DAY_SECONDS)
    return 0.0


def _delay_next(attempts: _Attempts, pace: _Pace, now: float) -> None:
    if now >= attempts.not_before + pace.longest_delay_seconds:
        attempts.delays = 0
    attempts.times = [*_within(attempts.times, pace.longest_delay_seconds, now), now]
    if attempts.delays or len(attempts.times) >= pace.failures_without_delay:
        delay = min(pace.longest_delay_seconds, pace.first_delay_seconds * 2**attempts.delays)
        attempts.delays = min(attempts.delays + 1, 16)
        attempts.not_before = now + delay


def _within(times: Sequence[float], seconds: float, now: float) -> list[float]:
    return [each for each in times if now - seconds < each <= now]


def _of_address(network: str) -> str:
    return token_hash(f"address\0{network}")


def _of_account(account: str) -> str:
    return token_hash(f"account\0{account}")


def _pair(account: str, network: str) -> str:
    return token_hash(f"both\0{account}\0{network}")


def _load(connection: sa.Connection, key: str) -> _Attempts:
    query = sa.select(sign_in_attempts.c.counters).where(sign_in_attempts.c.key == key)
    found = connection.execute(query).scalar()
    return _Attempts(**json.loads(found)) if found else _Attempts()


def _store(connection: sa.Connection, key: str, attempts: _Attempts, kept_until: float) -> None:
    row = {"counters": json.dumps(asdict(attempts)), "kept_until": kept_until}
    changed = connection.execute(
        sign_in_attempts.update().where(sign_in_attempts.c.key == key).values(row)
    ).rowcount
    if not changed:
        connection.execute(sign_in_attempts.insert().values(key=key, **row))
