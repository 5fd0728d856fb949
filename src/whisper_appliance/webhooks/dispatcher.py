"""Sends the messages that are due, in one thread that sleeps until the next one is."""

import asyncio
import threading
from datetime import datetime

import structlog

from whisper_appliance.core.clock import Clock, now
from whisper_appliance.core.log_errors import log_errors
from whisper_appliance.webhooks.mail import MAILTO, MailSender
from whisper_appliance.webhooks.repository import WebhookRepository
from whisper_appliance.webhooks.sender import MessageSender
from whisper_appliance.webhooks.signature import signed_headers
from whisper_appliance.webhooks.webhook import DueDelivery

AT_ONCE = 8
"""Messages in flight, each to another webhook, so that a slow server delays no other."""
PAUSE_AFTER_FAULT_SECONDS = 30.0
log = structlog.get_logger()


class WebhookDispatcher:
    """Reads the database when it starts, when `wake` is called, and when a message is due; else it sleeps."""

    def __init__(
        self, repository: WebhookRepository, sender: MessageSender, mail: MailSender, *, clock: Clock = now
    ) -> None:
        self._repository = repository
        self._sender = sender
        self._mail = mail
        self._clock = clock
        self._changed = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Starts the thread; messages of before the last stop are sent first."""
        self._thread.start()

    def wake(self) -> None:
        """To be called after a message was enqueued."""
        self._changed.set()

    def close(self) -> None:
        """Stops after the messages in flight; the others are sent after the next start."""
        self._ended = True
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._ended:
            self._changed.clear()
            if not log_errors(self._send_due, "webhooks wait"):
                self._changed.wait(PAUSE_AFTER_FAULT_SECONDS)

    def _send_due(self) -> None:
        """Sends some of the messages that are due; if none is, waits for the next one."""
        next_at = self._repository.next_at()
        seconds = (datetime.fromisoformat(next_at) - self._clock()).total_seconds() if next_at else None
        if seconds is None or seconds > 0:
            self._changed.wait(seconds)
        else:
            asyncio.run(self._send_all(self._repository.claim_due(AT_ONCE)))

    async def _send_all(self, messages: tuple[DueDelivery, ...]) -> None:
        await asyncio.gather(*map(self._send, messages))

    async def _send(self, due: DueDelivery) -> None:
        if due.url.startswith(MAILTO):
            outcome = await self._mail.send(due)
        else:
            headers = signed_headers(due.secret, due.id, int(self._clock().timestamp()), due.body)
            outcome = await self._sender.send(due.url, headers, due.body)
        self._repository.record(due, outcome)
        log.info(
            "webhook sent" if outcome.delivered else "webhook failed",
            message=due.id,
            webhook=due.webhook_id,
            status=outcome.status_code,
            error=outcome.error,
            attempt=due.attempts + 1,
        )
