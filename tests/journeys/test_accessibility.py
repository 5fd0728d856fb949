"""Every page and state is usable by everybody, on every screen, and light."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.browser import STILL, barriers, barriers_in_both_themes, new_browser
from tests.support.pages import add_files, card, holds, transcribe
from tests.support.program import Server

pytestmark = pytest.mark.browser

PAGES = ("/", "/history", "/trust", f"/transcripts/{'0' * 32}", "/nowhere")
BYTES_ON_THE_WIRE = 200 * 1024


@pytest.fixture
def context(chromium: Browser, program: Server) -> Iterator[BrowserContext]:
    """A browser that lets axe style what it looks at, which the appliance's policy forbids."""
    context = new_browser(chromium, program, bypass_csp=True)
    yield context
    context.close()


def settled(page: Page, address: str) -> None:
    """Opens a page and waits until it has shown what it has."""
    page.goto(address)
    page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("address", PAGES)
def test_every_page_is_accessible(page: Page, axe: str, address: str) -> None:
    settled(page, address)
    assert barriers_in_both_themes(page, axe) == []


def test_commands_and_the_dialog_of_an_address_are_accessible(page: Page, axe: str) -> None:
    settled(page, "/")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette-list").get_by_role("option").first).to_be_visible()
    assert barriers_in_both_themes(page, axe) == []
    page.keyboard.type("zzz")
    expect(page.locator("#palette-none")).to_be_visible()
    assert barriers(page, axe) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="From an address").click()
    assert barriers_in_both_themes(page, axe) == []


@pytest.mark.slow
def test_every_state_of_the_transcribe_page_is_accessible(
    page: Page, axe: str, long_recording: Path, beckett: Path
) -> None:
    page.goto("/")
    add_files(page, {"name": "bad.wav", "mimeType": "audio/wav", "buffer": b"not audio " * 300})
    expect(card(page, "bad")).to_have_attribute("data-state", "failed")
    add_files(page, beckett)
    expect(card(page, "beckett")).to_have_attribute("data-state", "done", timeout=60_000)
    add_files(page, long_recording)
    running = card(page, "long story")
    expect(running.locator(".card-text")).to_contain_text("times")
    page.locator("#options summary").click()
    card(page, "beckett").locator(".menu summary").click()
    assert barriers_in_both_themes(page, axe) == []
    running.get_by_role("button", name="Cancel").click()
    page.locator("#model-chip summary").click()
    page.evaluate("document.getElementById('offline').hidden = false")
    assert barriers_in_both_themes(page, axe) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Shortcuts").click()
    assert barriers_in_both_themes(page, axe) == []


def test_the_library_with_a_selection_is_accessible(page: Page, axe: str, beckett: Path) -> None:
    transcribe(page, beckett)
    settled(page, "/history?q=tried")
    page.get_by_label("Select beckett").check()
    expect(page.locator("#bar")).to_be_visible()
    assert barriers_in_both_themes(page, axe) == []


@pytest.mark.slow
def test_every_state_of_the_player_is_accessible(page: Page, axe: str, beckett: Path) -> None:
    transcribe(page, beckett)
    page.get_by_role("link", name="Open").click()
    holds(page, "document.getElementById('player-media').duration > 0")
    page.keyboard.press("Space")
    page.keyboard.press("r")
    expect(page.locator(".line[data-now]")).to_have_count(1)
    page.keyboard.press("Space")
    page.locator("#player-menu summary").click()
    assert barriers_in_both_themes(page, axe) == []
    page.get_by_role("button", name="Delete the recording, keep the words").click()
    assert barriers_in_both_themes(page, axe) == []
    page.get_by_role("button", name="Delete the recording", exact=True).click()
    expect(page.locator("#player-none")).to_be_visible()
    assert barriers_in_both_themes(page, axe) == []


@pytest.mark.slow
def test_every_state_of_the_history_is_accessible(page: Page, axe: str, cities: Path) -> None:
    transcribe(page, cities)
    settled(page, "/history")
    page.get_by_role("button", name="Rename two_cities").click()
    assert barriers_in_both_themes(page, axe) == []
    page.keyboard.press("Escape")
    page.get_by_role("link", name="two_cities", exact=True).click()
    page.get_by_label("Find in this transcript").fill("wisdom")
    page.locator("#tools summary", has_text="Download").click()
    assert barriers_in_both_themes(page, axe) == []
    page.get_by_role("button", name="Delete this transcript").click()
    assert barriers_in_both_themes(page, axe) == []
    settled(page, "/history")
    page.get_by_role("button", name="Trash").click()
    expect(page.get_by_role("button", name="Restore")).to_be_visible()
    assert barriers_in_both_themes(page, axe) == []
    page.get_by_role("button", name="Restore").click()
    expect(page.locator("#toast")).to_contain_text("Restored")
    assert barriers_in_both_themes(page, axe) == []


