"""What this browser has transcribed: found, renamed, deleted, restored, read."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.support.pages import copied, named, transcribe

pytestmark = pytest.mark.browser


def rows(page: Page) -> Locator:
    """The transcripts that are listed."""
    return page.locator("#rows .row:not(.skeleton)")


def test_a_transcript_is_renamed_in_place_and_found_by_its_new_title(page: Page, beckett: Path) -> None:
    transcribe(page, beckett)
    page.goto("/history")
    page.get_by_role("button", name="Rename beckett").click()
    page.get_by_label("Title", exact=True).fill("Worstward <i>Ho</i>")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Worstward <i>Ho</i>", exact=True)).to_be_visible()
    page.get_by_label("Search titles and words").fill("worstward")
    expect(rows(page)).to_have_count(1)
    page.get_by_label("Search titles and words").fill("matter")
    expect(rows(page).locator("mark")).to_have_text("matter")
    page.get_by_label("Search titles and words").fill("nothingofthekind")
    expect(page.locator("#empty")).to_contain_text("Nothing with")


def test_a_deleted_transcript_comes_back_with_undo_and_from_the_trash(page: Page, beckett: Path) -> None:
    transcribe(page, beckett)
    page.goto("/history")
    page.get_by_role("button", name="Delete beckett").click()
    expect(page.locator("#empty")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(rows(page)).to_have_count(1)

    page.get_by_role("button", name="Delete beckett").click()
    page.get_by_role("button", name="Trash").click()
    expect(rows(page)).to_have_count(1)
    page.get_by_role("button", name="Restore").click()
    expect(page.locator("#empty")).to_contain_text("The trash is empty")
    page.get_by_role("button", name="Transcripts").click()
    expect(rows(page)).to_have_count(1)


def test_a_transcript_is_searched_copied_deleted_and_restored_on_its_page(page: Page, cities: Path) -> None:
    transcribe(page, cities)
    page.get_by_role("link", name="Open").click()
    page.get_by_label("Find in this transcript").fill("it was")
    expect(page.locator("#found")).to_have_text(re.compile(r"^1 of \d+$"))
    page.keyboard.press("Enter")
    expect(page.locator("#found")).to_have_text(re.compile(r"^2 of \d+$"))
    page.get_by_role("button", name="Copy").click()
    copied(page, "best of times")
    page.get_by_role("button", name="Delete this transcript").click()
    expect(page.get_by_role("heading", name="Deleted")).to_be_visible()
    page.get_by_role("button", name="Restore it").click()
    expect(page.locator("#words")).to_contain_text(re.compile("wisdom", re.IGNORECASE))


def test_segments_show_their_times_and_can_be_linked_to(page: Page, cities: Path) -> None:
    transcribe(page, cities)
    page.get_by_role("link", name="Open").click()
    times = page.locator(".line:first-of-type > a")
    expect(times.first).to_have_text(re.compile(r"^0:0\d$"))
    times.last.click()
    expect(page).to_have_url(re.compile(r"#at-\d+$"))


def test_another_browser_sees_neither_the_list_nor_the_transcript(
    page: Page, context: BrowserContext, beckett: Path
) -> None:
    transcribe(page, beckett)
    page.get_by_role("link", name="Open").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("beckett")
    context.clear_cookies()
    page.reload()
    expect(page.get_by_role("heading", name="No such transcript")).to_be_visible()
    page.goto("/history")
    expect(page.locator("#empty")).to_contain_text("No transcripts yet")


def test_the_history_reports_an_unreachable_appliance_and_recovers(
    page: Page, context: BrowserContext
) -> None:
    page.goto("/history")
    expect(page.locator("#empty")).to_be_visible()
    context.set_offline(True)
    page.get_by_role("button", name="Trash").click()
    expect(page.locator("#offline")).to_be_visible()
    context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden()
    expect(page.locator("#empty")).to_contain_text("The trash is empty")


def test_a_transcript_is_downloaded_in_any_format_with_options(page: Page, beckett: Path) -> None:
    transcribe(page, beckett)
    page.get_by_role("link", name="Open").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("beckett")
    page.keyboard.press("d")
    page.get_by_role("link", name="More formats").click()
    dialog = page.get_by_role("dialog", name="Download")
    dialog.get_by_label("With the time of each paragraph").check()
    with page.expect_download() as downloading:
        dialog.get_by_role("button", name="Download").click()
    assert downloading.value.suggested_filename == "beckett.txt"
    assert Path(downloading.value.path()).read_text().startswith("[0:00] ")
    expect(dialog).to_have_count(0)
    page.keyboard.press("d")
    page.get_by_role("link", name="More formats").click()
    dialog.get_by_label("Format").select_option("Word document (.docx)")
    expect(dialog.get_by_label("Lines in a caption")).to_be_hidden()
    with page.expect_download() as downloading:
        dialog.get_by_role("button", name="Download").click()
    assert Path(downloading.value.path()).read_bytes().startswith(b"PK")


def test_subtitles_from_elsewhere_are_imported(page: Page, tmp_path: Path) -> None:
    good, bad = tmp_path / "old talk.srt", tmp_path / "diary.srt"
    good.write_text("1\n00:00:01,000 --> 00:00:02,000\nHello from elsewhere\n")
    bad.write_text("nothing happened")
    page.goto("/history")
    page.locator("#import-picker").set_input_files([good, bad])
    expect(page.get_by_role("link", name="old talk")).to_be_visible()
    expect(page.locator("#import-problem")).to_contain_text("diary.srt: There is no caption in this file.")


def test_the_address_holds_the_search_and_a_hit_opens_at_its_words(page: Page, cities: Path) -> None:
    transcribe(page, cities)
    page.goto("/history")
    page.get_by_label("Search titles and words").fill("wisdom")
    expect(page.locator("#count")).to_have_text("1 transcript")
    expect(page).to_have_url(re.compile(r"\?q=wisdom$"))
    expect(rows(page).first.locator("mark").first).to_have_text(re.compile("wisdom", re.IGNORECASE))
    page.get_by_role("link", name="two_cities", exact=True).click()
    expect(page.get_by_label("Find in this transcript")).to_have_value(re.compile("wisdom", re.IGNORECASE))
    expect(page.locator("#found")).to_have_text(re.compile(r"^1 of \d+$"))
    page.go_back()
    expect(page.get_by_label("Search titles and words")).to_have_value("wisdom")
    expect(rows(page)).to_have_count(1)
    page.get_by_label("Search titles and words").fill("wisdmo")
    page.locator("#suggestion").click()
    expect(rows(page)).to_have_count(1)


def test_many_are_selected_filed_and_filtered(page: Page, beckett: Path) -> None:
    transcribe(page, *(named(f"note {number}.wav", beckett) for number in range(3)))
    page.goto("/history")
    page.get_by_label("Order").select_option("By title")
    expect(rows(page).first).to_contain_text("note 0")
    page.get_by_label("Select note 0").check()
    page.get_by_label("Select note 2").click(modifiers=["Shift"])
    expect(page.locator("#bar-count")).to_have_text("3 selected")
    page.get_by_label("Tags, divided by commas").fill("<b>board</b>, draft")
    page.keyboard.press("Enter")
    expect(rows(page).first).to_contain_text("<b>board</b>")
    page.get_by_label("Select note 1").check()
    page.get_by_label("Folder, such as").fill("Work / Calls")
    page.get_by_role("button", name="Move", exact=True).click()
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("Folder", exact=True).select_option("Work / Calls")
    expect(rows(page)).to_have_count(1)
    page.reload()
    expect(rows(page)).to_have_count(1)
    page.get_by_role("button", name="Clear").click()
    expect(rows(page)).to_have_count(3)
    page.get_by_label("Select note 1").check()
    page.locator("#bar").get_by_role("button", name="Delete").click()
    expect(rows(page)).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(rows(page)).to_have_count(3)
