"""Rules that count, or that allow a single one, hold for many threads and two appliances on one database."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyotp
import pytest
import sqlalchemy as sa

from tests.support.accounts import GOOD_PASSWORD, Kept, build_accounts
from tests.support.clock import Clock
from tests.support.databases import NewUser
from tests.support.passkeys import Device
from tests.support.races import THREADS, race
from whisper_appliance.accounts import keys, passkeys, sessions
from whisper_appliance.accounts.accounts import Accounts
from whisper_appliance.accounts.audit import no_audit
from whisper_appliance.accounts.identity import SHELL, Actor
from whisper_appliance.accounts.oidc_provider import Identity
from whisper_appliance.accounts.passkeys import Site
from whisper_appliance.accounts.second_factor import RECOVERY_CODES
from whisper_appliance.accounts.single_sign_on import SingleSignOn
from whisper_appliance.accounts.throttle import ATTEMPTS_PER_ADDRESS
from whisper_appliance.accounts.usage import Quota, Usage
from whisper_appliance.app.admission import quota_check
from whisper_appliance.app.ownership import AllOwnedData
from whisper_appliance.config.override_rows import OverrideRows
from whisper_appliance.config.settings import Settings, load
from whisper_appliance.core.errors import (
    Busy,
    Conflict,
    NotFound,
    QuotaReached,
    SignInFailed,
    StorageQuotaReached,
)
from whisper_appliance.core.ids import new_id
from whisper_appliance.jobs.job import IdempotencyKey, Job, JobRequest
from whisper_appliance.jobs.limits import QueueLimits
from whisper_appliance.jobs.repository import JobRepository
from whisper_appliance.jobs.time_left import ESTIMATED_BYTES_PER_SECOND
from whisper_appliance.library import shares as shares_module
from whisper_appliance.library.folder_shares import FolderShares
from whisper_appliance.library.folders import Folders
from whisper_appliance.library.ownership import TranscriptOwnership
from whisper_appliance.library.shares import Shares
from whisper_appliance.library.storage_usage import StorageUsage
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import users
from whisper_appliance.storage.schema.jobs import jobs
from whisper_appliance.webhooks.confirmations import MAX_PER_ADDRESS_A_DAY, new_link
from whisper_appliance.webhooks.repository import WebhookRepository

OTHER_PASSWORD = "eleven green bicycles"


@pytest.fixture
def two(two_databases: tuple[Database, Database], tmp_path: Path, clock: Clock) -> list[Accounts]:
    """The accounts of two appliances on one database."""
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    return [
        build_accounts(database, folder, clock, kept=Kept())
        for database, folder in zip(two_databases, folders, strict=True)
    ]


def test_a_code_of_the_second_factor_signs_in_once(two: list[Accounts], clock: Clock) -> None:
    ada = two[0].users.create("Ada", GOOD_PASSWORD, "owner", by=SHELL)
    app = pyotp.TOTP(two[0].second_factors.enrol(ada).secret)
    recovery, *_ = two[0].second_factors.activate(ada, app.at(clock.now), by=SHELL)
    clock.forward(seconds=30)

    def accepted(code: str) -> int:
        results: list[bool] = []

        def verify(accounts: Accounts) -> None:
            factors = accounts.second_factors  # below the throttle, which lets few of them through
            results.append(factors._use_code(ada.id, code) or factors._use_recovery_code(ada.id, code))

        race(two, verify)
        assert len(results) == THREADS
        return results.count(True)

    assert accepted(recovery) == 1
    assert accepted(app.at(clock.now)) == 1


def test_an_answer_of_a_passkey_signs_in_once(two: list[Accounts]) -> None:
    ada = two[0].users.create("Ada", GOOD_PASSWORD, "owner", by=SHELL)
    site, device = Site("localhost", "https://localhost"), Device()
    made = device.create(two[0].passkeys.begin_registration(ada, site))
    two[0].passkeys.register(ada, site, "Phone", made, by=SHELL)
    answer = device.sign(two[0].passkeys.begin_sign_in(site))
    numbers = itertools.count()
    found = race(two, lambda a: a.sign_in_with_passkey(site, answer, address=f"10.0.0.{next(numbers)}"))
    assert found == {"ok": 1, SignInFailed.__name__: THREADS - 1}


def test_an_invitation_makes_one_account(two: list[Accounts]) -> None:
    _, token = two[0].invitations.create("member", by=SHELL)
    names = [f"user {number}" for number in range(THREADS)]
    found = race(two, lambda a: a.invitations.accept(token, names.pop(), GOOD_PASSWORD))
    assert found == {"ok": 1, NotFound.__name__: THREADS - 1}
    assert len(two[0].users.list_users()) == 1


def test_one_of_two_owners_remains(two: list[Accounts], two_databases: tuple[Database, Database]) -> None:
    acts: list[Callable[[Accounts, str], object]] = [
        lambda accounts, user_id: accounts.users.set_role(user_id, "member", by=SHELL),
        lambda accounts, user_id: accounts.users.disable(user_id, by=SHELL),
        lambda accounts, user_id: accounts.remove_user(user_id, heir=None, by=SHELL),
    ]
    for one, other in itertools.product(acts, acts):
        with two_databases[0].write() as connection:
            connection.execute(users.delete())
        owners = [two[0].users.create(name, GOOD_PASSWORD, "owner", by=SHELL) for name in ("Ada", "Ben")]
        sides = [(two[0], owners[0].id, one), (two[1], owners[1].id, other)]
        race(sides, lambda side: side[2](side[0], side[1]))
        able = [user for user in two[0].users.list_users() if user.role == "owner" and not user.disabled]
        assert len(able) == 1, (one, other)


def test_two_users_who_are_the_heirs_of_each_other_leave_one_owner_of_all(
    two: list[Accounts], two_databases: tuple[Database, Database], tmp_path: Path
) -> None:
    for accounts, database in zip(two, two_databases, strict=True):
        accounts._owned_data = AllOwnedData(TranscriptOwnership(database, tmp_path))
    ada, ben = (two[0].users.create(name, GOOD_PASSWORD, "member", by=SHELL) for name in ("Ada", "Ben"))
    queue = JobRepository(two_databases[0])
    for user in (ada, ben):
        request = JobRequest(Path("x"), "talk.wav", owner=user.id)
        queue.add(request, audio=f"uploads/{user.id}", audio_bytes=44, limits=QueueLimits(9, 9))
    sides = [(two[0], ada.id, ben.id), (two[1], ben.id, ada.id)]
    found = race(sides, lambda side: side[0].remove_user(side[1], heir=side[2], by=SHELL))
    assert found == {"ok": 1, NotFound.__name__: THREADS - 1}
    (left,) = two[0].users.list_users()
    with two_databases[0].read() as connection:
        assert connection.execute(sa.select(jobs.c.owner)).scalars().all() == [left.id, left.id]


def test_nothing_is_shared_with_an_account_that_ends(
    two: list[Accounts], two_databases: tuple[Database, Database], tmp_path: Path
) -> None:
    sides = list(zip(two, two_databases, strict=True))
    for accounts, database in sides:
        accounts._owned_data = AllOwnedData(TranscriptOwnership(database, tmp_path))
    ada = two[0].users.create("Ada", GOOD_PASSWORD, "owner", by=SHELL).id
    folder = Folders(two_databases[0]).create(ada, "Work").id

    def act(side: tuple[Accounts, Database]) -> None:
        number = next(numbers)
        if number == THREADS // 2:
            side[0].remove_user(ben, heir=None, by=SHELL)
        elif number % 2:
            FolderShares(side[1]).share_with(ada, folder, "Ben")
        else:
            Shares(side[1]).share_with("a" * 32, "Ben", by=ada)

    for _ in range(5):
        ben = two[0].users.create("Ben", GOOD_PASSWORD, "member", by=SHELL).id
        numbers = iter(range(THREADS))
        assert set(race(sides, act)) <= {"ok", NotFound.__name__}


def test_a_name_is_given_once(two: list[Accounts]) -> None:
    found = race(two, lambda a: a.users.create("Ada", GOOD_PASSWORD, "member", by=SHELL))
    assert found == {"ok": 1, Conflict.__name__: THREADS - 1}


def single_sign_ons(
    two: list[Accounts], databases: tuple[Database, Database], settings: Settings
) -> list[SingleSignOn]:
    return [
        SingleSignOn(
            database,
            accounts.users,
            lambda: settings,
            end_sessions=lambda ended: None,
            write_audit=no_audit,
        )
        for database, accounts in zip(databases, two, strict=True)
    ]


def test_a_person_of_a_provider_gets_one_account(
    two: list[Accounts], two_databases: tuple[Database, Database], tmp_path: Path
) -> None:
    two[0].users.create("Boss", GOOD_PASSWORD, "owner", by=SHELL)
    identity = Identity(
        "https://auth.example.org", "s-1", "Ada", "", frozenset(), sid="", is_fresh=True, id_token=""
    )
    both = single_sign_ons(two, two_databases, load(data_dir=tmp_path))
    found = race(both, lambda side: side.user_for(identity))
    assert found == {"ok": THREADS}
    assert sorted(user.name for user in two[0].users.list_users()) == ["Ada", "Boss"]


def test_a_person_of_a_provider_is_linked_once(
    two: list[Accounts], two_databases: tuple[Database, Database], tmp_path: Path
) -> None:
    ada = two[0].users.create("ada@example.org", GOOD_PASSWORD, "owner", by=SHELL)
    identity = Identity(
        "https://auth.example.org",
        "s-1",
        "Ada",
        "ada@example.org",
        frozenset(),
        sid="",
        is_fresh=True,
        id_token="",
    )
    both = single_sign_ons(two, two_databases, load(data_dir=tmp_path, oidc_link_verified_email=True))
    assert race(both, lambda side: side.user_for(identity)) == {"ok": THREADS}
    assert [user.id for user in two[0].users.list_users()] == [ada.id]


def test_setup_makes_one_owner(two: list[Accounts]) -> None:
    addresses = [accounts.setup.create() for accounts in two]
    tokens = [address.partition("token=")[2] for address in addresses]
    names = [f"user {number}" for number in range(THREADS)]
    pairs = list(zip(two, tokens, strict=True))
    found = race(pairs, lambda pair: pair[0].set_up(pair[1], names.pop(), GOOD_PASSWORD, "accounts"))
    assert found["ok"] == 1
    assert [user.role for user in two[0].users.list_users()] == ["owner"]


def test_no_session_of_an_old_password_remains(two: list[Accounts]) -> None:
    ada = two[0].users.create("Ada", GOOD_PASSWORD, "owner", by=SHELL)
    numbers = itertools.count()

    def sign_in_or_change(accounts: Accounts) -> None:
        number = next(numbers)
        if number == THREADS // 2:
            accounts.users.set_password(ada.id, OTHER_PASSWORD, by=SHELL)
        else:
            accounts.sign_in("Ada", GOOD_PASSWORD, address=f"10.0.0.{number}")

    found = race(two, sign_in_or_change)
    assert found["ok"] + found[SignInFailed.__name__] == THREADS
    assert two[0].sessions.list_sessions(ada.id) == ()


def test_a_password_is_changed_once_with_the_old_one(two: list[Accounts]) -> None:
    ada = two[0].users.create("Ada", GOOD_PASSWORD, "owner", by=SHELL)
    numbers = itertools.count()

    def change(accounts: Accounts) -> None:
        number = next(numbers)
        new = f"{number} quiet bicycles"
        accounts.change_password(Actor(ada.id, ada), GOOD_PASSWORD, new, address=f"10.0.0.{number}")

    assert race(two, change) == {"ok": 1, SignInFailed.__name__: THREADS - 1}


def test_nobody_is_signed_in_to_an_account_that_is_disabled_meanwhile(two: list[Accounts]) -> None:
    ada = two[0].users.create("Ada", GOOD_PASSWORD, "member", by=SHELL)
    numbers = itertools.count()

    def sign_in_or_disable(accounts: Accounts) -> None:
        number = next(numbers)
        if number == THREADS // 2:
            accounts.users.disable(ada.id, by=SHELL)
        else:
            accounts.sign_in("Ada", GOOD_PASSWORD, address=f"10.0.0.{number}")

    race(two, sign_in_or_disable)
    assert two[0].sessions.list_sessions(ada.id) == ()


def test_new_recovery_codes_replace_all_others(two: list[Accounts], clock: Clock) -> None:
    ada = two[0].users.create("Ada", GOOD_PASSWORD, "owner", by=SHELL)
    app = pyotp.TOTP(two[0].second_factors.enrol(ada).secret)
    two[0].second_factors.activate(ada, app.at(clock.now), by=SHELL)
    for _ in range(3):
        found = race(two, lambda a: a.second_factors.renew_recovery_codes(ada, by=SHELL))
        assert found == {"ok": THREADS}
        assert two[0].second_factors.get(ada.id).recovery_codes == RECOVERY_CODES


def test_a_second_factor_is_turned_on_once(two: list[Accounts], clock: Clock) -> None:
    ada = two[0].users.create("Ada", GOOD_PASSWORD, "owner", by=SHELL)
    app = pyotp.TOTP(two[0].second_factors.enrol(ada).secret)
    shown: list[tuple[str, ...]] = []

    def activate(accounts: Accounts) -> None:
        shown.append(accounts.second_factors.activate(ada, app.at(clock.now), by=SHELL))
        accounts.throttle.reset()

    race(two, activate)
    assert len(shown) == 1
    assert two[0].second_factors.get(ada.id).recovery_codes == RECOVERY_CODES


def test_a_user_has_at_most_so_many_passkeys_and_each_once(two: list[Accounts]) -> None:
    ada = two[0].users.create("Ada", GOOD_PASSWORD, "owner", by=SHELL)
    site = Site("localhost", "https://localhost")

    def register(accounts: Accounts, device: Device) -> None:
        made = device.create(accounts.passkeys.begin_registration(ada, site))
        accounts.passkeys.register(ada, site, "Phone", made, by=SHELL)

    same = Device()
    found = race(two, lambda accounts: register(accounts, same))
    assert found == {"ok": 1, Conflict.__name__: THREADS - 1}
    found = race(two, lambda accounts: register(accounts, Device()))
    assert found["ok"] == passkeys.MAX_PER_USER - 1


def test_an_address_has_at_most_so_many_attempts(two: list[Accounts]) -> None:
    numbers = itertools.count()
    found = race(two, lambda a: a.throttle.attempt(f"user {next(numbers)}", "10.0.0.1"))
    assert found == {"ok": ATTEMPTS_PER_ADDRESS, Busy.__name__: THREADS - ATTEMPTS_PER_ADDRESS}


def test_a_revoked_invitation_makes_no_account(two: list[Accounts]) -> None:
    invitation, token = two[0].invitations.create("member", by=SHELL)
    numbers = itertools.count()

    def accept_or_revoke(accounts: Accounts) -> None:
        number = next(numbers)
        if number % 2:
            accounts.invitations.revoke(invitation.id, by=SHELL)
        else:
            accounts.invitations.accept(token, f"user {number}", GOOD_PASSWORD)

    assert race(two, accept_or_revoke) == {"ok": 1, NotFound.__name__: THREADS - 1}


def test_a_user_has_at_most_so_many_keys_and_sessions(two: list[Accounts]) -> None:
    user = two[0].users.create("Ada", GOOD_PASSWORD, "member", by=SHELL)
    for number in range(keys.MAX_PER_USER - 3):
        two[0].keys.create(user, f"key {number}", ["read"], days=None, by=SHELL)
    found = race(two, lambda a: a.keys.create(user, "one more", ["read"], days=None, by=SHELL))
    assert found == {"ok": 3, Conflict.__name__: THREADS - 3}
    for _ in range(sessions.MAX_PER_USER - 5):
        two[0].sessions.begin(user, address="192.0.2.1", agent="browser")
    race(two, lambda a: a.sessions.begin(user, address="192.0.2.1", agent="browser"))
    assert len(two[0].sessions.list_sessions(user.id)) == sessions.MAX_PER_USER


def test_a_setting_is_changed_by_many_at_once(two_databases: tuple[Database, Database]) -> None:
    both = [OverrideRows(database) for database in two_databases]
    for _ in range(3):
        assert race(both, lambda rows: rows.put("wait_seconds", "60", "Ada")) == {"ok": THREADS}


def test_an_address_is_confirmed_once_and_gets_few_links(
    two_databases: tuple[Database, Database], new_user: NewUser, clock: Clock
) -> None:
    user_id = new_user("Ada")
    both = [WebhookRepository(database, write_audit=no_audit, clock=clock) for database in two_databases]
    webhook, _ = both[0].create(user_id, "mailto:ada@example.org", private_allowed=False, by=SHELL)
    found = race(both, lambda webhooks: webhooks.enqueue_confirmation(webhook.id))
    assert found == {"ok": MAX_PER_ADDRESS_A_DAY - 1, Busy.__name__: THREADS - MAX_PER_ADDRESS_A_DAY + 1}
    with two_databases[0].write() as connection:
        token = new_link(connection, webhook.id, clock)
    found = race(both, lambda webhooks: webhooks.confirmations.confirm(token))
    assert found == {"ok": 1, NotFound.__name__: THREADS - 1}


def test_a_transaction_reads_what_the_one_before_it_wrote(database: Database) -> None:
    """Also where the server has another default, which would show what was true before the lock."""
    if database.is_sqlite:
        pytest.skip("on SQLite all writers run one after the other")
    with database.write() as connection:
        level = connection.execute(sa.text("SHOW transaction_isolation")).scalar()
        name = connection.execute(sa.text("SELECT current_database()")).scalar()
    assert level == "read committed"
    with database.write() as connection:
        default = f"ALTER DATABASE {name} SET default_transaction_isolation TO"
        connection.execute(sa.text(f"{default} 'repeatable read'"))
    try:
        other = Database(database.url.render_as_string(hide_password=False))
        with other.write() as connection:
            assert connection.execute(sa.text("SHOW transaction_isolation")).scalar() == "read committed"
        other.close()
    finally:
        with database.write() as connection:
            connection.execute(sa.text(f"{default} 'read committed'"))


def test_a_transcript_has_at_most_so_many_shares(
    two_databases: tuple[Database, Database], new_user: NewUser
) -> None:
    ada = new_user("Ada")
    both = [Shares(database) for database in two_databases]
    for _ in range(shares_module.MAX_SHARES_PER_TRANSCRIPT - 3):
        both[0].create_link("t" * 32, by=ada)
    found = race(both, lambda shares: shares.create_link("t" * 32, by=ada))
    assert found == {"ok": 3, Conflict.__name__: THREADS - 3}


def test_the_queue_takes_no_more_than_its_limits(two_databases: tuple[Database, Database]) -> None:
    both = [JobRepository(database) for database in two_databases]

    def add(jobs: JobRepository) -> None:
        request = JobRequest(Path("x"), "talk.wav", owner="ann")
        jobs.add(request, audio="uploads/x", audio_bytes=44, limits=QueueLimits(9, 5))

    found = race(both, add)
    assert found == {"ok": 5, Busy.__name__: THREADS - 5}


LIMITS = QueueLimits(99, 99)


def with_quota(database: Database, quota: Quota, clock: Clock, folder: Path) -> JobRepository:
    """The jobs of an appliance on which everybody has this quota."""
    usage = Usage(database, defaults=lambda: quota, clock=clock)
    return JobRepository(database, check_quota=quota_check(usage, StorageUsage(database, folder)))


def add(jobs: JobRepository, source: str = "upload") -> Job:
    """A recording of 43 s."""
    request = JobRequest(Path("x"), "talk.wav", owner="ann", source=source)
    return jobs.add(request, audio="x", audio_bytes=43 * ESTIMATED_BYTES_PER_SECOND, limits=LIMITS)


@pytest.fixture
def a_minute(two_databases: tuple[Database, Database], clock: Clock, tmp_path: Path) -> list[JobRepository]:
    """The jobs of two appliances with a quota of a minute: the second recording is the last."""
    return [with_quota(database, Quota(1, None, 99), clock, tmp_path) for database in two_databases]


@pytest.mark.parametrize("source", ["upload", "watch"])
def test_a_quota_counts_jobs_that_wait(a_minute: list[JobRepository], source: str) -> None:
    found = race(a_minute, lambda jobs: add(jobs, source))
    assert found == {"ok": 2, QuotaReached.__name__: THREADS - 2}


def test_a_webhook_has_one_test_message_that_waits(
    two_databases: tuple[Database, Database], new_user: NewUser
) -> None:
    both = [WebhookRepository(each, write_audit=no_audit) for each in two_databases]
    webhook, _ = both[0].create(new_user("Ada"), "https://example.com/", private_allowed=False, by=SHELL)
    race(both, lambda webhooks: webhooks.enqueue_test(webhook.id))
    assert len(both[0].deliveries([webhook.id])[webhook.id]) == 1


def test_a_quota_is_checked_by_as_many_threads_as_an_appliance_has_connections(
    a_minute: list[JobRepository],
) -> None:
    found = race(a_minute[:1], add)
    assert found == {"ok": 2, QuotaReached.__name__: THREADS - 2}


def test_a_quota_counts_jobs_that_are_tried_again(
    a_minute: list[JobRepository], two_databases: tuple[Database, Database]
) -> None:
    jobs = JobRepository(two_databases[0])
    cancelled = [add(jobs).id for _ in range(THREADS)]
    for job_id in cancelled:
        jobs.cancel(job_id)
    both = [(a_minute[number % 2], job_id) for number, job_id in enumerate(cancelled)]
    found = race(both, lambda side: side[0].reopen(side[1], "ann", LIMITS))
    assert found == {"ok": 2, QuotaReached.__name__: THREADS - 2}


def test_a_quota_of_storage_counts_uploads_that_wait(
    two_databases: tuple[Database, Database], clock: Clock, tmp_path: Path
) -> None:
    three = Quota(None, 3 * 43 * ESTIMATED_BYTES_PER_SECOND, 99)
    both = [with_quota(database, three, clock, tmp_path) for database in two_databases]
    found = race(both, add)
    assert found == {"ok": 3, StorageQuotaReached.__name__: THREADS - 3}


def test_a_translation_that_is_tried_again_is_made_once(two_databases: tuple[Database, Database]) -> None:
    both = [JobRepository(database) for database in two_databases]

    def failed() -> str:
        request = JobRequest(Path("x"), "talk.wav", owner="ann", translation_of="t" * 32)
        job = both[0].claim(both[0].add(request, audio="x", audio_bytes=1, limits=LIMITS).id)
        both[0].fail(job.id, "engine_failed", "It stopped.")
        return job.id

    sides = [(both[number % 2], failed()) for number in range(THREADS)]
    found = race(sides, lambda side: side[0].reopen(side[1], "ann", LIMITS))
    assert found == {"ok": 1, Conflict.__name__: THREADS - 1}


def test_a_repeated_request_gets_one_job(two_databases: tuple[Database, Database]) -> None:
    both = [JobRepository(database) for database in two_databases]
    keyed = JobRequest(Path("x"), "talk.wav", owner="ann", idempotency=IdempotencyKey("key", "this file"))
    ids: set[str] = set()

    def send(jobs: JobRepository) -> None:
        ids.add(jobs.add(replace(keyed, id=new_id()), audio="x", audio_bytes=1, limits=LIMITS).id)

    assert race(both, send) == {"ok": THREADS}
    assert len(ids) == both[0].counts()["queued"] == 1
