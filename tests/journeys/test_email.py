"""An e-mail address is added on the account page, and confirmed by the link that was sent to it."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import barriers_in_both_themes
from tests.support.client import an_account
from tests.support.served import Served, serve_in_process
from tests.support.smtp_server import Mailbox, smtp_server
from tests.support.wait import wait_until
from whisper_appliance.accounts.identity import User

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with smtp_server() as running:
        yield running


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("email")
    url = f"smtp://127.0.0.1:{mailbox.port}"
    with serve_in_process(folder, smtp_url=url, smtp_from="speech@example.org") as running:
        yield running


@pytest.fixture(scope="module")
def owner(served: Served) -> User:
    return an_account(served.appliance, "owner", "ada")


@pytest.fixture
def page(served: Served, owner: User, chromium: Browser) -> Iterator[Page]:
    context = served.browser_of(chromium, owner, bypass_csp=True)
    yield context.new_page()
    context.close()


def link(mailbox: Mailbox, number: int) -> str:
    """The path of the link in this mail."""
    mail = wait_until(lambda: mailbox.messages[number:])[0]
    found = re.search(r"/confirm-email/\S+", mail.get_content())
    assert found
    return found[0]


def test_an_address_is_confirmed_by_the_link_that_was_sent_last(
    page: Page, mailbox: Mailbox, axe: str
) -> None:
    page.goto("/account")
    page.get_by_label("Your e-mail address").fill("ada@example.org")
    page.get_by_role("button", name="Add address").click()
    address = page.locator("#mails .webhook")
    expect(address).to_contain_text("not confirmed yet")
    old = link(mailbox, 0)
    address.get_by_role("button", name="Send again: the link to ada@example.org").click()
    new = link(mailbox, 1)
    assert barriers_in_both_themes(page, axe) == []
    page.goto(old)
    expect(page.get_by_text("was replaced by a newer one")).to_be_visible()
    page.goto(new)
    expect(page.get_by_text("ada@example.org")).to_be_visible()
    assert barriers_in_both_themes(page, axe) == []
    page.get_by_role("button", name="Confirm the address").click()
    expect(page.get_by_role("heading", name="The address is confirmed")).to_be_visible()
    assert barriers_in_both_themes(page, axe) == []
    page.get_by_role("link", name="To the account page").click()
    expect(address).not_to_contain_text("not confirmed yet")
    address.get_by_role("button", name="Send test to ada@example.org").click()
    wait_until(lambda: len(mailbox.messages) == 3)
    assert mailbox.messages[2]["Subject"] == "Test message of Whisper Appliance"
