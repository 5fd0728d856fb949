"""A long list in the library: it loads itself, stays small in the page, and keeps its place."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser import barriers
from tests.support.client import an_account
from tests.support.library import keep_recording, transcript
from tests.support.pages import holds
from tests.support.served import Served, serve_in_process
from whisper_appliance.accounts.identity import User
from whisper_appliance.audio.peaks import waveform
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.clock import written
from whisper_appliance.core.ids import new_id
from whisper_appliance.library.transcript_rows import NewTranscript, insert

pytestmark = pytest.mark.browser

COUNT = 300
NEWEST = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve_in_process(tmp_path_factory.mktemp("library")) as served:
        yield served


@pytest.fixture(scope="module")
def ann(served: Served) -> User:
    """A user with as many transcripts as do not fit into a page, one an hour."""
    ann = an_account(served.appliance)
    made = transcript()
    phrase = replace(made.segments[0], no_speech_prob=0.1, compression_ratio=1.0)  # JSON has no infinity
    words = replace(made, segments=(phrase,))
    newest = ""
    with served.appliance.database.write() as connection:
        for number in range(COUNT):
            created = written(NEWEST - timedelta(hours=number))
            new = NewTranscript(new_id(), ann.id, f"note {number:03}", "upload", created)
            insert(connection, words, new)
            newest = newest or new.id
    loud = np.ones(SAMPLE_RATE, np.float32)
    peaks = waveform(lambda start, stop: loud[start:stop], len(loud))
    served.appliance.recordings.write_peaks(newest, peaks)
    return ann


@pytest.fixture
def page(chromium: Browser, served: Served, ann: User) -> Iterator[Page]:
    """The library in a browser in which Ann has signed in."""
    context = served.browser_of(chromium, ann, bypass_csp=True)
    page = context.new_page()
    page.goto("/history")
    expect(title(page, 0)).to_be_visible()
    yield page
    context.close()


def title(page: Page, number: int) -> Locator:
    return page.get_by_role("link", name=f"note {number:03}", exact=True)


def scroll_to(page: Page, share: float) -> None:
    page.evaluate("share => scrollTo(0, share * document.documentElement.scrollHeight)", share)


def test_the_list_loads_itself_and_back_returns_to_its_place(page: Page) -> None:
    scroll_to(page, 1)
    expect(title(page, COUNT - 1)).to_be_in_viewport()
    assert page.locator("#rows .row").count() < COUNT
    assert title(page, COUNT - 1).locator("xpath=ancestor::li").get_attribute("aria-posinset") == str(COUNT)
    scroll_to(page, 0.5)
    holds(page, "document.querySelector('[aria-posinset=\"150\"]') !== null")
    seen = page.locator('[aria-posinset="150"] a').first
    seen.scroll_into_view_if_needed()
    name = seen.inner_text()
    seen.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.go_back()
    expect(page.get_by_role("link", name=name, exact=True)).to_be_in_viewport()


def test_rows_show_small_waveforms_also_when_they_come_back(page: Page) -> None:
    first = title(page, 0).locator("xpath=ancestor::li").locator(".mini-waveform")
    expect(first).to_be_visible()
    assert title(page, 1).locator("xpath=ancestor::li").locator(".mini-waveform").count() == 0
    scroll_to(page, 1)
    expect(title(page, COUNT - 1)).to_be_in_viewport()
    expect(first).to_have_count(0)
    scroll_to(page, 0)
    expect(first).to_be_visible()


def test_a_range_over_what_is_not_in_the_page_is_selected(page: Page) -> None:
    with page.expect_response(
        lambda response: "/api/transcripts?" in response.url and "sort=title" in response.url
    ):
        page.get_by_label("Order").select_option("By title")
    expect(title(page, 0)).to_be_visible()
    page.get_by_label("Select note 000").check()
    scroll_to(page, 1)
    page.get_by_label("Select note 290").click(modifiers=["Shift"])
    expect(page.locator("#bar-count")).to_have_text("291 selected")
    page.get_by_role("button", name="Select all 300").click()
    expect(page.locator("#bar-count")).to_have_text("300 selected")
    page.get_by_role("button", name="Favourite", exact=True).click()
    expect(page.locator("#bar")).to_be_hidden()
    expect(title(page, 290)).to_be_in_viewport()
    expect(page.get_by_role("button", name="Favourite: note 290")).to_have_attribute("aria-pressed", "true")


def test_filters_are_chips_that_the_address_holds(page: Page) -> None:
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("From", exact=True).fill("2026-02-28")
    page.get_by_label("Until", exact=True).fill("2026-02-28")
    expect(page.locator("#count")).to_have_text("24 transcripts")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Statistics").press("Enter")
    statistics = page.get_by_role("dialog", name="Statistics of this list")
    expect(statistics.locator("#statistics-total")).to_contain_text("24 transcripts")
    expect(statistics.get_by_role("row", name="Feb 2026")).to_contain_text("24")
    page.keyboard.press("Escape")
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("Edited").select_option("Edited")
    expect(page.locator("#empty")).to_contain_text("No transcript fits these filters")
    page.reload()
    page.get_by_role("button", name="Without the filter Edited").click()
    expect(page.locator("#count")).to_have_text("24 transcripts")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#count")).to_have_text("300 transcripts")


def test_selected_transcripts_are_exported_and_shared(page: Page, served: Served) -> None:
    ben = an_account(served.appliance)
    page.get_by_label("Select note 000").check()
    page.get_by_label("Select note 001").check()
    page.get_by_role("button", name="Export").click()
    dialog = page.get_by_role("dialog", name="Download")
    dialog.get_by_label("Own form of a paragraph").fill("{start}")
    dialog.get_by_role("button", name="Download").click()
    expect(dialog.get_by_role("alert")).to_contain_text("needs {text}")
    dialog.get_by_label("Own form of a paragraph").fill("{speaker}: ({start})\n{text}")
    expect(dialog.locator(".template-preview")).to_have_text("Ada: (0:02)\nGood morning.")
    expect(dialog.get_by_label("With the time of each paragraph")).to_be_disabled()
    with page.expect_download() as downloading:
        dialog.get_by_role("button", name="Download").click()
    with ZipFile(downloading.value.path()) as archive:
        assert archive.read(archive.namelist()[0]).startswith(b"(0:00)\nEver tried")
    page.get_by_role("button", name="Export").click()
    dialog.get_by_label("Format").select_option("SubRip (.srt)")
    with page.expect_download() as downloading:
        dialog.get_by_role("button", name="Download").click()
    with ZipFile(downloading.value.path()) as archive:
        assert [Path(name).suffix for name in archive.namelist()] == [".srt", ".srt"]
    page.get_by_role("button", name="Share", exact=True).click()
    sharing = page.get_by_role("dialog", name="Share")
    sharing.get_by_label("With a user").fill("nobody of this name")
    sharing.get_by_role("button", name="Share").click()
    expect(sharing.get_by_role("alert")).to_contain_text("no user of that name")
    sharing.get_by_label("With a user").fill(ben.name)
    sharing.get_by_role("button", name="Share").click()
    expect(sharing).to_be_hidden()
    assert len(served.appliance.shares.received_by(ben.id)) == 2


def test_kept_recordings_are_transcribed_again(page: Page, served: Served, ann: User) -> None:
    newest = served.appliance.transcripts.page(ann.id, limit=2).summaries
    keep_recording(served.appliance.recordings, newest[0].id, b"spoken anew", owner=ann.id)
    page.get_by_label("Select note 000").check()
    page.get_by_label("Select note 001").check()
    page.get_by_role("button", name="Transcribe again").click()
    dialog = page.get_by_role("dialog", name="Transcribe again")
    dialog.get_by_role("button", name="Transcribe again").click()
    expect(dialog).to_be_hidden()
    expect(page.locator(".toast")).to_contain_text("1 recording waits in the queue. 1 does not:")
    (job,) = served.appliance.queue.page(ann.id)[0]
    assert served.appliance.queue.wait(job.id, 60).status == "done"
    assert served.appliance.transcripts.get(job.id, ann.id).transcript.text == "spoken anew"
    served.appliance.transcripts.delete(job.id, ann.id)


@pytest.mark.parametrize("layout", ["List", "Table", "Cards"])
def test_every_layout_has_no_barriers_and_is_used_by_keyboard(page: Page, axe: str, layout: str) -> None:
    page.get_by_role("button", name=layout, exact=True).click()
    expect(title(page, 0)).to_be_visible()
    assert not barriers(page, axe)
    page.get_by_role("button", name="Statistics").click()
    expect(page.get_by_role("row", name="Feb 2026")).to_be_visible()
    assert not barriers(page, axe)
    page.keyboard.press("Escape")
    page.locator("body").press("j")
    expect(title(page, 0)).to_be_focused()
    page.keyboard.press("j")
    expect(title(page, 1)).to_be_focused()
    page.keyboard.press("x")
    expect(page.get_by_label("Select note 001")).to_be_checked()
