"""The panel in a browser: models, settings, HTTPS, and a restart that the page waits for."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.browser import barriers, barriers_in_both_themes, owners_browser
from tests.support.certificates import make
from tests.support.client import PASSWORD
from tests.support.program import Server, running

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = ("/admin/models", "/admin/settings", "/admin/certificate")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[Server]:
    """One of its own that somebody watches over; the environment does not say which model is the default."""
    settings = {"ADMIN_PASSWORD": PASSWORD, "SUPERVISED": "true", "TRASH_DAYS": "9", "MODEL_WARM_UP": "false"}
    with running(tmp_path_factory.mktemp("machine"), model_dir, "", settings, restarts=True) as program:
        program.wait_for_model("idle")
        yield program


@pytest.fixture(scope="module")
def owners(chromium: Browser, program: Server) -> Iterator[BrowserContext]:
    with owners_browser(chromium, program) as context:
        yield context


@pytest.fixture
def context(owners: BrowserContext) -> BrowserContext:
    return owners


@pytest.mark.parametrize("address", PAGES)
def test_pages_are_accessible_and_do_not_scroll_sideways(page: Page, axe: str, address: str) -> None:
    page.goto(address)
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    assert barriers_in_both_themes(page, axe) == []
    for width in (320, 390, 820, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_model_is_verified_loaded_made_the_default_and_unloaded(page: Page, axe: str) -> None:
    page.goto("/admin/models")
    card = page.locator('.model[data-name="tiny.en"]')
    card.get_by_role("button", name="Load tiny.en").click()
    expect(card.get_by_role("button", name="Unload tiny.en")).to_be_enabled(timeout=60_000)
    expect(card.locator(".tag")).to_have_text("Loaded", timeout=60_000)
    expect(page.locator("#machine")).to_contain_text("used by loaded models")
    card.locator("summary").click()
    assert barriers(page, axe) == []
    card.get_by_role("button", name="Verify its files").click()
    expect(card.locator(".model-note")).to_contain_text("Every file has the right checksum.")
    card.locator("summary").click()
    card.get_by_role("button", name="Make default").click()
    expect(card.locator(".badge").first).to_be_visible()
    expect(page.locator("#here .model").first).to_have_attribute("data-name", "tiny.en")
    card.locator("summary").click()
    for refused in ("Make default", "Delete"):
        expect(card.get_by_role("button", name=refused)).to_be_disabled()
        expect(card.get_by_role("button", name=refused)).to_contain_text("It is the default.")
    assert barriers(page, axe) == []
    card.locator("summary").click()
    card.get_by_role("button", name="Unload tiny.en").click()
    expect(card.locator(".tag")).to_have_text("On this machine")


def test_a_model_is_imported_and_deleted_by_name(page: Page, axe: str, tiny_en: Path) -> None:
    page.goto("/admin/models")
    page.get_by_label("Folder").fill(str(tiny_en))
    page.get_by_label("Name here").fill("mine")
    page.get_by_role("button", name="Import").click()
    card = page.locator('.model[data-name="mine"]')
    expect(card.locator(".tag")).to_have_text("On this machine")
    card.locator("summary").click()
    card.get_by_role("button", name="Delete").click()
    page.locator("#confirm-name").fill("mime")
    page.locator("#confirm-yes").click()
    expect(page.locator("#confirm-wrong")).to_have_text("That is not mine.")
    assert barriers(page, axe) == []
    page.locator("#confirm-name").fill("mine")
    page.locator("#confirm-yes").click()
    expect(card).to_have_count(0)
    page.get_by_label("Folder").fill("here")
    page.get_by_role("button", name="Import").click()
    expect(page.locator("#import-wrong")).to_contain_text("absolute path")


def test_changed_settings_all_apply_after_a_restart(page: Page, axe: str) -> None:
    page.goto("/admin/settings")
    page.get_by_label("Search settings").fill("big files")
    expect(page.locator("#common .setting:not([hidden])")).to_have_attribute("data-name", "MAX_UPLOAD_SIZE")
    row = page.locator('.setting[data-name="MAX_UPLOAD_SIZE"]')
    row.get_by_role("button", name="Change Largest file").click()
    field = row.get_by_label("Largest file", exact=True)
    expect(field).to_be_focused()
    field.fill("some")
    row.get_by_role("button", name="Save").click()
    expect(row.locator(".field-error")).to_have_text("Write a size such as 500MB.")
    assert barriers(page, axe) == []
    field.fill("7MB")
    field.press("Enter")
    expect(row.locator(".setting-value")).to_have_text("7 MB")
    expect(row.locator(".facts")).to_contain_text("set here")
    page.get_by_label("Search settings").fill("TRASH_DAYS")
    given = page.locator('.setting[data-name="TRASH_DAYS"]')
    expect(given).to_contain_text("environment")
    expect(given.get_by_role("button")).to_have_count(0)
    page.get_by_label("Search settings").fill("max_websockets")
    row = page.locator('.setting[data-name="MAX_WEBSOCKETS"]')
    row.get_by_role("button", name="Change MAX_WEBSOCKETS").click()
    row.get_by_label("MAX_WEBSOCKETS", exact=True).fill("44")
    row.get_by_role("button", name="Save").click()
    expect(row.locator(".setting-waiting")).to_have_text("After a restart: 44")
    expect(page.locator("#waiting-text")).to_contain_text("MAX_WEBSOCKETS")
    page.get_by_role("button", name="Set here").click()
    assert barriers(page, axe) == []
    page.get_by_role("button", name="Restart now").click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#restarting")).to_be_visible()
    assert barriers(page, axe) == []
    expect(page.locator("#restarting")).to_be_hidden(timeout=120_000)
    expect(page.locator('.setting[data-name="MAX_WEBSOCKETS"] .setting-value')).to_have_text("44")
    expect(page.locator('.setting[data-name="WHISPER_MODEL"] .setting-value')).to_have_text("tiny.en")
    expect(page.locator("#waiting")).to_be_hidden()


def test_an_own_certificate_is_uploaded_and_removed(page: Page, axe: str, tmp_path: Path) -> None:
    root = make("Attic Root")
    own = make("attic", root, names=["attic.example.org"])
    (tmp_path / "attic.pem").write_bytes(own.pem)
    (tmp_path / "attic.key").write_bytes(own.key_pem())
    (tmp_path / "other.key").write_bytes(root.key_pem())
    page.goto("/admin/certificate")
    expect(page.locator("#maker")).to_contain_text("This appliance")
    page.set_input_files("#own-chain", tmp_path / "attic.pem")
    page.set_input_files("#own-key", tmp_path / "other.key")
    page.get_by_role("button", name="Use this certificate").click()
    expect(page.locator("#key-wrong")).to_contain_text("belongs to none")
    page.set_input_files("#own-key", tmp_path / "attic.key")
    page.get_by_role("button", name="Use this certificate").click()
    expect(page.locator("#maker")).to_have_text("Attic Root, uploaded here")
    expect(page.locator("#warnings")).to_contain_text("none of them this machine's")
    assert barriers(page, axe) == []
    page.get_by_role("button", name="Remove the uploaded certificate").click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#maker")).to_contain_text("This appliance")
    page.get_by_label("Names, separated by commas").fill("attic.home.arpa")
    page.get_by_role("button", name="Save names").click()
    expect(page.locator("#names")).to_contain_text("attic.home.arpa")
