"""Usage counters by owner, key and day, and quotas."""

from contextlib import suppress

import pytest

from tests.support.clock import Clock
from tests.support.databases import NewUser
from whisper_appliance.accounts.usage import Quota, Usage, UsageLine, UsageRow, UsageTotals, UserQuota
from whisper_appliance.core.errors import NotFound, QuotaReached, StorageQuotaReached
from whisper_appliance.storage.database import Database

DEFAULTS = Quota(minutes_per_month=None, storage_bytes=1000, waiting_jobs=20)


@pytest.fixture
def usage(database: Database, clock: Clock) -> Usage:
    return Usage(database, defaults=lambda: DEFAULTS, clock=clock)


def count(
    usage: Usage, database: Database, owner: str = "ada", key_id: str = "", seconds: float = 60
) -> None:
    with database.write() as connection:
        usage.count(
            connection,
            owner=owner,
            key_id=key_id,
            jobs=1,
            audio_seconds=seconds,
            processing_seconds=seconds / 10,
        )


def test_usage_is_counted_by_day_and_key(usage: Usage, database: Database, clock: Clock) -> None:
    count(usage, database)
    count(usage, database, seconds=30)
    count(usage, database, key_id="k")
    clock.forward(days=1)
    count(usage, database)
    count(usage, database, owner="bob")
    assert usage.rows_for("ada") == (
        UsageRow("2026-05-02", "", 1, 60, 6),
        UsageRow("2026-05-01", "", 2, 90, 9),
        UsageRow("2026-05-01", "k", 1, 60, 6),
    )
    assert len(usage.rows_for("ada", since="2026-05-02")) == 1


def test_a_report_adds_up_periods_and_knows_names(
    usage: Usage, database: Database, clock: Clock, new_user: NewUser
) -> None:
    ada = new_user("ada")
    count(usage, database, owner=ada)
    clock.forward(days=1)
    count(usage, database, owner=ada, key_id="k")
    count(usage, database, owner=ada, seconds=30)
    count(usage, database, owner="")
    by_month = usage.report("month")
    assert by_month == (
        UsageLine("2026-05", "", "", "", "", 1, 60, 6),
        UsageLine("2026-05", ada, "ada", "", "", 2, 90, 9),
        UsageLine("2026-05", ada, "ada", "k", "", 1, 60, 6),
    )
    assert [line.period for line in usage.report("day", until="2026-05-01")] == ["2026-05-01"]
    assert sum(line.jobs for line in usage.report("all", since="2026-05-02")) == 3
    assert {line.period for line in usage.report("all")} == {""}


def test_a_rolled_back_transaction_is_not_counted(usage: Usage, database: Database) -> None:
    with suppress(ZeroDivisionError), database.write() as connection:
        usage.count(connection, owner="a", key_id="", jobs=1, audio_seconds=1, processing_seconds=1)
        raise ZeroDivisionError
    assert usage.rows_for("a") == ()


def test_usage_of_the_month_is_counted_separately(usage: Usage, database: Database, clock: Clock) -> None:
    count(usage, database)
    clock.forward(days=31)
    count(usage, database, seconds=5)
    assert usage.totals() == {"ada": UsageTotals(1, 5, 2, 65)}
    assert usage.seconds_this_month("ada") == 5
    assert usage.seconds_this_month("nobody else") == 0


def test_minutes_are_refused_when_they_are_used_up_until_the_next_month(
    usage: Usage, database: Database, clock: Clock, new_user: NewUser
) -> None:
    ada = new_user("Ada")
    usage.set_quota(ada, UserQuota(minutes_per_month=1))
    usage.check_minutes(ada)
    count(usage, database, owner=ada)
    with pytest.raises(QuotaReached) as refused:
        usage.check_minutes(ada)
    assert "2026-06-01" in refused.value.message
    assert refused.value.retry_after_seconds == 30.5 * 24 * 3600
    clock.forward(days=31)
    usage.check_minutes(ada)


def test_storage_is_refused_when_it_is_full(usage: Usage, new_user: NewUser) -> None:
    usage.check_storage("a visitor", lambda: 900, 100)
    with pytest.raises(StorageQuotaReached):
        usage.check_storage("a visitor", lambda: 900, 101)
    usage.check_storage("", lambda: 5000)
    ada = new_user("Ada")
    usage.set_quota(ada, UserQuota(storage_bytes=0))
    usage.check_storage(ada, lambda: 10**12)


def test_a_user_has_the_defaults_until_something_else_is_set(usage: Usage, new_user: NewUser) -> None:
    ada = new_user("Ada")
    assert usage.effective_quota(ada) == DEFAULTS
    usage.set_quota(ada, UserQuota(waiting_jobs=3))
    assert usage.effective_quota(ada) == Quota(None, 1000, 3)
    with pytest.raises(NotFound):
        usage.set_quota("nobody", UserQuota())


def test_counters_are_deleted_with_their_owner_and_after_two_years(
    usage: Usage, database: Database, clock: Clock
) -> None:
    count(usage, database)
    count(usage, database, owner="bob")
    usage.delete_for("ada")
    assert set(usage.totals()) == {"bob"}
    clock.forward(days=800)
    assert usage.delete_old() == 1
    assert usage.totals() == {}
