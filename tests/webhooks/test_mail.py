"""E-mail about jobs reaches a real SMTP server, encrypted where there is a password."""

import asyncio
import ssl
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.certificates import make
from tests.support.smtp_server import PASSWORD, smtp_server
from whisper_appliance.config.settings import Settings, load
from whisper_appliance.core.errors import BadSetting, InvalidRequest
from whisper_appliance.webhooks.mail import MailSender, checked_address
from whisper_appliance.webhooks.webhook import DueDelivery, Event, Outcome, job_message, trial_message

TIME = "2026-05-01T12:00:00.000Z"


def settings(url: str, **given: object) -> Settings:
    return load(
        smtp_url=url, smtp_from="speech@example.org", public_url="https://speech.example.org/", **given
    )


def due(event: Event = "job.done", *, language: str | None = None, **job: object) -> DueDelivery:
    row = {
        "id": "1" * 32, "status": "done", "title": "A talk", "transcript_id": "2" * 32, "duration": 3.0,
        "translation_of": None,
        "created": TIME, "finished": TIME, "error_code": None, "error_message": None,
    }  # fmt: skip
    body = trial_message(TIME) if event == "test" else job_message(event, TIME, {**row, **job})
    return DueDelivery("msg_7", "1" * 32, "mailto:ada@example.org", "", body, 0, language)


def send(url: str, message: DueDelivery, authority: bytes = b"") -> Outcome:
    def tls() -> ssl.SSLContext:
        return ssl.create_default_context(cadata=authority.decode() or None)

    return asyncio.run(MailSender(lambda: settings(url), tls=tls).send(message))


def test_a_finished_job_is_named_with_the_address_of_its_words() -> None:
    with smtp_server() as mailbox:
        url = f"smtp://127.0.0.1:{mailbox.port}"
        assert send(url, due(title="Zoë’s\r\nBcc: talk")) == Outcome(250)
    (mail,) = mailbox.messages
    assert mail["Subject"] == "“Zoë’s Bcc: talk” is transcribed"
    assert (mail["To"], mail["From"], mail["Bcc"]) == ("ada@example.org", "speech@example.org", None)
    assert f"https://speech.example.org/transcripts/{'2' * 32}" in mail.get_content()
    assert "https://speech.example.org/account" in mail.get_content()
    assert mail["Auto-Submitted"] == "auto-generated"


def test_a_failed_job_is_told_with_its_reason_in_the_language_of_the_account() -> None:
    reason = {
        "error_code": "undecodable",
        "error_message": "There is no such webhook.",
        "transcript_id": None,
    }
    with smtp_server() as mailbox:
        url = f"smtp://127.0.0.1:{mailbox.port}"
        assert send(url, due("job.failed", language="de", **reason)).delivered
        assert send(url, due("test")).delivered
    failed, test = mailbox.messages
    assert failed["Subject"] == "„A talk“ konnte nicht transkribiert werden"
    assert "Diesen Webhook gibt es nicht." in failed.get_content()
    assert "/transcripts/" not in failed.get_content()
    assert test["Subject"] == "Test message of Whisper Appliance"


def test_a_translation_is_called_one() -> None:
    failure = due(
        "job.failed", language="de", translation_of="2" * 32, transcript_id=None, error_code="engine_failed",
        error_message="It failed.",
    )  # fmt: skip
    with smtp_server() as mailbox:
        url = f"smtp://127.0.0.1:{mailbox.port}"
        assert send(url, due(translation_of="2" * 32)).delivered
        assert send(url, failure).delivered
    done, failed = mailbox.messages
    assert done["Subject"] == "“A talk” is translated"
    assert failed["Subject"] == "„A talk“ konnte nicht übersetzt werden"
    assert f"https://speech.example.org/transcripts/{'2' * 32}" in failed.get_content()


def test_a_password_is_sent_by_tls_to_a_server_that_is_trusted(tmp_path: Path) -> None:
    authority = make("An authority")
    certificate = make("mail", authority, names=["localhost"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    chain = tmp_path / "mail.pem"
    chain.write_bytes(certificate.pem + certificate.key_pem())
    context.load_cert_chain(chain)
    with smtp_server(context) as mailbox:
        host = f"localhost:{mailbox.port}"
        url = f"smtp://ada:{quote(PASSWORD, safe='')}@{host}"
        assert send(url, due(), authority.pem) == Outcome(250)
        assert send(f"smtp://ada:wrong@{host}", due(), authority.pem) == Outcome(535)
        assert send(url, due()) == Outcome(error="untrusted")
    assert mailbox.encrypted == [True]


def test_a_password_is_not_sent_in_the_clear() -> None:
    with smtp_server() as mailbox:
        assert send(f"smtp://ada:secret@127.0.0.1:{mailbox.port}", due()) == Outcome(error="untrusted")
    assert mailbox.messages == []


def test_the_reply_of_the_server_decides_what_follows() -> None:
    with smtp_server() as mailbox:
        url = f"smtp://127.0.0.1:{mailbox.port}"
        mailbox.replies = ["451 later", "550 no such mailbox"]
        later, gone = send(url, due()), send(url, due())
    assert (later.status_code, later.delivered, later.gone) == (451, False, False)
    assert (gone.status_code, gone.delivered, gone.gone) == (550, False, True)
    assert send(url, due()) == Outcome(error="unreachable")
    assert asyncio.run(MailSender(load).send(due())) == Outcome(error="not_configured")


def test_one_plain_address_is_accepted() -> None:
    assert checked_address("mailto:ada+talks@mail.example.org") == "ada+talks@mail.example.org"
    for address in (
        "", "ada", "ada@localhost", "@example.org", "Ada <ada@example.org>", "ada@exämple.org",
        "ada@example.org,bob@example.org", "ada@example.org?cc=bob@example.org", '"a b"@example.org',
        "ada@example.org\nBcc: bob@example.org", "ada@example.org%0ABcc:bob@example.org",
        f"{'a' * 250}@example.org",
    ):  # fmt: skip
        with pytest.raises(InvalidRequest, match="e-mail address"):
            checked_address(f"mailto:{address}")


@pytest.mark.parametrize(
    "given",
    [
        {"smtp_url": "https://mail.example.org", "smtp_from": "a@example.org"},
        {"smtp_url": "smtp://", "smtp_from": "a@example.org"},
        {"smtp_url": "smtp://mail.example.org"},
        {"smtp_url": "smtp://mail.example.org", "smtp_from": "nobody"},
    ],
)
def test_settings_that_can_send_nothing_are_refused_at_the_start(given: dict[str, str]) -> None:
    with pytest.raises(BadSetting, match="SMTP_"):
        load(**given)
