"""The words of a transcript are corrected by keyboard and mouse, and taken back."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.support.browser import barriers, new_browser
from tests.support.pages import transcribe
from tests.support.program import Server

pytestmark = pytest.mark.browser


@pytest.fixture
def context(chromium: Browser, program: Server) -> Iterator[BrowserContext]:
    """A browser that lets axe style what it looks at, which the appliance's policy forbids."""
    context = new_browser(chromium, program, bypass_csp=True)
    yield context
    context.close()


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


def test_what_is_typed_while_a_line_is_saved_goes_into_the_next_one(transcript: Page) -> None:
    page, held = transcript, list[Route]()
    page.route("**/segments", lambda route: held.append(route), times=1)
    page.locator("#at-0 a").press("F2")
    page.keyboard.type(" First.")
    with page.expect_request("**/segments"):
        page.keyboard.press("Enter")
    page.locator("#at-1 a").press("F2")
    page.keyboard.type(" Never.")  # "e" alone would rename the transcript
    held[0].continue_()
    expect(page.locator("#at-1 textarea")).to_have_value(re.compile(r" Never\.$"))


def test_words_that_cannot_be_saved_stay_in_the_editor(transcript: Page) -> None:
    page, held = transcript, list[Route]()
    other = page.context.new_page()
    other.goto(page.url)

    def save_while(change: str) -> None:
        """Types, goes on to the next line, and types on, while the other page changes the same line."""
        page.route("**/segments", lambda route: held.append(route), times=1)
        page.locator("#at-0 a").press("F2")
        press(page, "Control+a")
        page.keyboard.type("My words.")
        with page.expect_request("**/segments"):
            press(page, "Tab")
        page.keyboard.type(" Never.")  # for the next line, which opens once this one is saved
        other.locator("#at-0 a").press(change)
        if change == "F2":
            press(other, "Control+a")
            other.keyboard.type("Theirs.")
            press(other, "Enter")
        expect(other.locator("#edit-state")).to_have_text("Saved")
        held.pop().continue_()

    field = page.locator(".line textarea")
    save_while("F2")
    expect(field).to_be_focused()
    expect(field).to_have_value("My words. Never.")
    expect(page.get_by_role("alert").filter(has_text="changed this line meanwhile")).to_contain_text(
        "Theirs."
    )
    page.get_by_role("button", name="Keep my words").click()
    expect(other.locator("#at-0 p")).to_have_text("My words. Never.")
    other.reload()
    save_while("Shift+Delete")
    expect(page.get_by_role("alert").filter(has_text="deleted this line")).to_be_visible()
    expect(field).to_have_value("My words. Never.")
    press(page, "Enter")
    expect(other.locator("#at-0 p")).to_have_text("My words. Never.")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_a_transcript_is_corrected_by_keyboard_alone(transcript: Page, axe: str) -> None:
    page = transcript
    lines = page.locator(".line:not(.skeleton)")
    count = lines.count()
    page.locator("#at-0 a").focus()
    press(page, "F2", "Control+a")
    page.keyboard.type("Margaret spoke. The hall was quiet.")
    press(page, *["ArrowLeft"] * len(" The hall was quiet."))
    press(page, "Control+Enter")  # split
    expect(page.locator("#at-1 textarea")).to_have_value("The hall was quiet.")
    expect(lines).to_have_count(count + 1)
    assert barriers(page, axe) == []
    press(page, "Backspace")  # at its beginning: joined again
    expect(page.locator("#at-0 textarea")).to_have_value("Margaret spoke. The hall was quiet.")
    press(page, "Control+Enter")
    expect(page.locator("#at-1 textarea")).to_be_focused()
    press(page, "Shift+Enter")
    expect(page.get_by_role("textbox", name="Words of the new line")).to_be_focused()
    page.keyboard.type("Nobody answered.")
    press(page, "Enter")
    expect(page.locator("#at-2 a")).to_be_focused()
    expect(page.locator("#at-2 p")).to_have_text("Nobody answered.")
    press(page, "t")
    speaker = page.get_by_role("combobox", name="Speaker", exact=True)
    expect(speaker).to_be_focused()
    page.keyboard.type("Ada")
    assert barriers(page, axe) == []
    press(page, "Enter")
    expect(page.locator("#line-dialog")).to_be_hidden()
    expect(page.locator("#at-2 a")).to_be_focused()
    press(page, "p")
    expect(page.get_by_role("textbox", name="Name of Ada")).to_be_visible()
    assert barriers(page, axe) == []
    page.get_by_role("textbox", name="Name of Ada").focus()
    press(page, "Control+a")
    page.keyboard.type("Grace")
    press(page, "Enter")
    expect(page.get_by_role("textbox", name="Name of Grace")).to_be_focused()
    press(page, "Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator("#open-speakers")).to_be_focused()
    press(page, "f")
    expect(page.locator("dialog[open]")).to_have_count(1)
    page.keyboard.type("nobody")
    press(page, "Tab")
    page.keyboard.type("Somebody")
    expect(page.locator("#replace-count")).to_have_text("1 place")
    press(page, "Enter")
    expect(page.locator("#at-2 p")).to_have_text("Somebody answered.")
    assert barriers(page, axe) == []
    press(page, "Escape", "Control+z")
    expect(page.locator("#at-2 p")).to_have_text("Nobody answered.")
    press(page, "v")
    current = page.locator(".version").first
    current.locator("summary").press("Enter")
    expect(current.locator("ins").first).to_be_visible()
    assert barriers(page, axe) == []
    page.get_by_role("button", name="Restore: The machine's original").press("Enter")
    expect(lines).to_have_count(count)
    press(page, "Escape", "Control+z")
    expect(page.locator("#at-2 p")).to_have_text("Nobody answered.")
    export = page.evaluate("async () => (await fetch(`/api${location.pathname}?format=srt`)).text()")
    assert "Grace" in export
    assert "Nobody answered." in export


def test_times_that_cannot_be_are_refused_and_nothing_typed_is_lost(transcript: Page) -> None:
    page = transcript
    page.locator("#at-0 a").focus()
    press(page, "t")
    start = page.get_by_role("textbox", name="Start time")
    start.fill("soon")
    press(page, "Enter")
    expect(page.locator("#line-dialog .field-error")).to_contain_text("Write a time as")
    expect(start).to_be_focused()
    start.fill("0:00.10")
    press(page, "Enter")
    expect(page.locator("#line-dialog")).to_be_hidden()
    expect(page.locator("#edit-state")).to_have_text("Saved")


def test_a_mistake_that_is_elsewhere_is_corrected_everywhere_as_one_step(transcript: Page) -> None:
    page = transcript
    page.locator("#at-1 a").focus()
    press(page, "n")
    page.keyboard.type("Kulbna is here.")
    press(page, "Enter")
    expect(page.locator("#at-2 a")).to_be_focused()
    press(page, "n")
    page.keyboard.type("Is Kulbna there?")
    press(page, "Enter")
    expect(page.locator("#at-3 a")).to_be_focused()
    press(page, "F2", "Control+a")
    page.keyboard.type("Is Kolumna there?")
    press(page, "Enter")
    page.get_by_role("button", name="Correct all alike").press("Enter")
    expect(page.locator("#at-2 p")).to_have_text("Kolumna is here.")
    page.locator("#at-2 a").press("Control+z")
    expect(page.locator("#at-2 p")).to_have_text("Kulbna is here.")
    expect(page.locator("#at-3 p")).to_have_text("Is Kolumna there?")


def test_on_a_phone_menus_and_the_edited_line_stay_in_sight(transcript: Page) -> None:
    page = transcript
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("[data-slot=downloads] summary").click()
    expect(page.get_by_role("link", name="Web subtitles")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.keyboard.press("Escape")
    page.locator("#at-0 a").press("F2")
    field, player = page.locator("#at-0 textarea").bounding_box(), page.locator(".player").bounding_box()
    assert field
    assert player
    assert field["y"] + field["height"] <= player["y"]


def test_selected_lines_are_transcribed_again_and_the_new_words_are_taken(transcript: Page, axe: str) -> None:
    page = transcript
    before = page.locator("#words").inner_text()
    page.locator("#at-0 a").focus()
    page.keyboard.press("F2")
    page.keyboard.press("Control+a")
    page.keyboard.type("Xylophones sang loudly.")
    page.keyboard.press("Enter")
    expect(page.locator("#edit-state")).to_have_text("Saved")
    page.keyboard.press("a")
    expect(page.locator("#span-model")).to_be_focused()
    page.get_by_role("button", name="Transcribe", exact=True).click()
    expect(page.locator("#span-old del").first).to_have_text("Xylophones sang loudly.")
    expect(page.get_by_role("button", name="Take the new words")).to_be_focused()
    assert barriers(page, axe) == []
    page.keyboard.press("Enter")
    expect(page.locator("#span-dialog")).to_be_hidden()
    expect(page.locator("#words")).not_to_contain_text("Xylophones sang loudly.")
    page.keyboard.press("Control+z")
    expect(page.locator("#at-0 p")).to_have_text("Xylophones sang loudly.")
    page.keyboard.press("Control+z")
    expect(page.locator("#words")).to_have_text(before, use_inner_text=True)
