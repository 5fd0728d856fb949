"""Messages about jobs survive a restart, are tried again with growing pauses, and given up in the end."""

import json
from itertools import pairwise

import pytest
import sqlalchemy as sa

from tests.support.clock import Clock
from tests.support.databases import NewUser
from whisper_appliance.accounts.audit import no_audit
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.core.errors import Busy, Conflict, NotFound
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import users, webhook_deliveries, webhooks
from whisper_appliance.webhooks.confirmations import MAX_PER_ADDRESS_A_DAY, MAX_PER_USER_A_DAY
from whisper_appliance.webhooks.repository import MAX_PER_USER, PAUSES_SECONDS, WebhookRepository
from whisper_appliance.webhooks.webhook import DueDelivery, Outcome, Webhook

FAILED, GONE, ACCEPTED = Outcome(error="unreachable"), Outcome(410), Outcome(200)


@pytest.fixture
def repository(database: Database, clock: Clock) -> WebhookRepository:
    return WebhookRepository(database, write_audit=no_audit, clock=clock)


@pytest.fixture
def ann(new_user: NewUser) -> str:
    return new_user("Ann")


def a_webhook(repository: WebhookRepository, user: str, url: str = "https://example.com/") -> Webhook:
    return repository.create(user, url, private_allowed=False, by=SHELL)[0]


def an_address(repository: WebhookRepository, user: str, address: str = "ann@example.org") -> Webhook:
    """One that was confirmed."""
    made = a_webhook(repository, user, f"mailto:{address}")
    repository.confirmations.confirm(token_sent(repository))
    return made


def token_sent(repository: WebhookRepository) -> str:
    """The token of the link that waits to be sent."""
    message = due(repository)
    repository.record(message, ACCEPTED)
    token: str = json.loads(message.body)["data"]["token"]
    return token


def job(
    database: Database,
    repository: WebhookRepository,
    owner: str,
    status: str = "done",
    finished: str = "2026-05-01T12:01:00.000Z",
) -> None:
    """The end of a job that was sent at 12:00."""
    row = {
        "id": "1" * 32, "owner": owner, "status": status, "title": "A talk", "transcript_id": "1" * 32,
        "translation_of": None, "duration": 3.0, "created": "2026-05-01T12:00:00.000Z", "finished": finished,
        "error_code": None, "error_message": None,
    }  # fmt: skip
    columns = [
        sa.literal(value, sa.Text if value is None else None).label(name) for name, value in row.items()
    ]
    with database.write() as connection:
        repository.enqueue_job(connection, connection.execute(sa.select(*columns)).mappings().one())


def due(repository: WebhookRepository) -> DueDelivery:
    (message,) = repository.claim_due(9)
    return message


def test_a_job_that_ends_has_a_message_for_each_webhook_of_its_owner(
    repository: WebhookRepository, database: Database, ann: str, new_user: NewUser
) -> None:
    mine = {a_webhook(repository, ann).id, a_webhook(repository, ann).id}
    a_webhook(repository, new_user("Bob"))
    job(database, repository, ann)
    job(database, repository, "", "done")
    claimed = repository.claim_due(9)
    assert {each.webhook_id for each in claimed} == mine
    assert '"type": "job.done"' in claimed[0].body
    assert '"title": "A talk"' in claimed[0].body


def test_only_a_job_that_took_long_sends_e_mail(
    repository: WebhookRepository, database: Database, ann: str
) -> None:
    address = an_address(repository, ann)
    job(database, repository, ann, finished="2026-05-01T12:02:59.000Z")
    assert repository.next_at() is None
    job(database, repository, ann, finished="2026-05-01T12:03:00.000Z")
    assert due(repository).webhook_id == address.id


def test_a_cancelled_job_has_no_message(repository: WebhookRepository, database: Database, ann: str) -> None:
    a_webhook(repository, ann)
    job(database, repository, ann, "cancelled")
    assert repository.next_at() is None