@pytest.mark.slow
def test_no_page_scrolls_sideways(page: Page, beckett: Path) -> None:
    transcribe(page, {"name": "x" * 120 + ".wav", "mimeType": "audio/wav", "buffer": beckett.read_bytes()})
    addresses = [*PAGES, page.get_by_role("link", name="Open").get_attribute("href") or ""]
    assert scrolls_sideways(page) == []
    for address in addresses:
        settled(page, address)
        assert scrolls_sideways(page) == [], address


def scrolls_sideways(page: Page) -> list[int]:
    """The widths, from a small phone to a large screen, at which the page is wider than the window."""
    wide = []
    for width in (3840, 1440, 820, 390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        wide += [width] if page.evaluate("document.documentElement.scrollWidth") > width else []
    return wide


@pytest.mark.parametrize("address", ["/", "/history", "/trust"])
def test_a_page_is_small_and_has_no_layout_shift(page: Page, address: str) -> None:
    page.add_init_script(
        """window.shift = 0;
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) window.shift += entry.value;
        }).observe({ type: "layout-shift", buffered: true });"""
    )
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    settled(page, address)
    assert 0 < sum(sizes) < BYTES_ON_THE_WIRE
    assert page.evaluate("window.shift") < 0.02


def test_the_theme_can_be_chosen_and_stays(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    page.goto("/")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("button", name="Theme").click()
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark


@pytest.mark.slow
def test_the_api_page_has_the_theme_of_the_others(page: Page, axe: str) -> None:
    page.goto("/trust")
    words = ink(page, "main h2")
    page.goto("/docs")
    page.locator(".opblock-tag").first.wait_for()
    assert ink(page, "main h2") == ink(page, ".opblock-tag") == words
    assert barriers_in_both_themes(page, axe) == []


def ink(page: Page, selector: str) -> list[str]:
    """The colours of an element in the light theme and in the dark one."""
    colours = []
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(STILL, polling=20)
        colours.append(
            page.evaluate("(each) => getComputedStyle(document.querySelector(each)).color", selector)
        )
    return colours


WHOLE_AFTER_SECONDS = "document.getAnimations().forEach((each) => each.finish())"


def test_a_script_that_does_not_arrive_says_so(page: Page, axe: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.route("**/js/ui/menu.js", lambda route: route.abort())
    page.goto("/")
    notice = page.get_by_role("alert").filter(has_text="has not loaded whole")
    expect(notice).to_have_count(0)
    page.evaluate(WHOLE_AFTER_SECONDS)
    expect(notice).to_be_visible()
    assert barriers(page, axe) == []
    page.unroute("**/js/ui/menu.js")
    notice.get_by_role("link", name="Reload").click()
    expect(page.locator("#model-chip")).to_have_attribute("data-state", "ready")
    expect(page.locator("#not-whole")).to_have_count(0)


def test_without_scripts_a_page_shows_nothing_that_needs_them(chromium: Browser, program: Server) -> None:
    context = chromium.new_context(base_url=program.url, ignore_https_errors=True, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    expect(page.locator("noscript .notice")).to_contain_text("These pages need JavaScript")
    for part in ("#surface", "#not-whole", ".skeleton >> nth=0", "#shortcuts-open"):
        expect(page.locator(part)).to_be_hidden()
    context.close()


def test_reduced_motion_stops_animations(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto("/")
    running = "document.getAnimations().filter((each) => each.playState === 'running').length"
    assert page.evaluate(running) == 0


def test_the_dialog_of_downloads_is_accessible(page: Page, axe: str, beckett: Path) -> None:
    transcribe(page, beckett)
    page.get_by_role("link", name="Open").click()
    page.locator("#tools summary", has_text="Download").click()
    page.get_by_role("link", name="More formats").click()
    expect(page.get_by_role("dialog", name="Download")).to_be_visible()
    assert barriers_in_both_themes(page, axe) == []
    page.keyboard.press("Escape")
    expect(page.locator("#tools summary", has_text="Download")).to_be_focused()


@pytest.mark.parametrize("address", ["/docs/live", "/docs/sockets"])
def test_the_pages_of_the_live_protocols_are_accessible(page: Page, axe: str, address: str) -> None:
    settled(page, address)
    assert barriers_in_both_themes(page, axe) == []


@pytest.mark.slow
def test_a_long_error_stays_in_its_row_of_the_queue(page: Page) -> None:
    page.goto("/")
    add_files(page, {"name": "bad.wav", "mimeType": "audio/wav", "buffer": b"not audio " * 300})
    expect(card(page, "bad")).to_have_attribute("data-state", "failed")
    page.goto("/queue")
    expect(page.locator("#failed .facts")).to_contain_text("audio")
    assert scrolls_sideways(page) == []
