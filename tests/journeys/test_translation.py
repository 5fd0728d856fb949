"""A recording is translated from the page of its transcript; the lines stand beside each other."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import barriers, barriers_in_both_themes
from tests.support.client import an_account
from tests.support.library import keep_recording, transcript
from tests.support.served import Served, serve_in_process
from tests.support.translations import OWN, add_own_model, offering
from whisper_appliance.accounts.identity import User
from whisper_appliance.library.translations import store_translation
from whisper_appliance.transcript.model import Segment, Transcript

pytestmark = pytest.mark.browser

GERMAN = (
    Segment(0, 2, " Margarete sagte,", speaker="Ada"),
    Segment(2, 4, " Herr Hale sei krank.", speaker="Ada"),
    Segment(8, 10, " Seit wann?", speaker="Bob"),
)
ENGLISH = (
    Segment(0, 1.9, " Margaret said"),
    Segment(2.1, 4, " Mr. Hale was ill."),
    Segment(8, 10, " Since when?"),
)


def spoken(segments: tuple[Segment, ...], task: str = "transcribe") -> Transcript:
    return replace(
        transcript(),
        segments=segments,
        dropped=(),
        warnings=(),
        language="de",
        duration=40.0,
        task=task,
        model="own",
    )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("translation")
    with serve_in_process(folder, OWN) as running:
        add_own_model(running.appliance, tiny_en)
        running.appliance.translate_transcript.offered = dict
        yield running


@pytest.fixture(scope="module")
def owner(served: Served) -> User:
    return an_account(served.appliance, "owner", "ada")


@pytest.fixture
def page(served: Served, owner: User, chromium: Browser) -> Iterator[Page]:
    context = served.browser_of(chromium, owner, bypass_csp=True)
    yield context.new_page()
    context.close()


def kept(served: Served, owner: User, words: str = "Margaret") -> str:
    """The id of a transcript in German, whose recording says these words, one every 20 seconds."""
    id = served.appliance.transcripts.add(spoken(GERMAN), title="Gespräch", owner=owner.id)
    keep_recording(served.appliance.recordings, id, words.encode())
    return id


def translated(served: Served, owner: User) -> str:
    """The same, with its translation beside it."""
    id = kept(served, owner)
    with served.appliance.database.write() as connection:
        store_translation(connection, id, spoken(ENGLISH, "translate"), "2026-01-01T12:00:00.000Z")
    return id


def test_a_recording_is_translated_and_the_translation_hidden_and_deleted(
    served: Served, owner: User, page: Page, axe: str
) -> None:
    page.goto(f"/transcripts/{kept(served, owner)}")
    page.get_by_role("button", name="Translate into English").click()
    dialog = page.get_by_role("dialog", name="Translation")
    expect(dialog.get_by_label("Model")).to_have_value("own")
    assert barriers_in_both_themes(page, axe) == []
    dialog.get_by_role("button", name="Translate").click()
    expect(dialog).to_be_hidden()
    beside = page.locator("#at-0 + .translated, #at-1 + .translated")
    expect(beside).to_have_text("Margaret")
    expect(beside).to_have_attribute("lang", "en")
    expect(page.locator("#translation-state")).to_be_empty()
    assert barriers_in_both_themes(page, axe) == []
    page.get_by_role("button", name="English beside", pressed=True).click()
    expect(beside).to_have_count(0)
    page.reload()
    page.get_by_role("button", name="English beside", pressed=False).click()
    expect(beside).to_have_text("Margaret")
    page.get_by_role("button", name="Translation", exact=True).click()
    expect(dialog).to_contain_text("by own.")
    dialog.get_by_role("button", name="Delete the translation").click()
    page.get_by_role("dialog", name="Delete the translation?").get_by_role("button", name="Delete").click()
    expect(beside).to_have_count(0)
    expect(page.get_by_role("button", name="Translate into English")).to_be_focused()
    expect(page.locator("#at-0 p")).to_have_text("Margarete sagte,")


def test_the_corrected_words_are_translated_into_another_language(
    served: Served, owner: User, page: Page, axe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        served.appliance.translate_transcript, "offered", offering(("de", "pt"), ("de", "en"))
    )
    page.goto(f"/transcripts/{kept(served, owner)}")
    page.get_by_role("button", name="Translate", exact=True).click()
    dialog = page.get_by_role("dialog", name="Translation")
    model = dialog.get_by_label("Model")
    expect(model.locator("option").first).to_have_text("own")  # from the recording
    expect(model.locator("option").last).to_have_text("pairs")  # from the words
    expect(dialog).to_contain_text("Made from the recording")
    model.select_option("pairs")
    expect(dialog).to_contain_text("Made from the words")
    dialog.get_by_label("Into").select_option(label="Portuguese")
    expect(model.locator("option")).to_have_text(["pairs"])
    expect(dialog.get_by_text("Made from the recording")).to_be_hidden()
    assert barriers_in_both_themes(page, axe) == []
    dialog.get_by_role("button", name="Translate").click()
    expect(page.locator(".translated")).to_have_text(
        ["de-pt: Margarete sagte,", "de-pt: Herr Hale sei krank.", "de-pt: Seit wann?"]
    )
    expect(page.locator(".translated").first).to_have_attribute("lang", "pt")
    expect(page.get_by_role("button", name="Portuguese beside", pressed=True)).to_be_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_lines_stand_beside_each_other_where_there_is_room_else_below(
    served: Served, owner: User, page: Page, axe: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"/transcripts/{translated(served, owner)}")
    expect(page.locator(".translated")).to_have_text(["Margaret said", "Mr. Hale was ill.", "Since when?"])
    for place in range(3):
        line = page.locator(f"#at-{place} p").bounding_box()
        beside = page.locator(f"#at-{place} + .translated").bounding_box()
        assert line
        assert beside
        if width > 1000:
            assert beside["x"] > line["x"] + line["width"]
            assert abs(beside["y"] - line["y"]) < 4
        else:
            assert beside["y"] >= line["y"] + line["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert barriers(page, axe) == []


def test_lines_are_corrected_and_found_beside_their_translation(
    served: Served, owner: User, page: Page
) -> None:
    page.goto(f"/transcripts/{translated(served, owner)}")
    expect(page.locator("#at-1 + .translated")).to_be_visible()
    page.get_by_label("Find in this transcript").fill("hale")
    expect(page.locator("#found")).to_have_text("1 of 1")  # of the original only
    page.locator("#at-1 a").focus()
    page.keyboard.press("F2")
    page.keyboard.press("Control+a")
    page.keyboard.type("Herr Hale ist krank.")
    page.keyboard.press("Enter")
    expect(page.locator("#at-1 p")).to_have_text("Herr Hale ist krank.")
    expect(page.locator("#at-1 + .translated")).to_have_text("Mr. Hale was ill.")
    expect(page.locator("#edit-state")).to_have_text("Saved")
    page.locator("#at-1 a").focus()
    page.keyboard.press("F2")
    expect(page.locator("#at-1 textarea")).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("Backspace")  # joined: its translation is one line, too
    expect(page.locator("#at-0 textarea")).to_have_value("Margarete sagte, Herr Hale ist krank.")
    page.keyboard.press("Enter")
    expect(page.locator("#at-0 + .translated")).to_have_text("Margaret said Mr. Hale was ill.")


def test_a_recording_that_is_gone_is_told(served: Served, owner: User, page: Page) -> None:
    id = kept(served, owner)
    page.goto(f"/transcripts/{id}")
    page.get_by_role("button", name="Translate into English").click()
    dialog = page.get_by_role("dialog", name="Translation")
    expect(dialog.get_by_label("Model")).to_have_value("own")
    served.appliance.recordings.delete(id)
    dialog.get_by_role("button", name="Translate").click()
    expect(dialog.get_by_role("alert")).to_have_text(
        "The recording is not kept any more, so it cannot be translated."
    )
    page.reload()
    page.get_by_role("button", name="Translate into English").click()
    expect(dialog).to_contain_text("The recording is not kept, so it cannot be translated.")
    expect(dialog.locator("form")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#at-0 p")).to_have_text("Margarete sagte,")


def test_english_is_not_offered_to_be_translated(served: Served, owner: User, page: Page) -> None:
    page.goto(f"/transcripts/{served.keep(' In English.', title='Talk', owner=owner.id)}")
    expect(page.locator("#at-0")).to_be_visible()
    expect(page.get_by_role("button", name="Translate into English")).to_be_hidden()


def test_a_download_has_the_translation_where_it_is_wanted(served: Served, owner: User, page: Page) -> None:
    page.goto(f"/transcripts/{translated(served, owner)}")
    expect(page.locator(".translated").first).to_be_visible()
    page.locator("[data-slot=downloads] summary").click()
    page.get_by_role("link", name="More formats").click()
    box = page.get_by_label("With the translation beside it, where there is one")
    expect(box).not_to_be_checked()
    box.check()
    with page.expect_download() as download:
        page.get_by_role("dialog", name="Download").get_by_role("button", name="Download").click()
    text = download.value.path().read_text()
    assert text.splitlines()[:2] == [
        "Ada: Margarete sagte, Herr Hale sei krank.", "Margaret said Mr. Hale was ill."
    ]  # fmt: skip


@pytest.mark.parametrize("width", [1280, 390])
def test_a_public_link_shows_the_translation_that_there_is(
    served: Served, owner: User, page: Page, axe: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    link = served.appliance.shares.create_link(translated(served, owner), by=owner.id).token
    page.goto(f"/shared/{link}")
    expect(page.locator(".translated")).to_have_text(["Margaret said", "Mr. Hale was ill.", "Since when?"])
    expect(page.locator(".translated").first).to_have_attribute("lang", "en")
    assert barriers_in_both_themes(page, axe) == []
    button = page.get_by_role("button", name="English beside", pressed=True)
    assert button.evaluate("each => each.scrollWidth <= each.clientWidth")
    button.click()
    expect(page.locator(".translated")).to_have_count(0)
    expect(page.locator("#at-0 p")).to_have_text("Margarete sagte,")
    without = served.appliance.shares.create_link(kept(served, owner), by=owner.id).token
    page.goto(f"/shared/{without}")
    expect(page.locator("#at-0 p")).to_have_text("Margarete sagte,")
    expect(page.locator("#show-translation")).to_be_hidden()


def test_who_reads_is_told_when_the_translation_of_another_one_is_not_made_any_more(
    served: Served, owner: User, page: Page, chromium: Browser
) -> None:
    id = kept(served, owner)
    reader = an_account(served.appliance, "member", "rea")
    served.appliance.shares.share_with(id, reader.name, by=owner.id)
    served.appliance.queue.pause(owner.id)
    context = served.browser_of(chromium, reader)
    reading = context.new_page()
    reading.goto(f"/transcripts/{id}")
    expect(reading.locator("#at-0 p")).to_have_text("Margarete sagte,")
    page.goto(f"/transcripts/{id}")
    page.get_by_role("button", name="Translate into English").click()
    page.get_by_role("dialog", name="Translation").get_by_role("button", name="Translate").click()
    reading.reload()
    expect(reading.locator("#translation-state")).to_have_text("The translation waits for its turn.")
    expect(reading.locator("#translation-cancel")).to_be_hidden()
    page.get_by_role("button", name="Cancel the translation").click()
    expect(page.locator("#translation-state")).to_be_empty()
    expect(reading.locator("#translation-state")).to_be_empty()
    served.appliance.queue.resume(owner.id)
    context.close()
