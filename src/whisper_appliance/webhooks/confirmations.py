"""Confirmation of e-mail addresses: a link that is used once, and limits to how many of them are sent."""

from datetime import timedelta

import sqlalchemy as sa

from whisper_appliance.accounts.tokens import new_token, token_hash
from whisper_appliance.core.clock import Clock, written
from whisper_appliance.core.errors import Busy, NotFound
from whisper_appliance.core.i18n import N_
from whisper_appliance.core.ids import new_id
from whisper_appliance.storage.database import Connection, Database
from whisper_appliance.storage.schema.accounts import confirmation_mails, users, webhooks
from whisper_appliance.webhooks.mail import MAILTO

VALID_HOURS = 24
MAX_PER_USER_A_DAY = 10
MAX_PER_ADDRESS_A_DAY = 3
RETRY_SECONDS = 3600.0
TOO_MANY = N_("No more links for confirmation are sent today. Try again tomorrow.")


def count_confirmation(connection: Connection, webhook_id: str, clock: Clock) -> None:
    """Counts a link that is to be sent, in the caller's transaction; the one before is not valid any more.

    Raises `Busy` if the user, or all users together for this address, had too many sent within a day.
    """
    query = sa.select(webhooks.c.user_id, webhooks.c.url).where(webhooks.c.id == webhook_id)
    row = connection.execute(query).one()
    address, moment = row.url.removeprefix(MAILTO).casefold(), clock()
    sent = confirmation_mails.c
    connection.execute(confirmation_mails.delete().where(sent.sent <= written(moment - timedelta(days=1))))
    limits = (
        (sent.user_id == row.user_id, MAX_PER_USER_A_DAY),
        (sent.address == address, MAX_PER_ADDRESS_A_DAY),
    )
    for condition, most in limits:
        count = sa.select(sa.func.count()).select_from(confirmation_mails).where(condition)
        if connection.execute(count).scalar_one() >= most:
            raise Busy(TOO_MANY, retry_after_seconds=RETRY_SECONDS, limit_name="confirmation_mails")
    values = {"user_id": row.user_id, "address": address, "sent": written(moment)}
    connection.execute(confirmation_mails.insert().values(id=new_id(), **values))
    this = webhooks.update().where(webhooks.c.id == webhook_id)
    connection.execute(this.values(token_hash=None, token_expires=None, disabled_at=None))


def new_link(connection: Connection, webhook_id: str, clock: Clock) -> str:
    """The token of a link that is sent now, in the caller's transaction. Only its hash is stored.

    So nobody confirms the address of somebody else with what the database or a backup holds.
    """
    token = new_token()
    expires = written(clock() + timedelta(hours=VALID_HOURS))
    this = webhooks.update().where(webhooks.c.id == webhook_id)
    connection.execute(this.values(token_hash=token_hash(token), token_expires=expires))
    return token


class Confirmations:
    """The links of a database. Whoever has the token of one reads the mail of its address."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def address_of(self, token: str) -> str:
        """The address that a link confirms. Raises `NotFound` if it was used, replaced, or has expired."""
        with self._database.read() as connection:
            url: str | None = connection.execute(sa.select(webhooks.c.url).where(self._is(token))).scalar()
        if url is None:
            raise _no_link()
        return url.removeprefix(MAILTO)

    def confirm(self, token: str) -> str:
        """Uses a link; returns the id of the webhook, which gets messages from now on. Raises `NotFound`."""
        confirmed = {"confirmed_at": written(self._clock()), "token_hash": None, "token_expires": None}
        using = webhooks.update().where(self._is(token)).values(confirmed).returning(webhooks.c.id)
        with self._database.write() as connection:
            webhook_id: str | None = connection.execute(using).scalar()
        if webhook_id is None:
            raise _no_link()
        return webhook_id

    def _is(self, token: str) -> sa.ColumnElement[bool]:
        enabled = sa.select(users.c.id).where(users.c.disabled_at.is_(None))
        return sa.and_(
            webhooks.c.token_hash == token_hash(token),
            webhooks.c.token_expires > written(self._clock()),
            webhooks.c.user_id.in_(enabled),
        )


def _no_link() -> NotFound:
    return NotFound(
        "This link was used already, was replaced by a newer one, or is older than a day. "
        "Send it again from the account page."
    )
