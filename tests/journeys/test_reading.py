"""A transcript as something to read: paragraphs, what was left out in its place, and a long one at once."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import barriers
from tests.support.client import an_account
from tests.support.library import transcript
from tests.support.pages import copied
from tests.support.served import Served, serve_in_process
from tests.support.statements import statements, transcript_reads
from tests.support.wait import wait_until
from whisper_appliance.accounts.identity import User
from whisper_appliance.transcript.model import Dropped, Notice, Segment, Transcript, Word

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


DOUBTFUL = 350


def sentence(place: int) -> Segment:
    """One of a lecture with a long pause after each 80."""
    start = 5.0 * place + 20 * (place // 80)
    text = f" Sentence number {place} of the lecture."
    words = (Word(start, start + 4, text, 0.1),) if place == DOUBTFUL else ()
    return Segment(start, start + 4, text, words=words)


LECTURE = tuple(map(sentence, range(400)))
NOTICES = (
    Notice("untranscribed", "Somebody speaks here, but no words were recognized: 0:05-0:07."),
    Notice("damaged", "The file is damaged. It could be read up to 0:10."),
)


def made(segments: tuple[Segment, ...], dropped: tuple[Dropped, ...] = ()) -> Transcript:
    return replace(transcript(), segments=segments, dropped=dropped, duration=36_000.0, warnings=NOTICES)


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
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield context.new_page()
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


def test_a_long_transcript_has_chapters_links_and_text_to_copy(
    served: Served, owner: User, page: Page, axe: str
) -> None:
    id = served.appliance.transcripts.add(made(LECTURE), title="Lecture", owner=owner.id)
    page.goto(f"/transcripts/{id}#at-300")
    expect(page.locator("#at-300")).to_be_in_viewport()
    page.get_by_text("Chapters (5)").click()
    assert barriers(page, axe) == []
    page.get_by_role("link", name="Sentence number 80 of the lecture").click()
    expect(page.locator("#at-80")).to_be_in_viewport()
    chapters_by_hand(page, axe)
    page.locator("#copy-menu summary").click()
    page.get_by_role("link", name="Copy with times", exact=True).click()
    expect(page.locator(".toast").last).to_have_text("Text copied.")
    text = copied(page, r"^\[0:00\] Sentence number 0 of the lecture. Sentence number 1")
    assert "\n[7:00] Sentence number 80 of the lecture." in text


def test_a_page_that_opens_decodes_its_transcript_once(served: Served, owner: User, page: Page) -> None:
    appliance = served.appliance
    id = appliance.transcripts.add(made(LECTURE), title="Lecture", owner=owner.id)
    with statements() as sent:
        page.goto(f"/transcripts/{id}")
        expect(page.locator("#at-0")).to_be_visible()
        wait_until(lambda: appliance.edit_notifier.subscriber_count() > 0)
        appliance.transcripts.rename(id, owner.id, "Talk")
        appliance.edit_notifier.wake(id)
        expect(page.locator("#title")).to_have_text("Talk")  # so the stream has sent all that is new
    assert transcript_reads(sent) == 1


def chapters_by_hand(page: Page, axe: str) -> None:
    """They are added, named, moved, removed and restored by keyboard."""
    chapters = page.locator("#chapters-list a")
    page.locator("#at-100 a").focus()
    page.keyboard.press("b")
    dialog = page.get_by_role("dialog", name="Chapters")
    expect(dialog.get_by_label("Begins at")).to_have_value("8:40.00")
    page.keyboard.type("Questions")
    page.keyboard.press("Enter")
    expect(chapters).to_have_count(6)
    expect(chapters.nth(2)).to_have_text("8:40Questions")
    assert barriers(page, axe) == []
    start = dialog.get_by_label("Start of the chapter at 8:40")
    start.fill("9:00")
    start.press("Enter")
    expect(chapters.nth(2)).to_have_text("9:00Questions")
    title = dialog.get_by_label("Title of the chapter at 9:00")
    title.fill("Answers")
    title.press("Enter")
    expect(chapters.nth(2)).to_have_text("9:00Answers")
    dialog.get_by_role("button", name="Remove the chapter at 7:00").press("Enter")
    expect(chapters).to_have_count(5)
    page.get_by_role("button", name="Undo").last.press("Enter")
    expect(chapters).to_have_count(6)
    dialog.get_by_role("button", name="Begin them at the long pauses again").press("Enter")
    expect(chapters).to_have_count(5)
    page.keyboard.press("Escape")


def test_a_long_transcript_is_in_the_page_only_where_it_is_read(
    served: Served, owner: User, page: Page, axe: str
) -> None:
    id = served.appliance.transcripts.add(made(LECTURE), title="Lecture", owner=owner.id)
    loaded: list[str] = []
    page.on(
        "request",
        lambda each: loaded.append(each.url) if each.url.endswith(f"/api/transcripts/{id}") else None,
    )
    page.goto(f"/transcripts/{id}?t=1500")
    expect(page.locator("#at-288")).to_be_in_viewport()
    expect(page.locator("#at-0")).to_have_count(0)
    assert page.locator(".line").count() < 300
    expect(page.locator(".paragraph").first).to_have_attribute("aria-setsize", "20")
    page.keyboard.press("Control+f")
    expect(page.get_by_label("Find in this transcript")).to_be_focused()
    page.keyboard.type("number 39")
    expect(page.locator("#found")).to_have_text("1 of 11")
    expect(page.locator("#at-39")).to_be_in_viewport()
    assert page.evaluate("CSS.highlights.get('found-now').size") == 1
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    expect(page.locator(f"#at-{DOUBTFUL} a")).to_be_focused()
    expect(page.locator(f"#at-{DOUBTFUL}")).to_be_in_viewport()
    page.keyboard.press("F2")
    page.keyboard.type(" No doubt.")
    page.keyboard.press("Enter")
    expect(page.locator(f"#at-{DOUBTFUL} p")).to_have_text("Sentence number 350 of the lecture. No doubt.")
    expect(page.locator(f"#at-{DOUBTFUL}")).to_be_in_viewport()
    assert len(loaded) == 1
    assert barriers(page, axe) == []
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+c")
    assert "Sentence number 0 of" in copied(page, "Sentence number 200 of")
    page.mouse.click(5, 300)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator(".line")).to_have_count(len(LECTURE))
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(".line").count() < 300


def test_notices_are_german_for_a_german_reader(interview: Page) -> None:
    address = interview.url.replace("/transcripts/", "/api/transcripts/")
    expect(interview.locator("#warnings")).to_contain_text("It could be read up to 0:10.")
    german = interview.request.get(address, headers={"Accept-Language": "de"}).json()["warnings"]
    assert [each["message"] for each in german] == [
        "Hier spricht jemand, aber es wurden keine Wörter erkannt: 0:05-0:07.",
        "Die Datei ist beschädigt. Sie konnte bis 0:10 gelesen werden.",
    ]
