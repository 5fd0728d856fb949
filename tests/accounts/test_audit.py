"""The audit log: entries, filters, escaping, CSV."""

import csv

import pytest

from tests.support.clock import Clock
from whisper_appliance.accounts.audit import BATCH_ROWS, Audit, AuditFilter, csv_lines
from whisper_appliance.accounts.identity import Actor, User
from whisper_appliance.storage.database import Database

ADA = Actor("1", User("1", "Ada", "owner", "2026-01-01"), session="s")
BOB = Actor("2", User("2", "Bob", "member", "2026-01-01"), key="k")


@pytest.fixture
def audit(database: Database, clock: Clock) -> Audit:
    audit = Audit(database, clock=clock)
    audit.set_client_address("192.0.2.7")
    return audit


def test_an_audit_entry_has_actor_action_object_time_and_address(audit: Audit) -> None:
    audit.record(ADA, "user.role", "2", {"name": "Bob", "role": "admin", "note": None})
    (record,) = audit.page(AuditFilter())
    assert (record.actor, record.actor_name, record.address) == ("1", "Ada", "192.0.2.7")
    assert (record.action, record.object, record.time) == ("user.role", "2", "2026-05-01T12:00:00.000Z")
    assert record.details == {"name": "Bob", "role": "admin"}


def test_an_entry_of_an_api_key_names_the_key(audit: Audit) -> None:
    audit.record(BOB, "transcript.export", "t")
    assert audit.page(AuditFilter())[0].details == {"key": "k"}


def test_audit_entries_are_filtered_by_actor_action_object_and_time(audit: Audit, clock: Clock) -> None:
    audit.record(ADA, "share.link", "t1")
    clock.forward(days=1)
    audit.record(BOB, "share.user", "t2")
    audit.record(BOB, "sign-in")

    def found(**wanted: str) -> list[str]:
        return [record.action for record in audit.page(AuditFilter(**wanted))]

    assert found() == ["sign-in", "share.user", "share.link"]
    assert found(who="bo") == ["sign-in", "share.user"]
    assert found(who="1") == ["share.link"]
    assert found(who="%") == []
    assert found(action="share") == ["share.user", "share.link"]
    assert found(action="share.link") == ["share.link"]
    assert found(object="t2") == ["share.user"]
    assert found(since="2026-05-02") == ["sign-in", "share.user"]
    assert found(until="2026-05-02") == ["share.link"]
    assert audit.actions() == ("share.link", "share.user", "sign-in")


def test_a_long_log_comes_in_pages_and_whole(audit: Audit, database: Database) -> None:
    for number in range(5):
        audit.record(ADA, f"step.{number}")
    first = audit.page(AuditFilter(), limit=2)
    second = audit.page(AuditFilter(), limit=2, before=first[-1].number)
    assert [record.action for record in (*first, *second)] == ["step.4", "step.3", "step.2", "step.1"]
    assert len(list(audit.iterate(AuditFilter()))) == 5 < BATCH_ROWS


def test_invisible_characters_are_escaped(audit: Audit) -> None:
    audit.record(ADA, "user.rename", details={"name": "abc\u202egpj.exe\nroot"})
    assert audit.page(AuditFilter())[0].details["name"] == "abc\\u202egpj.exe\\nroot"


def test_csv_cells_are_no_formulas(audit: Audit) -> None:
    audit.record(Actor("3", User("3", "=HYPERLINK(1)", "member", "")), "sign-in")
    head, row = csv.reader("".join(csv_lines(audit.iterate(AuditFilter()))).splitlines())
    assert head[0] == "time"
    assert row[2] == "'=HYPERLINK(1)"


def test_old_entries_are_purged(audit: Audit, clock: Clock) -> None:
    audit.record(ADA, "old")
    clock.forward(days=366)
    audit.record(ADA, "new")
    assert audit.purge(365) == 1
    assert [record.action for record in audit.page(AuditFilter())] == ["new"]
