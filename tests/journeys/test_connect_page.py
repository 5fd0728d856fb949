"""People connect a program: what to enter, a key made in place, and what arrived; everybody can."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, expect

from tests.support.browser import barriers_in_both_themes
from tests.support.client import an_account
from tests.support.pages import copied
from tests.support.served import Served, serve_in_process

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve_in_process(tmp_path_factory.mktemp("connect")) as running:
        yield running


@pytest.fixture(scope="module")
def adas(chromium: Browser, served: Served) -> Iterator[BrowserContext]:
    user = an_account(served.appliance, "admin", "Ada")
    context = served.browser_of(chromium, user, bypass_csp=True)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield context
    context.close()


@pytest.fixture
def page(adas: BrowserContext) -> Iterator[Page]:
    page = adas.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    page.close()
    assert not faults


def test_a_program_is_connected_with_a_key_made_in_place(page: Page, served: Served) -> None:
    page.goto("/")
    page.locator("#account summary").click()
    page.locator("#account").get_by_role("link", name="Connect a program").click()
    page.get_by_role("link", name="Open WebUI").click()
    page.get_by_role("button", name="Copy API Base URL").click()
    copied(page, f"^{served.url}/v1$")
    page.get_by_role("button", name="Show what arrived").click()
    expect(page.locator("#arrived")).to_contain_text("Nothing arrived")
    page.get_by_role("button", name="Make a key for Open WebUI").click()
    page.get_by_role("button", name="Copy API Key").click()
    key = copied(page, "^wa_")
    headers = {"Authorization": f"Bearer {key}", "User-Agent": "Open WebUI"}
    httpx.get(f"{served.url}/v1/models", headers=headers).raise_for_status()
    form = {"model": "whisper-1", "language": "klingon"}
    httpx.post(
        f"{served.url}/v1/audio/transcriptions",
        headers=headers, data=form, files={"file": ("a.wav", b"one two")},
    )  # fmt: skip
    page.get_by_role("button", name="Show what arrived").click()
    expect(page.locator(".arrival")).to_have_count(2)
    expect(page.locator(".arrival").first).to_contain_text("Refused: 400 invalid_request")
    expect(page.locator(".arrival").first).to_contain_text("Open WebUI")
    expect(page.locator(".arrival").last).to_contain_text("Works: 200")


def test_the_pages_of_programs_are_accessible_and_fit_on_phones(page: Page, axe: str) -> None:
    page.set_viewport_size({"width": 320, "height": 700})
    for address in ("/docs/sockets", "/connect", "/connect/obsidian-whisper", "/connect/openai-python"):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, address
        assert barriers_in_both_themes(page, axe) == []
    page.get_by_role("button", name="Make a key").click()
    page.get_by_role("button", name="Copy api_key").wait_for()
    page.get_by_role("button", name="Show what arrived").click()
    expect(page.locator("#arrived")).not_to_be_empty()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert barriers_in_both_themes(page, axe) == []


@pytest.mark.slow
def test_a_request_is_tried_on_the_page_of_the_api(page: Page) -> None:
    page.set_viewport_size({"width": 1100, "height": 4000})  # the page holds only operations near the window
    page.goto("/docs")
    route = page.locator(".opblock").filter(has=page.locator('[data-path="/v1/audio/transcriptions"]'))
    route.locator(".opblock-summary-control").click()
    sound: FilePayload = {"name": "a.wav", "mimeType": "audio/wav", "buffer": b"one two"}
    route.locator("input[type=file]").first.set_input_files(sound)
    route.get_by_role("button", name="Execute").click()
    answer = route.locator(".live-responses-table")
    expect(answer).to_contain_text("one two")
    expect(answer).to_contain_text("200")


def test_a_link_to_a_setting_shows_it(page: Page) -> None:
    page.goto("/admin/settings#PROTOCOLS")
    expect(page.locator('[data-name="PROTOCOLS"]')).to_be_visible()
    expect(page.locator('[data-name="LOG_LEVEL"]')).to_be_hidden()
