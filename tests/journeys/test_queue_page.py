"""The queue page: order by mouse and keyboard, pause, cancel, and what became of each recording."""

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.browser import barriers_in_both_themes, new_browser
from tests.support.pages import add_files, named
from tests.support.program import Server

pytestmark = pytest.mark.browser


@pytest.fixture
def context(chromium: object, program: Server) -> BrowserContext:
    """A browser that lets axe style what it looks at."""
    return new_browser(chromium, program, bypass_csp=True)  # type: ignore[arg-type]


def test_recordings_wait_are_ordered_and_go_on(page: Page, axe: str, beckett: Path) -> None:
    page.goto("/queue")
    expect(page.get_by_text("Nothing waits and nothing runs")).to_be_visible()
    page.keyboard.press("p")
    expect(page.get_by_text("none starts until you continue")).to_be_visible()

    page.goto("/")
    for count, name in enumerate(("one", "two", "three", "four"), 1):  # together, two are sent at once
        add_files(page, named(f"{name}.wav", beckett))
        expect(page.locator(".card-state", has_text="Paused")).to_have_count(count)
    page.locator("#now").get_by_role("link", name="Queue").click()
    titles = page.locator("#waiting .queue-title")
    expect(titles).to_have_text(["one", "two", "three", "four"])
    assert barriers_in_both_themes(page, axe) == []

    page.get_by_role("button", name="Move three to the front").click()
    expect(titles).to_have_text(["three", "one", "two", "four"])
    handle = page.get_by_role("button", name="Move one", exact=True)
    handle.focus()
    page.keyboard.press("ArrowDown")
    expect(titles).to_have_text(["three", "two", "one", "four"])
    expect(page.locator("#announcer")).to_have_text("one is at place 3 now.")
    expect(handle).to_be_focused()
    page.get_by_role("button", name="Move four", exact=True).hover()
    page.mouse.down()
    box = page.locator("#waiting .queue-row").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 20, box["y"] + 4, steps=5)
    page.mouse.up()
    expect(titles).to_have_text(["four", "three", "two", "one"])
    page.get_by_role("button", name="Cancel two").click()
    expect(page.locator("#failed .queue-title")).to_have_text(["two"])

    page.reload()
    expect(titles).to_have_text(["four", "three", "one"])
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#done .queue-title")).to_have_count(3)
    page.get_by_role("button", name="Try two again").click()
    expect(page.locator("#done .queue-title")).to_have_count(4)
    assert barriers_in_both_themes(page, axe) == []
    page.locator("#done").get_by_role("link", name="two").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("two")