def test_a_failed_attempt_is_repeated_with_growing_pauses_until_it_is_given_up(
    repository: WebhookRepository, database: Database, clock: Clock, ann: str
) -> None:
    webhook = a_webhook(repository, ann)
    job(database, repository, ann)
    for seconds in PAUSES_SECONDS:
        repository.record(due(repository), FAILED)
        clock.forward(seconds=seconds - 1)
        assert repository.claim_due(9) == ()
        clock.forward(seconds=1)
    repository.record(due(repository), FAILED)
    (delivery,) = repository.deliveries([webhook.id])[webhook.id]
    assert (delivery.status, delivery.attempts) == ("failed", len(PAUSES_SECONDS) + 1)
    assert (delivery.error, delivery.next_at, repository.next_at()) == ("unreachable", None, None)
    assert all(one < next for one, next in pairwise(PAUSES_SECONDS))


def test_a_message_in_flight_is_sent_again_after_a_crash_but_not_at_once(
    repository: WebhookRepository, database: Database, clock: Clock, ann: str
) -> None:
    a_webhook(repository, ann)
    job(database, repository, ann)
    first = due(repository)
    restarted = WebhookRepository(database, write_audit=no_audit, clock=clock)
    assert restarted.claim_due(9) == ()
    clock.forward(minutes=3)
    assert due(restarted) == first


def test_an_accepted_message_is_not_sent_again(
    repository: WebhookRepository, database: Database, clock: Clock, ann: str
) -> None:
    webhook = a_webhook(repository, ann)
    job(database, repository, ann)
    repository.record(due(repository), ACCEPTED)
    (delivery,) = repository.deliveries([webhook.id])[webhook.id]
    assert (delivery.status, delivery.status_code, repository.next_at()) == ("delivered", 200, None)
    clock.forward(days=8)
    assert repository.purge() == 1


def test_a_failing_server_gets_one_message_at_a_time_and_a_pause(
    repository: WebhookRepository, database: Database, clock: Clock, ann: str
) -> None:
    a_webhook(repository, ann)
    for _ in range(3):
        job(database, repository, ann)
    repository.record(due(repository), FAILED)
    clock.forward(seconds=6)
    repository.record(due(repository), FAILED)
    assert repository.claim_due(9) == (), "the third message is spared"


def test_a_webhook_gets_one_message_at_a_time_from_any_number_of_workers(
    repository: WebhookRepository, database: Database, clock: Clock, ann: str
) -> None:
    webhook = a_webhook(repository, ann).id
    other = WebhookRepository(database, write_audit=no_audit, clock=clock)
    for _ in range(2):
        job(database, repository, ann)
    (first,) = repository.claim_due(9)
    assert other.claim_due(9) == ()
    assert other.next_at() == repository.deliveries([webhook])[webhook][1].next_at, "it does not poll"
    assert {each.status for each in repository.deliveries([webhook])[webhook]} == {"waiting"}
    repository.record(first, ACCEPTED)
    (second,) = other.claim_due(9)
    assert second.id != first.id


def test_a_server_that_is_gone_gets_nothing_more_until_its_user_tests_it(
    repository: WebhookRepository, database: Database, ann: str
) -> None:
    webhook = a_webhook(repository, ann)
    job(database, repository, ann)
    job(database, repository, ann)
    repository.record(due(repository), GONE)
    job(database, repository, ann)
    assert repository.next_at() is None
    assert repository.get(webhook.id, ann).disabled_at
    repository.enqueue_test(webhook.id)
    repository.record(due(repository), ACCEPTED)
    assert repository.get(webhook.id, ann).disabled_at is None


def test_a_disabled_user_gets_no_messages(
    repository: WebhookRepository, database: Database, ann: str
) -> None:
    a_webhook(repository, ann)
    with database.write() as connection:
        connection.execute(users.update().values(disabled_at="2026-05-01T12:00:00.000Z"))
    job(database, repository, ann)
    assert repository.next_at() is None


def test_what_waits_for_a_user_who_is_disabled_is_given_up(
    repository: WebhookRepository, database: Database, ann: str
) -> None:
    a_webhook(repository, ann)
    job(database, repository, ann)
    with database.write() as connection:
        connection.execute(users.update().values(disabled_at="2026-05-01T12:00:00.000Z"))
    assert repository.claim_due(9) == ()
    assert repository.next_at() is None


def test_a_test_message_replaces_one_that_waits(repository: WebhookRepository, ann: str) -> None:
    webhook = a_webhook(repository, ann)
    for _ in range(5):
        repository.enqueue_test(webhook.id)
    assert len(repository.deliveries([webhook.id])[webhook.id]) == 1


