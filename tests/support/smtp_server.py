"""A real SMTP server on the loopback that keeps what arrives."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

PASSWORD = "a pass/word"


class Mailbox:
    """What an SMTP server got. `replies` answer the next messages; after them each is accepted."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.replies: list[str] = []
        self.encrypted: list[bool] = []
        self.port = 0

    async def handle_DATA(self, _server: object, session: Any, envelope: Envelope) -> str:  # noqa: N802 - its name
        reply = self.replies.pop(0) if self.replies else "250 OK"
        if reply.startswith("250"):
            assert isinstance(envelope.content, bytes)
            message = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.messages.append(message)
            self.encrypted.append(session.ssl is not None)
        return reply


def _authenticate(
    _server: object, _session: object, _envelope: object, _kind: str, data: object
) -> AuthResult:
    is_right = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
    return AuthResult(success=is_right, handled=False)


@contextmanager
def smtp_server(tls: ssl.SSLContext | None = None) -> Iterator[Mailbox]:
    """Runs one; with `tls` it offers STARTTLS, and wants the password."""
    mailbox = Mailbox()
    loop = asyncio.new_event_loop()
    options: dict[str, Any] = {"hostname": "mail.test", "loop": loop}
    if tls:
        options |= {"tls_context": tls, "authenticator": _authenticate, "auth_required": True}
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    starting = loop.create_server(lambda: SMTP(mailbox, **options), "127.0.0.1", 0)
    server = asyncio.run_coroutine_threadsafe(starting, loop).result(10)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
