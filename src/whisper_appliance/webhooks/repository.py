"""The webhooks of users and the deliveries of their messages, in the database."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from whisper_appliance.accounts.audit import WriteAudit
from whisper_appliance.accounts.identity import Actor
from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import Conflict, NotFound
from whisper_appliance.core.ids import new_id
from whisper_appliance.storage.database import Connection, Database
from whisper_appliance.storage.schema.accounts import users, webhook_deliveries, webhooks
from whisper_appliance.webhooks.confirmations import Confirmations, count_confirmation, new_link
from whisper_appliance.webhooks.mail import MAILTO, checked_address
from whisper_appliance.webhooks.signature import new_secret
from whisper_appliance.webhooks.target import checked_url
from whisper_appliance.webhooks.webhook import (
    EVENTS,
    Delivery,
    DueDelivery,
    Event,
    Outcome,
    Webhook,
    confirmation_message,
    job_message,
    trial_message,
)

MAX_PER_USER = 10
SHOWN_DELIVERIES = 20
PAUSES_SECONDS = (5, 60, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 24 * 3600)
"""The pauses after a failed attempt; after the last one, the message is given up."""
CLAIM_SECONDS = 120
"""A message is not sent by another worker, nor after a crash, before so much time has passed."""
SENDING = "sending"
"""The status of a message that a worker sends; users see it as one that waits."""
SPARED_SECONDS = 30
"""After a failed attempt, a server gets no other message for so long."""
KEPT_DAYS = 7
MAIL_AFTER_SECONDS = 180
"""Jobs that take less time, from upload to end, send no e-mail: their people are still there."""


class WebhookRepository:
    """All webhooks in a database. `by` is the actor for the audit log."""

    def __init__(self, database: Database, *, write_audit: WriteAudit, clock: Clock = now) -> None:
        self._database = database
        self._write_audit = write_audit
        self._clock = clock
        self.confirmations = Confirmations(database, clock)

    def create(self, user_id: str, url: str, *, private_allowed: bool, by: Actor) -> tuple[Webhook, str]:
        """A new webhook and its signing secret, which is shown once; for e-mail the secret is not used.

        An e-mail address gets a link first, and nothing else before that was opened. Raises `InvalidRequest`
        for a URL that cannot be used, `Conflict` if the user has `MAX_PER_USER`, `Busy` for too many links.
        """
        if url.startswith(MAILTO):
            host = checked_address(url).rpartition("@")[2]
        else:
            host = checked_url(url, private_allowed=private_allowed).hostname or ""
        secret = new_secret()
        is_mail, moment = url.startswith(MAILTO), self._now()
        row = {
            "id": new_id(), "user_id": user_id, "url": url, "secret": secret, "created": moment,
            "confirmed_at": None if is_mail else moment,
        }  # fmt: skip
        count = sa.select(sa.func.count()).where(webhooks.c.user_id == user_id)
        with self._database.write(exclusive="webhooks") as connection:
            if connection.execute(count).scalar_one() >= MAX_PER_USER:
                raise Conflict("A user may have {max} webhooks. Delete some first.", max=MAX_PER_USER)
            added = connection.execute(webhooks.insert().values(row).returning(*webhooks.c))
            webhook = _webhook(added.mappings().one())
            if is_mail:
                self._enqueue_confirmation(connection, webhook.id)
        self._write_audit(by, "webhook.create", webhook.id, {"host": host})
        return webhook, secret

    def list_webhooks(self, user_id: str) -> tuple[Webhook, ...]:
        """The webhooks of a user, newest first."""
        query = sa.select(webhooks).where(webhooks.c.user_id == user_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(webhooks.c.created.desc(), webhooks.c.id)).mappings()
            return tuple(map(_webhook, rows))

    def get(self, webhook_id: str, user_id: str) -> Webhook:
        """One webhook of a user. Raises `NotFound`."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(webhooks).where(_is(webhook_id, user_id))).mappings().first()
        if row is None:
            raise NotFound("There is no such webhook.")
        return _webhook(row)

    def delete(self, webhook_id: str, user_id: str, *, by: Actor) -> None:
        """Deletes a webhook with its deliveries. Raises `NotFound`."""
        with self._database.write() as connection:
            if connection.execute(webhooks.delete().where(_is(webhook_id, user_id))).rowcount == 0:
                raise NotFound("There is no such webhook.")
        self._write_audit(by, "webhook.delete", webhook_id)

    def deliveries(self, webhook_ids: Iterable[str]) -> dict[str, tuple[Delivery, ...]]:
        """The last deliveries of each of these webhooks, newest first."""
        found: dict[str, tuple[Delivery, ...]] = {}
        with self._database.read() as connection:
            for webhook_id in webhook_ids:
                query = sa.select(webhook_deliveries).where(webhook_deliveries.c.webhook_id == webhook_id)
                newest = query.order_by(webhook_deliveries.c.number.desc()).limit(SHOWN_DELIVERIES)
                found[webhook_id] = tuple(map(_delivery, connection.execute(newest).mappings()))
        return found

    def enqueue_job(self, connection: Connection, job: sa.RowMapping) -> None:
        """Enqueues the messages about a job that has ended, in the transaction that ends it."""
        event = EVENTS.get(job["status"])
        if event is None or not job["owner"]:
            return
        query = (
            sa.select(webhooks.c.id)
            .join(users, users.c.id == webhooks.c.user_id)
            .where(users.c.id == job["owner"], users.c.disabled_at.is_(None))
            .where(webhooks.c.disabled_at.is_(None), webhooks.c.confirmed_at.is_not(None))
        )
        if _seconds_between(job["created"], job["finished"]) < MAIL_AFTER_SECONDS:
            query = query.where(webhooks.c.url.not_like(f"{MAILTO}%"))
        row = {str(name): value for name, value in job.items()}
        for webhook_id in connection.execute(query).scalars().all():
            moment = self._now()
            self._enqueue(connection, webhook_id, event, job_message(event, moment, row))

    def enqueue_confirmation(self, webhook_id: str) -> None:
        """Enqueues a new link for an e-mail address, in the place of the one before.

        Raises `Conflict` if it is confirmed already, `Busy` for too many.
        """
        with self._database.write(exclusive="webhooks") as connection:
            if self._is_confirmed(connection, webhook_id):
                raise Conflict("This address is confirmed already.")
            self._enqueue_confirmation(connection, webhook_id)

    def enqueue_test(self, webhook_id: str) -> None:
        """Enqueues a test message in the place of one that waits; a disabled webhook is tried again.

        Raises `Conflict` for an e-mail address that is not confirmed.
        """
        earlier = sa.and_(
            webhook_deliveries.c.webhook_id == webhook_id,
            webhook_deliveries.c.event == "test",
            webhook_deliveries.c.status == "waiting",
        )
        with self._database.write(exclusive="webhooks") as connection:
            if not self._is_confirmed(connection, webhook_id):
                raise Conflict("This address is not confirmed yet. Open the link that was sent to it.")
            connection.execute(webhook_deliveries.delete().where(earlier))
            connection.execute(webhooks.update().where(webhooks.c.id == webhook_id).values(disabled_at=None))
            self._enqueue(connection, webhook_id, "test", trial_message(self._now()))

    def next_at(self) -> str | None:
        """When the next message is due; None if there is none.

        What waits for another message of its webhook does not count.
        """
        can_be_sent = sa.or_(webhook_deliveries.c.status == SENDING, self._is_of_idle_webhook())
        earliest = sa.select(sa.func.min(webhook_deliveries.c.next_at)).where(can_be_sent)
        with self._database.read() as connection:
            return connection.execute(earliest).scalar()

    def claim_due(self, limit: int) -> tuple[DueDelivery, ...]:
        """The messages that are due, oldest first, which nobody else sends for `CLAIM_SECONDS`.

        A webhook gets one message at a time; what waits for a disabled user is given up. The link for an
        e-mail address is made now, in place of that of an attempt before.
        """
        with self._database.write(exclusive="webhook deliveries") as connection:
            self._drop_of_disabled_users(connection)
            first = (
                sa.select(sa.func.min(webhook_deliveries.c.number))
                .where(webhook_deliveries.c.next_at <= self._now(), self._is_of_idle_webhook())
                .group_by(webhook_deliveries.c.webhook_id)
            )
            query = (
                sa.select(webhook_deliveries, webhooks.c.url, webhooks.c.secret, users.c.language)
                .join(webhooks, webhooks.c.id == webhook_deliveries.c.webhook_id)
                .join(users, users.c.id == webhooks.c.user_id)
                .where(webhook_deliveries.c.number.in_(first))
                .order_by(webhook_deliveries.c.next_at)
                .limit(limit)
            )
            rows = connection.execute(query).mappings().all()
            claimed = webhook_deliveries.update().where(
                webhook_deliveries.c.id.in_([row["id"] for row in rows])
            )
            connection.execute(claimed.values(status=SENDING, next_at=self._in(CLAIM_SECONDS)))
            return tuple(self._due(connection, row) for row in rows)

    def record(self, due: DueDelivery, outcome: Outcome) -> None:
        """Stores the result of an attempt, and when the next one follows."""
        attempts = due.attempts + 1
        values: dict[str, object] = {
            "attempts": attempts, "status_code": outcome.status_code, "error": outcome.error,
        }  # fmt: skip
        with self._database.write() as connection:
            if outcome.delivered:
                values |= {"status": "delivered", "next_at": None, "finished": self._now()}
            elif outcome.gone or attempts > len(PAUSES_SECONDS):
                values |= {"status": "failed", "next_at": None, "finished": self._now()}
            else:
                values |= {"status": "waiting", "next_at": self._in(PAUSES_SECONDS[attempts - 1])}
            this = webhook_deliveries.update().where(webhook_deliveries.c.id == due.id)
            connection.execute(this.values(values))
            if outcome.gone:
                self._switch_off(connection, due.webhook_id)
            elif not outcome.delivered:
                self._spare(connection, due)

    def purge(self) -> int:
        """Deletes the deliveries that ended more than `KEPT_DAYS` ago; returns their number."""
        limit = written(self._clock() - timedelta(days=KEPT_DAYS))
        old = webhook_deliveries.delete().where(webhook_deliveries.c.finished < limit)
        with self._database.write() as connection:
            return connection.execute(old).rowcount

    @staticmethod
    def _is_confirmed(connection: Connection, webhook_id: str) -> bool:
        query = sa.select(webhooks.c.confirmed_at).where(webhooks.c.id == webhook_id)
        return connection.execute(query).scalar() is not None

    def _enqueue_confirmation(self, connection: Connection, webhook_id: str) -> None:
        count_confirmation(connection, webhook_id, self._clock)
        waiting = webhook_deliveries.delete().where(webhook_deliveries.c.webhook_id == webhook_id)
        connection.execute(waiting.where(webhook_deliveries.c.status == "waiting"))
        self._enqueue(connection, webhook_id, "confirm", confirmation_message(self._now()))

    def _due(self, connection: Connection, row: sa.RowMapping) -> DueDelivery:
        due = DueDelivery(**{name: row[name] for name in DueDelivery.__slots__})
        if row["event"] != "confirm":
            return due
        token = new_link(connection, due.webhook_id, self._clock)
        return replace(due, body=confirmation_message(row["created"], token))

    def _enqueue(self, connection: Connection, webhook_id: str, event: Event, body: str) -> None:
        moment = self._now()
        row = {"id": f"msg_{new_id()}", "webhook_id": webhook_id, "event": event, "body": body}
        state = {"created": moment, "status": "waiting", "attempts": 0, "next_at": moment}
        connection.execute(webhook_deliveries.insert().values({**row, **state}))

    def _is_of_idle_webhook(self) -> sa.ColumnElement[bool]:
        """Whether no message of the same webhook is being sent, by any worker."""
        of_others = webhook_deliveries.alias()
        is_sent = sa.and_(of_others.c.status == SENDING, of_others.c.next_at > self._now())
        return webhook_deliveries.c.webhook_id.not_in(sa.select(of_others.c.webhook_id).where(is_sent))

    def _spare(self, connection: Connection, due: DueDelivery) -> None:
        """Postpones the other messages of a server that has failed."""
        moment = self._in(SPARED_SECONDS)
        others = webhook_deliveries.update().where(
            webhook_deliveries.c.webhook_id == due.webhook_id,
            webhook_deliveries.c.id != due.id,
            webhook_deliveries.c.next_at < moment,
        )
        connection.execute(others.values(next_at=moment))

    def _drop_of_disabled_users(self, connection: Connection) -> None:
        disabled = sa.select(webhooks.c.id).join(users, users.c.id == webhooks.c.user_id)
        theirs = webhook_deliveries.c.webhook_id.in_(disabled.where(users.c.disabled_at.is_not(None)))
        self._give_up(connection, theirs)

    def _give_up(self, connection: Connection, condition: sa.ColumnElement[bool]) -> None:
        waiting = webhook_deliveries.update().where(condition, webhook_deliveries.c.next_at.is_not(None))
        connection.execute(waiting.values(status="failed", next_at=None, finished=self._now()))

    def _switch_off(self, connection: Connection, webhook_id: str) -> None:
        """Sends nothing more to a webhook until its user tests it."""
        connection.execute(
            webhooks.update().where(webhooks.c.id == webhook_id).values(disabled_at=self._now())
        )
        self._give_up(connection, webhook_deliveries.c.webhook_id == webhook_id)

    def _now(self) -> str:
        return written(self._clock())

    def _in(self, seconds: float) -> str:
        return written(self._clock() + timedelta(seconds=seconds))


def _seconds_between(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def _is(webhook_id: str, user_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(webhooks.c.id == webhook_id, webhooks.c.user_id == user_id)


def _webhook(row: sa.RowMapping) -> Webhook:
    return Webhook(**{name: row[name] for name in Webhook.__slots__})


def _delivery(row: sa.RowMapping) -> Delivery:
    delivery = Delivery(**{name: row[name] for name in Delivery.__slots__})
    return replace(delivery, status="waiting") if row["status"] == SENDING else delivery