def test_a_webhook_of_another_user_is_not_found(
    repository: WebhookRepository, ann: str, new_user: NewUser
) -> None:
    webhook, bob = a_webhook(repository, ann), new_user("Bob")
    with pytest.raises(NotFound):
        repository.get(webhook.id, bob)
    with pytest.raises(NotFound):
        repository.delete(webhook.id, bob, by=SHELL)
    repository.delete(webhook.id, ann, by=SHELL)
    assert repository.list_webhooks(ann) == ()


def test_a_user_has_a_limited_number_of_webhooks(repository: WebhookRepository, ann: str) -> None:
    for _ in range(MAX_PER_USER):
        a_webhook(repository, ann)
    with pytest.raises(Conflict, match=str(MAX_PER_USER)):
        a_webhook(repository, ann)


def test_an_address_gets_nothing_but_its_link_until_that_is_used(
    repository: WebhookRepository, database: Database, ann: str
) -> None:
    made = a_webhook(repository, ann, "mailto:ann@example.org")
    assert made.confirmed_at is None
    token = token_sent(repository)
    job(database, repository, ann, finished="2026-05-01T12:30:00.000Z")
    assert repository.next_at() is None
    with pytest.raises(Conflict, match="not confirmed yet"):
        repository.enqueue_test(made.id)
    assert repository.confirmations.address_of(token) == "ann@example.org"
    assert repository.confirmations.confirm(token) == made.id
    for use in (repository.confirmations.confirm, repository.confirmations.address_of):
        with pytest.raises(NotFound, match="used already"):
            use(token)
    with pytest.raises(Conflict, match="confirmed already"):
        repository.enqueue_confirmation(made.id)
    job(database, repository, ann, finished="2026-05-01T12:30:00.000Z")
    assert due(repository).webhook_id == made.id


def test_the_database_has_no_link_that_confirms_an_address(
    repository: WebhookRepository, database: Database, clock: Clock, ann: str
) -> None:
    made = a_webhook(repository, ann, "mailto:ann@example.org")
    first = due(repository)
    repository.record(first, FAILED)
    clock.forward(seconds=PAUSES_SECONDS[0])
    second = token_sent(repository)
    first_token = json.loads(first.body)["data"]["token"]
    with database.read() as connection:
        stored = [
            str(row)
            for table in (webhooks, webhook_deliveries)
            for row in connection.execute(sa.select(table))
        ]
    assert len(stored) == 2
    assert not [token for token in (first_token, second) for row in stored if token in row]
    with pytest.raises(NotFound, match="replaced by a newer one"):
        repository.confirmations.confirm(first_token)
    assert repository.confirmations.confirm(second) == made.id


def test_a_link_ends_after_a_day_with_a_newer_one_and_with_its_address(
    repository: WebhookRepository, clock: Clock, ann: str
) -> None:
    made = a_webhook(repository, ann, "mailto:ann@example.org")
    first = token_sent(repository)
    repository.enqueue_confirmation(made.id)
    second = token_sent(repository)
    with pytest.raises(NotFound):
        repository.confirmations.confirm(first)
    clock.forward(hours=24, seconds=1)
    with pytest.raises(NotFound):
        repository.confirmations.confirm(second)
    repository.enqueue_confirmation(made.id)
    third = token_sent(repository)
    repository.delete(made.id, ann, by=SHELL)
    with pytest.raises(NotFound):
        repository.confirmations.confirm(third)


def test_links_are_limited_by_address_and_by_user_also_for_deleted_addresses(
    repository: WebhookRepository, clock: Clock, ann: str, new_user: NewUser
) -> None:
    bob = new_user("Bob")
    for user in [ann, ann, bob][:MAX_PER_ADDRESS_A_DAY]:
        made = a_webhook(repository, user, "mailto:Victim@example.org")
        repository.delete(made.id, user, by=SHELL)
    with pytest.raises(Busy, match="tomorrow"):
        a_webhook(repository, bob, "mailto:victim@example.org")
    assert repository.list_webhooks(bob) == ()
    for number in range(MAX_PER_USER_A_DAY - 2):
        made = a_webhook(repository, ann, f"mailto:x{number}@example.org")
        repository.delete(made.id, ann, by=SHELL)
    with pytest.raises(Busy):
        a_webhook(repository, ann, "mailto:more@example.org")
    clock.forward(hours=24, seconds=1)
    a_webhook(repository, ann, "mailto:victim@example.org")
