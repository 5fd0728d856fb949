"""Users make, test and delete webhooks; their servers are told when a job has ended."""

import json
import re
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from flask_openapi3 import OpenAPI
from standardwebhooks import Webhook

from tests.support.application import StartAppliance
from tests.support.client import ApiClient, client_of, send, signed_in, with_key
from tests.support.jobs import Script
from tests.support.log_lines import written_log
from tests.support.smtp_server import smtp_server
from tests.support.wait import wait_until
from tests.support.webhook_receiver import Message, Receiver, receiver
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.errors import Undecodable
from whisper_appliance.server.application import create_app

ADDRESS = "/api/account/webhooks"


@pytest.fixture(scope="module")
def appliance(start_appliance: StartAppliance) -> Appliance:
    """It allows the loopback, where the receiver is."""
    return start_appliance(webhook_private_addresses=True)


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def user(app: OpenAPI) -> ApiClient:
    return signed_in(app)


def create(user: ApiClient, server: Receiver) -> dict[str, Any]:
    made: dict[str, Any] = user.post(ADDRESS, json={"url": server.url}).json
    return made


def first_message(server: Receiver) -> Message:
    return wait_until(lambda: server.messages[0] if server.messages else None)


def last_delivery(user: ApiClient) -> dict[str, Any]:
    """Once its attempt has ended."""

    def ended() -> dict[str, Any] | None:
        deliveries = user.get(ADDRESS).json["webhooks"][0]["deliveries"]
        return deliveries[0] if deliveries and deliveries[0]["attempts"] else None

    return wait_until(ended)


def test_a_finished_job_is_told_to_the_server_of_its_user(user: ApiClient, server: Receiver) -> None:
    made = create(user, server)
    transcript = send(user, words="one two", name="talk.wav").json
    message = first_message(server)
    told = Webhook(made["secret"]).verify(message.body, message.headers)
    assert (told["type"], told["data"]["status"]) == ("job.done", "done")
    assert (told["data"]["transcript_id"], told["data"]["title"]) == (transcript["id"], "talk")
    assert "one two" not in message.body
    delivery = last_delivery(user)
    assert (delivery["status"], delivery["status_code"]) == ("delivered", 204)
    assert delivery["id"] == message.headers["webhook-id"]


def test_a_failed_job_is_told_with_its_error(user: ApiClient, server: Receiver, script: Script) -> None:
    def fail(_word: str) -> None:
        raise Undecodable("This file holds nothing that can be read as audio.")

    create(user, server)
    script.before_window = fail
    assert send(user).status_code == 422
    told = json.loads(first_message(server).body)
    assert (told["type"], told["data"]["error"]["code"]) == ("job.failed", "undecodable")


def test_a_test_message_shows_what_the_server_answered(user: ApiClient, server: Receiver) -> None:
    server.statuses = [500]
    made = create(user, server)
    assert user.post(f"{ADDRESS}/{made['id']}/test").status_code == 202
    delivery = last_delivery(user)
    assert (delivery["event"], delivery["status"], delivery["status_code"]) == ("test", "waiting", 500)
    assert delivery["next_at"] > delivery["created"]


def test_messages_of_before_a_restart_are_sent_after_it(user: ApiClient, server: Receiver) -> None:
    appliance: Appliance = user.application.extensions["whisper_appliance"].appliance
    made = create(user, server)
    appliance.webhooks.enqueue_test(made["id"])  # nobody wakes the thread, as after a crash
    before = appliance.webhook_dispatcher
    restarted = type(before)(appliance.webhooks, before._sender, before._mail)
    restarted.start()
    assert first_message(server).headers["webhook-id"].startswith("msg_")
    restarted.close()


def test_the_secret_is_shown_once(user: ApiClient, server: Receiver) -> None:
    made = create(user, server)
    assert made["secret"].startswith("whsec_")
    (listed,) = user.get(ADDRESS).json["webhooks"]
    assert {**listed, "secret": made["secret"]} == made


def test_no_log_has_the_secret_or_the_url(user: ApiClient, server: Receiver) -> None:
    with written_log() as log:
        made = create(user, server)
        user.post(f"{ADDRESS}/{made['id']}/test")
        last_delivery(user)
    assert "webhook sent" in log.getvalue()
    assert made["secret"] not in log.getvalue()
    assert "of-the-url" not in log.getvalue()


