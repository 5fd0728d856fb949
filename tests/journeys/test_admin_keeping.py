"""The panel in a browser: the log as it is written, backups and the way back, new versions."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.browser import barriers_in_both_themes, owners_browser
from tests.support.client import PASSWORD
from tests.support.program import Server, running

pytestmark = pytest.mark.browser

PASSPHRASE = "correct horse battery"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[Server]:
    """One of its own that logs every request."""
    settings = {
        "ADMIN_PASSWORD": PASSWORD,
        "BACKUP_PASSPHRASE": PASSPHRASE,
        "LOG_LEVEL": "DEBUG",
        "MODEL_WARM_UP": "false",
    }
    with running(tmp_path_factory.mktemp("keeping"), model_dir, "tiny.en", settings) as program:
        program.wait_for_model("idle")
        yield program


@pytest.fixture(scope="module")
def owners(chromium: Browser, program: Server) -> Iterator[BrowserContext]:
    with owners_browser(chromium, program) as context:
        yield context


@pytest.fixture
def context(owners: BrowserContext) -> BrowserContext:
    return owners


def assert_usable(page: Page, axe: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    assert barriers_in_both_themes(page, axe) == []
    for width in (320, 390, 1100):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_log_is_followed_filtered_and_paused(page: Page, axe: str) -> None:
    page.goto("/admin/logs")
    page.get_by_label("Level").select_option("debug")
    page.get_by_label("Text").fill("404")
    lines = page.locator("#log li")
    expect(page.get_by_text("Following the log")).to_be_visible()
    page.request.get("/nowhere/<b>markup</b>")
    expect(lines.last).to_contain_text("/nowhere/<b>markup</b>")
    assert lines.locator("b", has_text="markup").count() == 0
    answer = page.request.get("/nowhere/else")
    expect(lines.last).to_contain_text("/nowhere/else")
    assert_usable(page, axe)

    page.get_by_role("button", name="Pause").click()
    page.request.get("/nowhere/later")
    expect(page.locator("#log-state")).to_contain_text("1 line waits")
    assert "/nowhere/later" not in page.locator("#log").inner_text()
    page.get_by_role("button", name="Go on").click()
    expect(lines.last).to_contain_text("/nowhere/later")

    page.get_by_label("Text").fill("")
    page.get_by_label("Request or job").fill(answer.headers["x-request-id"])
    expect(lines).to_have_count(1)
    expect(lines).to_contain_text("/nowhere/else")


def test_the_support_bundle_is_downloaded(page: Page) -> None:
    page.goto("/admin/logs")
    with page.expect_download() as bundle:
        page.get_by_role("link", name="Support bundle").click()
    assert bundle.value.suggested_filename == "whisper-appliance-support.zip"


def test_a_backup_is_downloaded_staged_and_discarded(page: Page, axe: str, tmp_path: Path) -> None:
    page.goto("/admin/backups")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download a backup").click()
    download.value.save_as(tmp_path / "all.tar.age")
    expect(page.locator("#copies-text")).to_contain_text("New ones are encrypted with BACKUP_PASSPHRASE")
    page.get_by_role("button", name="Copy it now").click()
    expect(page.locator("#toast")).to_contain_text("was copied")
    expect(page.locator("#copies tbody tr").first).to_contain_text(".sqlite.age")

    page.get_by_label("A backup, or a copy").set_input_files(tmp_path / "all.tar.age")
    page.get_by_label("Passphrase, if").fill(PASSPHRASE)
    page.get_by_role("button", name="Restore", exact=True).click()
    page.get_by_label("Type restore to go on").fill("restore")
    page.get_by_role("button", name="Restore at the next start").click()
    expect(page.get_by_role("heading", name="A backup waits for the next start")).to_be_visible()
    assert_usable(page, axe)
    page.get_by_role("button", name="Drop it").click()
    expect(page.get_by_role("heading", name="A backup waits for the next start")).to_be_hidden()

    page.get_by_label("A backup, or a copy").set_input_files(
        {"name": "holiday.jpg", "mimeType": "image/jpeg", "buffer": b"\xff\xd8" * 1000}
    )
    page.get_by_role("button", name="Restore", exact=True).click()
    page.get_by_label("Type restore to go on").fill("restore")
    page.get_by_role("button", name="Restore at the next start").click()
    expect(page.locator("#restore-wrong")).to_contain_text("not a backup")


def test_the_updates_page_explains_updating_without_network(page: Page, axe: str) -> None:
    page.goto("/admin/updates")
    expect(page.get_by_text("The update check is off")).to_be_visible()
    expect(page.get_by_label("Commands to update")).to_contain_text("backup ~/before-update.tar")
    expect(page.get_by_label("Commands to go back")).to_contain_text("restore ~/before-update.tar")
    assert_usable(page, axe)
