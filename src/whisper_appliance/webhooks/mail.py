"""E-mail messages about jobs: their texts, and a sender by SMTP."""

import asyncio
import json
import smtplib
import socket
import ssl
from collections.abc import Callable
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import SplitResult, unquote, urlsplit

from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.core.i18n import N_
from whisper_appliance.core.stored_texts import LANGUAGES, translate_stored
from whisper_appliance.host.addresses import urls
from whisper_appliance.webhooks.webhook import DueDelivery, Outcome

MAILTO = "mailto:"
MAX_ADDRESS_CHARS = 254
"""RFC 5321, 4.5.3.1.3."""
SUBMISSION_PORT, SUBMISSIONS_PORT = 587, 465
STEP_SECONDS = 10.0
"""The longest time for one answer of the SMTP server."""
TOTAL_SECONDS = 30.0
SUBJECTS = {
    "job.done": N_("“{title}” is transcribed"),
    "job.failed": N_("“{title}” could not be transcribed"),
    "test": N_("Test message of Whisper Appliance"),
    "confirm": N_("Confirm this address for Whisper Appliance"),
}
TRANSLATION_SUBJECTS = {
    "job.done": N_("“{title}” is translated"),
    "job.failed": N_("“{title}” could not be translated"),
}
TEST_TEXT = N_("E-mail arrives here when a recording that takes longer than a few minutes is transcribed.")
CONFIRM_TEXT = N_(
    "Somebody who uses Whisper Appliance wants e-mail about finished recordings to come to this address. If"
    " that is you, open this page within a day, and confirm it:"
)
IGNORE_TEXT = N_("If it is not you, do nothing: no e-mail about recordings comes here then.")
FOOTER = N_("You get this because your address is on your account page, where you can remove it: {url}")


def checked_address(url: str) -> str:
    """The address of a `mailto:` URL. Raises `InvalidRequest`."""
    text = url.removeprefix(MAILTO)
    try:
        address = Address(addr_spec=text)
    except (MessageError, ValueError, IndexError):
        raise _no_address() from None
    is_plain = text.isascii() and text.isprintable() and not set(text) & set(' "<>,;?%')
    if not address.username or "." not in address.domain or not is_plain or len(text) > MAX_ADDRESS_CHARS:
        raise _no_address()
    return text


def _no_address() -> InvalidRequest:
    return InvalidRequest("This is not an e-mail address.", field="url")


class MailSender:
    """Sends messages of `mailto:` webhooks through the server of SMTP_URL."""

    def __init__(
        self,
        get_settings: Callable[[], Settings],
        *,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        self._get_settings = get_settings
        self._tls = tls

    async def send(self, due: DueDelivery) -> Outcome:
        """Sends a message. Never raises for what a server does."""
        settings = self._get_settings()
        if settings.smtp_url is None:
            return Outcome(error="not_configured")
        message = composed(due, settings)
        server = urlsplit(settings.smtp_url.get_secret_value())
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                return await asyncio.to_thread(self._deliver, server, message)
        except TimeoutError:
            return Outcome(error="timeout")
        except smtplib.SMTPRecipientsRefused as error:
            return Outcome(next(iter(error.recipients.values()))[0])
        except smtplib.SMTPResponseException as error:
            return Outcome(error.smtp_code)
        except socket.gaierror:
            return Outcome(error="unknown_host")
        except (ssl.SSLError, smtplib.SMTPNotSupportedError):
            return Outcome(error="untrusted")
        except (smtplib.SMTPException, OSError, ValueError):
            return Outcome(error="unreachable")

    def _deliver(self, server: SplitResult, message: EmailMessage) -> Outcome:
        with self._connected(server) as connection:
            if server.username:
                connection.login(unquote(server.username), unquote(server.password or ""))
            connection.send_message(message)
        return Outcome(250)

    def _connected(self, server: SplitResult) -> smtplib.SMTP:
        """A connection, encrypted where the server can; a password is never sent in the clear."""
        host = server.hostname or ""
        if server.scheme == "smtps":
            port = server.port or SUBMISSIONS_PORT
            return smtplib.SMTP_SSL(host, port, timeout=STEP_SECONDS, context=self._tls())
        connection = smtplib.SMTP(host, server.port or SUBMISSION_PORT, timeout=STEP_SECONDS)
        connection.ehlo_or_helo_if_needed()
        if server.username or connection.has_extn("starttls"):
            connection.starttls(context=self._tls())
        return connection


def composed(due: DueDelivery, settings: Settings) -> EmailMessage:
    """The e-mail of a delivery, in the language of its user."""
    event = json.loads(due.body)
    job = event["data"]
    title = " ".join(str(job.get("title", "")).split())
    site = _site(settings)

    def translated(text: str) -> str:
        return translate_stored(text, due.language) if due.language in LANGUAGES else text

    lines = [translated(TEST_TEXT) if event["type"] == "test" else title]
    if job.get("error"):
        lines.append(translated(job["error"]["message"]))
    translation_of = job.get("translation_of")
    if transcript_id := job.get("transcript_id") or translation_of:
        lines.append(f"{site}/transcripts/{transcript_id}")
    lines += ["-- ", translated(FOOTER).format(url=f"{site}/account")]
    if event["type"] == "confirm":
        link = f"{site}/confirm-email/{job['token']}"
        lines = [translated(CONFIRM_TEXT), link, translated(IGNORE_TEXT)]
    message = EmailMessage()
    subjects = TRANSLATION_SUBJECTS if translation_of else SUBJECTS
    message["Subject"] = translated(subjects[event["type"]]).format(title=title)
    message["From"] = settings.smtp_from
    message["To"] = checked_address(due.url)
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = f"<{due.id}@whisper-appliance.invalid>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n\n".join(lines) + "\n")
    return message


def _site(settings: Settings) -> str:
    """The address that people open; without PUBLIC_URL, that of this machine in its network."""
    origins = urls("https", settings.host, settings.https_port)
    return settings.public_url.rstrip("/") or f"{origins[:2][-1]}{settings.url_prefix}"