def test_webhooks_are_their_users_own(user: ApiClient, server: Receiver, app: OpenAPI) -> None:
    made = create(user, server)
    other = signed_in(app)
    assert other.get(ADDRESS).json == {"webhooks": []}
    assert other.delete(f"{ADDRESS}/{made['id']}").status_code == 404
    assert other.post(f"{ADDRESS}/{made['id']}/test").status_code == 404
    assert with_key(app, "read", "write", "transcribe", user=user.user).get(ADDRESS).status_code == 403
    assert user.delete(f"{ADDRESS}/{made['id']}").status_code == 204
    send(user)
    assert server.messages == []


def test_an_address_gets_e_mail_where_the_appliance_sends_some(start_appliance: StartAppliance) -> None:
    with smtp_server() as mailbox:
        url = f"smtp://127.0.0.1:{mailbox.port}"
        app = create_app(start_appliance(smtp_url=url, smtp_from="speech@example.org"))
        user = signed_in(app)
        assert "Your e-mail address" in user.get("/account", headers={"Accept": "text/html"}).text
        assert user.post(ADDRESS, json={"url": "mailto:nobody"}).json["error"]["field"] == "url"
        made = user.post(ADDRESS, json={"url": "mailto:ada@example.org"}).json
        assert made["confirmed_at"] is None
        refused = user.post(f"{ADDRESS}/{made['id']}/test")
        assert (refused.status_code, refused.json["error"]["code"]) == (409, "conflict")
        link = link_in(wait_until(lambda: mailbox.messages)[0])
        assert user.post(f"{ADDRESS}/{made['id']}/confirmation").status_code == 202
        newer = link_in(wait_until(lambda: mailbox.messages[1:])[0])
        reader = client_of(app)  # on a phone, without an account
        page = reader.get(newer, headers={"Accept": "text/html"})
        assert "ada@example.org" in page.text
        assert reader.get(link).status_code == 404
        assert user.get(ADDRESS).json["webhooks"][0]["confirmed_at"] is None  # opening it is not enough
        token = {"token": newer.rpartition("/")[2]}
        assert reader.post("/api/confirm-email", json=token).status_code == 204
        assert reader.post("/api/confirm-email", json=token).status_code == 404
        assert reader.get("/email-confirmed", headers={"Accept": "text/html"}).status_code == 200
        assert user.get(ADDRESS).json["webhooks"][0]["confirmed_at"]
        assert user.post(f"{ADDRESS}/{made['id']}/confirmation").status_code == 409
        assert user.post(f"{ADDRESS}/{made['id']}/test").status_code == 202
        wait_until(lambda: len(mailbox.messages) == 3)
        assert last_delivery(user)["status"] == "delivered"
    assert mailbox.messages[2]["Subject"] == "Test message of Whisper Appliance"
    assert {message["To"] for message in mailbox.messages} == {"ada@example.org"}


def link_in(mail: EmailMessage) -> str:
    """The path of the link with which an address is confirmed."""
    assert mail["Subject"] == "Confirm this address for Whisper Appliance"
    found = re.search(r"/confirm-email/\S+", mail.get_content())
    assert found
    return found[0]


def test_no_address_is_taken_where_no_e_mail_is_sent(user: ApiClient) -> None:
    refused = user.post(ADDRESS, json={"url": "mailto:ada@example.org"})
    assert (refused.status_code, refused.json["error"]["field"]) == (400, "url")
    assert "SMTP_URL" in refused.json["error"]["message"]
    assert "Your e-mail address" not in user.get("/account", headers={"Accept": "text/html"}).text


def test_private_addresses_are_refused_unless_the_environment_allows_them(
    start_appliance: StartAppliance, server: Receiver
) -> None:
    allowing = start_appliance(webhook_private_addresses=True)
    made = create(user := signed_in(create_app(allowing)), server)
    refusing = create_app(start_appliance(data_dir=allowing.settings.data_dir))
    user = signed_in(refusing, user=user.user)
    refused = user.post(ADDRESS, json={"url": "https://192.168.1.1/hook"})
    assert (refused.status_code, refused.json["error"]["field"]) == (400, "url")
    assert user.post(ADDRESS, json={"url": server.url}).status_code == 400
    user.post(f"{ADDRESS}/{made['id']}/test")
    assert last_delivery(user)["error"] == "refused_address"
    assert server.messages == []
    path = "/api/admin/settings/webhook_private_addresses"
    assert signed_in(refusing, "owner").put(path, json={"value": "true"}).status_code == 409
