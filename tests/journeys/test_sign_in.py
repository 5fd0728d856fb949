"""The first start in a browser: set up, sign out, sign in, invite; and an appliance for accounts only."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.browser import barriers, new_browser
from tests.support.client import PASSWORD
from tests.support.program import IMPATIENT, Server, running
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.app.offline_accounts import opened_accounts
from whisper_appliance.config import settings

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[Server]:
    """One of its own, which nobody has set up yet; the tests of this file build on one another."""
    folder = tmp_path_factory.mktemp("first start")
    with running(folder, model_dir, "tiny.en", program=IMPATIENT) as program:
        program.wait_for_model()
        yield program


@pytest.fixture(scope="module")
def owners(chromium: Browser, program: Server) -> Iterator[BrowserContext]:
    """The browser of whoever sets the appliance up."""
    context = new_browser(chromium, program, bypass_csp=True)
    yield context
    context.close()


@pytest.fixture
def owner(owners: BrowserContext) -> Iterator[Page]:
    page = owners.new_page()
    yield page
    page.close()


def fill(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Name").or_(page.get_by_label("Your name")).fill(name)
    page.get_by_label("Password", exact=True).fill(password)


def account_menu(page: Page, name: str) -> None:
    page.locator("#account summary", has_text=name).click()


def test_an_owner_is_set_up_in_small_steps(owner: Page, program: Server, axe: str, beckett: Path) -> None:
    address = (program.data_dir / "setup-token").read_text().strip()
    owner.goto("/")
    owner.goto(address)
    expect(owner).to_have_url(f"{program.url}/setup")  # the token has left the address
    assert barriers(owner, axe) == []
    fill(owner, "Ada", "password1234")
    owner.get_by_role("button", name="Set up").click()
    expect(owner.get_by_role("alert")).to_contain_text("easily guessed")
    expect(owner.get_by_label("Password", exact=True)).to_be_focused()
    assert barriers(owner, axe) == []
    fill(owner, "Ada")
    owner.get_by_label("Only people with an account").check()
    owner.get_by_role("button", name="Set up").click()
    expect(owner).to_have_url(f"{program.url}/first-steps")
    expect(owner.locator("#trust-state")).to_have_text("This device does not trust the certificate yet.")
    assert barriers(owner, axe) == []
    owner.get_by_role("link", name="Next").click()
    expect(owner.get_by_role("heading", name="Say something")).to_be_focused()
    owner.set_input_files("#try-picker", beckett)
    expect(owner.locator("#first-words")).not_to_be_empty()
    assert barriers(owner, axe) == []
    owner.get_by_role("link", name="Next").click()
    owner.reload()
    owner.get_by_role("button", name="Measure this machine").click()
    expect(owner.locator("#suggestions")).to_contain_text("An hour of audio takes about")
    assert barriers(owner, axe) == []
    owner.get_by_role("button", name="Finish").click()
    expect(owner).to_have_url(f"{program.url}/")
    account_menu(owner, "Ada")
    expect(owner.get_by_role("link", name="Your account")).to_be_visible()
    assert barriers(owner, axe) == []


def test_what_is_wrong_with_a_field_is_said_by_the_page(
    owner: Page, chromium: Browser, program: Server
) -> None:
    context = new_browser(chromium, program)
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").filter(has_text="Fill in this field.")).to_be_visible()
    expect(page.get_by_label("Name")).to_be_focused()
    context.close()
    owner.goto("/account")
    owner.get_by_label("Present password").fill("anything")
    owner.get_by_label("New password").press_sequentially("short")
    owner.get_by_role("button", name="Change password").click()
    expect(owner.locator("#password-form .field-error")).to_have_text("Write 12 characters or more.")


def test_a_user_signs_out_and_in_again(owner: Page, program: Server, axe: str) -> None:
    owner.goto("/")
    account_menu(owner, "Ada")
    owner.get_by_role("button", name="Sign out").click()
    expect(owner).to_have_url(f"{program.url}/sign-in")
    owner.goto("/history")
    expect(owner.get_by_role("heading", name="Sign in")).to_be_visible()
    assert barriers(owner, axe) == []
    fill(owner, "Ada", "not her password")
    owner.keyboard.press("Enter")
    expect(owner.get_by_role("alert")).to_contain_text("do not go together")
    owner.get_by_label("Password", exact=True).fill(PASSWORD)
    owner.get_by_role("button", name="Show the password").click()
    expect(owner.get_by_label("Password", exact=True)).to_have_attribute("type", "text")
    owner.keyboard.press("Enter")
    expect(owner).to_have_url(f"{program.url}/history")


def test_an_invited_user_makes_an_account(chromium: Browser, program: Server, axe: str) -> None:
    loaded = settings.load(data_dir=program.data_dir)
    with opened_accounts(loaded) as accounts:
        _, token = accounts.invitations.create("member", by=SHELL)
    context = new_browser(chromium, program, bypass_csp=True)
    page = context.new_page()
    page.goto(f"/join/{token}")
    assert barriers(page, axe) == []
    fill(page, "Ben")
    page.get_by_role("button", name="Make the account").click()
    expect(page).to_have_url(f"{program.url}/")
    account_menu(page, "Ben")
    expect(page.get_by_role("link", name="Administration")).to_have_count(0)
    page.goto(f"/join/{token}")
    expect(page.get_by_text("Ask for a new one")).to_be_visible()
    context.close()


def test_a_revoked_session_leads_to_the_sign_in_page(owner: Page, program: Server) -> None:
    owner.goto("/")
    loaded = settings.load(data_dir=program.data_dir)
    with opened_accounts(loaded) as accounts:
        accounts.sessions.end_others(accounts.users.by_name("Ada").id, by=SHELL)
    owner.get_by_role("link", name="Library").first.click()
    expect(owner.get_by_role("heading", name="Sign in")).to_be_visible()
    owner.wait_for_load_state()  # the script sends the form
    fill(owner, "Ada")
    owner.keyboard.press("Enter")
    expect(owner).to_have_url(f"{program.url}/history")


@pytest.mark.parametrize("width", [320, 390, 1440])
def test_sign_in_pages_do_not_scroll_sideways(owner: Page, width: int) -> None:
    owner.set_viewport_size({"width": width, "height": 800})
    for address in ("/", "/sign-in", "/setup"):
        owner.goto(address)
        assert owner.evaluate("document.documentElement.scrollWidth") <= width, address
