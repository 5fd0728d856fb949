"""The words of a transcript are corrected by keyboard and mouse, and taken back."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.pages import transcribe

pytestmark = pytest.mark.browser


@pytest.fixture
def transcript(page: Page, cities: Path) -> Page:
    """The page of a transcript with several lines."""
    transcribe(page, cities)
    page.get_by_role("link", name="Open").click()
    expect(page.locator(".line:not(.skeleton)").first).to_be_visible()
    return page


def test_a_line_is_corrected_by_keyboard_and_taken_back(transcript: Page) -> None:
    page = transcript
    before = page.locator("#at-0 p").inner_text()
    page.locator("#at-0 a").focus()
    page.keyboard.press("F2")
    expect(page.get_by_role("textbox", name="Words at 0:00")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("Ever corrected.")
    page.keyboard.press("Enter")
    expect(page.locator("#edit-state")).to_have_text("Saved")
    expect(page.locator("#at-0 a")).to_be_focused()
    page.reload()
    expect(page.locator("#at-0 p")).to_have_text("Ever corrected.")
    page.keyboard.press("Control+z")
    expect(page.locator("#at-0 p")).to_have_text(before)
    page.keyboard.press("Control+Shift+z")
    expect(page.locator("#at-0 p")).to_have_text("Ever corrected.")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#at-0 p")).to_have_text(before)


def test_escape_drops_and_tab_saves_and_goes_on(transcript: Page) -> None:
    page = transcript
    before = page.locator("#at-0 p").inner_text()
    page.locator("#at-0 p").dblclick()
    page.keyboard.type("nothing of this")
    page.keyboard.press("Escape")
    expect(page.locator("#at-0 p")).to_have_text(before)
    page.locator("#at-0 a").press("F2")
    page.keyboard.press("End")
    page.keyboard.type(" First.")
    page.keyboard.press("Tab")
    expect(page.locator("#at-1 textarea")).to_be_focused()
    page.keyboard.type(" Second.")
    page.keyboard.press("Enter")
    expect(page.locator("#at-0 p")).to_contain_text("First.")
    expect(page.locator("#at-1 p")).to_contain_text("Second.")


def test_words_that_cannot_be_saved_are_shown(transcript: Page) -> None:
    page = transcript

    def refuse(route: Route) -> None:
        route.fulfill(status=412, json={"error": {"code": "precondition_failed", "message": "changed"}})

    page.route("**/segments", refuse)
    page.locator("#at-0 a").press("F2")
    page.keyboard.press("Control+a")
    page.keyboard.type("My words.")
    page.keyboard.press("Enter")
    expect(page.locator(".toast").last).to_contain_text("You wrote: “My words.”")
