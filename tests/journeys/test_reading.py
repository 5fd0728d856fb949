"""A transcript as something to read: paragraphs, what was left out in its place, and a long one at once."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import barriers
from tests.support.client import an_account
from tests.support.library import transcript
from tests.support.served import Served, serve_in_process
from whisper_appliance.accounts.identity import User
from whisper_appliance.transcript.model import Dropped, Segment, Transcript

pytestmark = pytest.mark.browser

INTERVIEW = (
    Segment(0, 2, " Margaret said Mr.", speaker="Ada"),
    Segment(2, 4, " Hale was ill.", speaker="Ada"),
    Segment(8, 10, " Since when?", speaker="Bob", language="de"),
)
DROPPED = (
    Dropped(4, 5, "Thanks for watching!", "boilerplate over silence"),
    Dropped(5, 7, "Was ill, was ill.", "repetition"),
)


def made(segments: tuple[Segment, ...], dropped: tuple[Dropped, ...] = ()) -> Transcript:
    return replace(transcript(), segments=segments, dropped=dropped, duration=36_000.0, warnings=())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve_in_process(tmp_path_factory.mktemp("reading")) as running:
        yield running


@pytest.fixture(scope="module")
def owner(served: Served) -> User:
    return an_account(served.appliance, "owner", "ada")


@pytest.fixture
def page(served: Served, owner: User, chromium: Browser) -> Iterator[Page]:
    context = served.browser_of(chromium, owner, bypass_csp=True)
    yield context.pages[0]
    context.close()


@pytest.fixture
def interview(served: Served, owner: User, page: Page) -> Page:
    """The page of a transcript with two speakers, from which something was left out."""
    id = served.appliance.transcripts.add(made(INTERVIEW, DROPPED), title="Interview", owner=owner.id)
    page.goto(f"/transcripts/{id}")
    expect(page.locator("#at-0")).to_be_visible()
    return page


def test_a_transcript_is_shown_in_paragraphs(interview: Page, axe: str) -> None:
    page = interview
    paragraphs = page.locator(".paragraph")
    expect(paragraphs).to_have_count(2)
    expect(paragraphs.nth(1).locator(".speaker")).to_have_text("Bob")
    expect(page.locator("#words")).to_have_attribute("lang", "en")
    expect(page.locator("#at-2 p")).to_have_attribute("lang", "de")
    page.get_by_label("Find in this transcript").fill("mr. hale")
    expect(page.locator("#found")).to_have_text("1 of 1")
    assert barriers(page, axe) == []


def test_what_was_left_out_is_in_its_place_and_comes_back(interview: Page, axe: str) -> None:
    page = interview
    expect(page.locator("#left-out")).to_contain_text("2 phrases left out as probably invented")
    page.get_by_role("button", name="Show where").click()
    left_out = page.locator("#at-1 + .left-out")
    expect(left_out.locator("summary")).to_have_text("2 phrases left out")
    expect(left_out).to_contain_text("The model repeated itself.")
    assert barriers(page, axe) == []
    left_out.get_by_role("button", name="Bring back “Was ill, was ill.”").click()
    expect(page.locator("#at-2 p")).to_have_text("Was ill, was ill.")
    expect(page.locator("#at-2 a")).to_be_focused()
    expect(page.locator("#at-1 + .left-out summary")).to_have_text("1 phrase left out")
    page.keyboard.press("Control+z")
    expect(page.locator("#at-1 + .left-out summary")).to_have_text("2 phrases left out")
    expect(page.locator("#at-2 p")).to_have_text("Since when?")
