"""Webhooks and their deliveries as frozen data, and the JSON of a message."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Event = Literal["job.done", "job.failed", "test", "confirm"]
DeliveryStatus = Literal["waiting", "delivered", "failed"]
EVENTS: dict[str, Event] = {"done": "job.done", "failed": "job.failed"}
"""The event of each final status of a job; a cancelled job has none."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """The address of a user for messages, https: or mailto:. `disabled_at`: its server wants none.

    `confirmed_at`: an e-mail address without it gets nothing but the link with which it is confirmed.
    """

    id: str
    user_id: str
    url: str
    created: str
    disabled_at: str | None
    confirmed_at: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message and its attempts. `status_code` and `error` are of the last attempt."""

    id: str
    webhook_id: str
    event: Event
    body: str
    created: str
    status: DeliveryStatus
    attempts: int
    next_at: str | None
    status_code: int | None
    error: str | None
    finished: str | None


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A message to send now, with the address and the secret of its webhook."""

    id: str
    webhook_id: str
    url: str
    secret: str
    body: str
    attempts: int
    language: str | None = None
    """Of the pages of its user; None: as the browser."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an attempt: the status of the HTTP response or of the SMTP reply, or a short error."""

    status_code: int | None = None
    error: str | None = None

    @property
    def delivered(self) -> bool:
        """Whether the server accepted the message."""
        return self.status_code is not None and 200 <= self.status_code < 300

    @property
    def gone(self) -> bool:
        """Whether the server wants no messages any more, or has no such mailbox."""
        return self.status_code in (410, 550)


def job_message(event: Event, timestamp: str, job: Mapping[str, object]) -> str:
    """The body of a message about a job, from its row. It has no words of the transcript but its title."""
    error = {"code": job["error_code"], "message": job["error_message"]} if job["error_code"] else None
    names = ("id", "status", "title", "transcript_id", "translation_of", "duration", "created")
    data = {name: job[name] for name in names}
    return _body(event, timestamp, {**data, "finished": job["finished"], "error": error})


def trial_message(timestamp: str) -> str:
    """The body of the message with which a user tests a webhook."""
    return _body("test", timestamp, {})


def confirmation_message(timestamp: str, token: str | None = None) -> str:
    """The body of the message that asks an e-mail address whether it wants the others.

    It is stored without the token of its link.
    """
    return _body("confirm", timestamp, {"token": token} if token else {})


def _body(event: Event, timestamp: str, data: Mapping[str, object]) -> str:
    return json.dumps({"type": event, "timestamp": timestamp, "data": data}, ensure_ascii=False)
