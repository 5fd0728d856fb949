"""An attempt reaches a real server, and ends within its limits of time and redirects."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from tests.support.certificates import make
from tests.support.webhook_receiver import Receiver, receiver
from whisper_appliance.webhooks.sender import MessageSender
from whisper_appliance.webhooks.signature import new_secret, signed_headers
from whisper_appliance.webhooks.webhook import Outcome


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def post(url: str, sender: MessageSender | None = None) -> Outcome:
    return asyncio.run((sender or MessageSender(lambda: True)).send(url, {"webhook-id": "msg_1"}, '{"a": 1}'))


def test_a_message_is_verified_by_the_library_of_standard_webhooks(server: Receiver) -> None:
    import time

    secret, body = new_secret(), '{"type": "test", "data": {"title": "Zoë"}}'
    headers = signed_headers(secret, "msg_1", int(time.time()), body)
    assert asyncio.run(MessageSender(lambda: True).send(server.url, headers, body)) == Outcome(204)
    (message,) = server.messages
    assert Webhook(secret).verify(message.body, message.headers)["type"] == "test"
    assert message.path == "/hook?token=of-the-url"
    assert message.headers["Content-Type"] == "application/json"


def test_the_connection_goes_to_the_address_that_was_checked(tmp_path: Path) -> None:
    authority = make("An authority")
    certificate = make("receiver", authority, names=["receiver.example"])
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    def tls() -> ssl.SSLContext:
        return ssl.create_default_context(cadata=authority.pem.decode())

    with receiver(certificate, tmp_path) as server:
        port = server.server_port
        sender = MessageSender(lambda: True, resolve=resolve, tls=tls)
        assert post(f"https://receiver.example:{port}/hook", sender) == Outcome(204)
        assert server.messages[0].headers["Host"] == f"receiver.example:{port}"
        assert asked == ["receiver.example"], "the name is resolved once"
        assert post(f"https://other.example:{port}/hook", sender) == Outcome(error="untrusted")
        stranger = MessageSender(lambda: True, resolve=resolve)
        assert post(f"https://receiver.example:{port}/hook", stranger) == Outcome(error="untrusted")
        assert len(server.messages) == 1


def test_a_private_address_is_refused_before_anything_is_sent(server: Receiver) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    sender = MessageSender(lambda: False, resolve=resolve)
    assert post("https://rebound.example/hook", sender) == Outcome(error="refused_address")
    assert post(server.url, MessageSender(lambda: False)) == Outcome(error="refused_address")
    assert server.messages == []


def test_the_address_of_a_redirect_is_checked_as_well(server: Receiver) -> None:
    server.statuses, server.location = [307], server.url
    allowed = iter([True, False])
    assert post(server.url, MessageSender(lambda: next(allowed))) == Outcome(error="refused_address")
    assert len(server.messages) == 1


def test_redirects_that_keep_the_method_are_followed_a_few_times(server: Receiver) -> None:
    server.statuses, server.location = [308, 307], "/elsewhere"
    assert post(server.url) == Outcome(204)
    assert [message.path for message in server.messages][1:] == ["/elsewhere", "/elsewhere"]
    server.statuses = [307] * 9
    assert post(server.url) == Outcome(error="too_many_redirects")
    server.statuses = [302]
    assert post(server.url) == Outcome(302)


def test_a_server_that_sends_its_answer_byte_by_byte_is_given_up(server: Receiver) -> None:
    server.trickles = True
    assert post(server.url, MessageSender(lambda: True, total_seconds=0.3)) == Outcome(error="timeout")


def test_the_outcome_names_why_a_delivery_failed() -> None:
    assert post("http://127.0.0.1:1/") == Outcome(error="unreachable")
    assert post("http://nowhere.invalid/") == Outcome(error="unknown_host")
