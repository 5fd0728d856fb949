"""Words, titles, names of files and of users full of markup are text on every page, and nothing of them runs.

The pages' policy would stop an inline script by itself, so the browser is told to look away from it here.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.client import an_account
from tests.support.served import Served, serve_in_process
from whisper_appliance.accounts.identity import SHELL, Actor, User
from whisper_appliance.admin.blueprint import MENU

pytestmark = pytest.mark.browser

HOSTILE = (
    '<img src=x onerror="window.ran=1">',
    '"><script>window.ran=1</script>',
    "'-window.ran=1-'{{7*7}}${7*7}",
    "a\u202egpj.exe\u202c \u2066hidden\u2069",
    "W" * 190,
    "<svg/onload=window.ran=1><details open ontoggle=window.ran=1>",
)
NAMES = ("<img src=x onerror=window.ran=1>", '"><script>window.ran=1</script>')
PAYLOAD = "img[src='x'], script:not([src]), svg[onload], details[ontoggle], [onerror]"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve_in_process(tmp_path_factory.mktemp("markup")) as running:
        yield running


@pytest.fixture(scope="module")
def owner(served: Served) -> User:
    return an_account(served.appliance, "owner", NAMES[0])


@pytest.fixture(scope="module")
def other(served: Served) -> User:
    return an_account(served.appliance, "member", NAMES[1])


@pytest.fixture(scope="module")
def ids(served: Served, owner: User, other: User) -> list[str]:
    """Everything that can carry somebody's words, with something nasty in it."""
    parts, by = served.appliance, Actor(owner.id, owner)
    kept = [served.keep(f" {text}", title=text, owner=owner.id) for text in HOSTILE]
    for id in kept:
        parts.shares.share_with(id, other.name, by=owner.id)
    theirs = served.keep(HOSTILE[1], title=HOSTILE[0], owner=other.id)
    parts.shares.share_with(theirs, owner.name, by=other.id)
    parts.accounts.keys.create(owner, HOSTILE[1], ["read"], days=1, by=by)
    parts.accounts.invitations.create("member", note=HOSTILE[0], by=by)
    parts.accounts.begin_session(owner, address="192.0.2.1", agent=HOSTILE[0])
    parts.audit.record(Actor("", title=HOSTILE[0]), HOSTILE[1], HOSTILE[5], {HOSTILE[0]: HOSTILE[1]})
    return kept


@pytest.fixture(scope="module")
def context(chromium: Browser, served: Served, owner: User) -> Iterator[BrowserContext]:
    context = served.browser_of(chromium, owner, bypass_csp=True)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 800})
    yield page
    page.close()


def opened(page: Page, address: str) -> None:
    """Opens a page, and lets it show what it has."""
    page.goto(address)
    page.wait_for_load_state("load")
    page.wait_for_function("!document.querySelector('[aria-busy=\"true\"]')")


def unharmed(page: Page) -> None:
    """Nothing ran, nothing became an element, and nothing is wider than the screen."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    assert page.evaluate("window.ran") is None
    assert page.locator(PAYLOAD).count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_markup_in_transcripts_is_shown_as_text(page: Page, ids: list[str]) -> None:
    for id, text in zip(ids, HOSTILE, strict=True):
        opened(page, f"/transcripts/{id}")
        expect(page.locator("#words")).to_contain_text(text.strip()[:40])
        unharmed(page)
        page.locator("#share").click()
        expect(page.locator("#share-list li")).to_have_count(1)
        unharmed(page)


def test_markup_in_shared_links_is_shown_as_text(page: Page, served: Served, ids: list[str]) -> None:
    for id in ids:
        link = served.appliance.shares.create_link(id, by="")
        opened(page, f"/shared/{link.token}")
        expect(page.locator("#words .line")).to_have_count(1)
        unharmed(page)


def test_markup_in_lists_is_shown_as_text(page: Page, ids: list[str]) -> None:
    opened(page, "/history")
    expect(page.locator("#rows .row")).to_have_count(len(HOSTILE))
    unharmed(page)
    page.get_by_role("button", name="Shared with me").click()
    expect(page.locator("#rows .row")).to_have_count(1)
    unharmed(page)
    page.get_by_role("button", name="Transcripts", exact=True).click()
    page.get_by_label("Search titles and words").fill(HOSTILE[0])
    unharmed(page)
    opened(page, "/")
    unharmed(page)


def test_markup_in_a_file_name_is_shown_as_text(page: Page) -> None:
    opened(page, "/")
    file = {"name": f"{HOSTILE[1].replace('/', '')}.wav", "mimeType": "audio/wav", "buffer": b"spoken words"}
    page.locator('input[type="file"]').first.set_input_files(file)  # type: ignore[arg-type] # as Playwright takes it
    expect(page.locator("[data-state='done'], [data-state='failed']").first).to_be_visible()
    unharmed(page)


def test_markup_in_the_account_is_shown_as_text(page: Page, ids: list[str]) -> None:
    opened(page, "/account")
    expect(page.locator("#keys .item")).to_have_count(1)
    expect(page.locator("#sessions .item").nth(1)).to_be_visible()
    unharmed(page)


@pytest.mark.parametrize("place", [address for address, _ in MENU])
def test_markup_in_the_panel_is_shown_as_text(page: Page, ids: list[str], place: str) -> None:
    opened(page, f"/admin/{place}")
    unharmed(page)


def test_markup_on_the_users_page_is_shown_as_text(page: Page, ids: list[str], other: User) -> None:
    page.goto("/admin/users")
    page.get_by_role("button", name=f"Manage {other.name}").click()
    unharmed(page)
    page.locator("#user-delete").click()
    unharmed(page)


def test_markup_in_an_invitation_is_shown_as_text(chromium: Browser, served: Served) -> None:
    _, token = served.appliance.accounts.invitations.create("member", note=HOSTILE[0], by=SHELL)
    context = chromium.new_context(
        base_url=served.url, bypass_csp=True, viewport={"width": 390, "height": 800}
    )
    page = context.new_page()
    addresses = (
        f"/join/{token}",
        f"/sign-in?next=/{HOSTILE[1]}",
        "/sign-in?next=javascript:window.ran=1",
        f"/{HOSTILE[0]}",
    )
    for address in addresses:
        page.goto(address)
        unharmed(page)
    context.close()
