"""The panel in a browser: how the appliance is, everybody's jobs, and statistics."""

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.browser import barriers, barriers_in_both_themes, new_browser, owners_browser
from tests.support.client import PASSWORD
from tests.support.pages import add_files, named, transcribe
from tests.support.program import Server, running
from tests.support.wait import wait_until
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.app.offline_accounts import opened_accounts
from whisper_appliance.config import settings

pytestmark = pytest.mark.browser

DRAWN = """() => [...document.querySelectorAll("#curves .plot")].filter((plot) => plot.clientHeight).map(
    (plot) => {
        const canvas = plot.querySelector("canvas");
        const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        return pixels.some((value) => value > 0);
    },
)"""
PAGES = ("/admin/overview", "/admin/jobs", "/admin/statistics")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[Server]:
    """One of its own, whose owner is there from the start."""
    folder = tmp_path_factory.mktemp("panel")
    with running(
        folder, model_dir, "tiny.en", {"ADMIN_PASSWORD": PASSWORD, "WORKER_PROCESSES": "1"}
    ) as program:
        program.wait_for_model()
        yield program


@pytest.fixture(scope="module")
def owners(chromium: Browser, program: Server) -> Iterator[BrowserContext]:
    with owners_browser(chromium, program) as context:
        yield context


@pytest.fixture
def context(owners: BrowserContext) -> BrowserContext:
    return owners


@pytest.fixture
def visitor(chromium: Browser, program: Server) -> Iterator[Page]:
    """Somebody else, without an account."""
    context = new_browser(chromium, program)
    yield context.new_page()
    context.close()


def nobody_is_kept_out(page: Page, axe: str) -> None:
    """In both themes."""
    page.emulate_media(reduced_motion="reduce")
    assert barriers_in_both_themes(page, axe) == []


def test_the_overview_shows_which_limits_were_reached(page: Page, axe: str, program: Server) -> None:
    page.goto("/admin/overview")
    expect(page.locator("#limits-reached")).to_contain_text("No limit was reached.")
    with ExitStack() as opened:
        for _ in range(150):
            raw = socket.create_connection(("127.0.0.1", program.port), 20, ("127.0.0.9", 0))
            opened.callback(raw.close)
        row = page.locator("#limits-reached tbody tr")
        expect(row).to_contain_text(re.compile(r"Connections of one address.*128.*\d+ time"))
    page.get_by_text("Limits that were not reached", exact=True).first.click()
    expect(page.locator("#limits-others")).to_contain_text("UPLOADS_PER_ADDRESS")
    nobody_is_kept_out(page, axe)


def test_the_overview_charts_the_load(page: Page, axe: str, visitor: Page, beckett: Path) -> None:
    page.goto("/")
    page.get_by_role("link", name="Admin", exact=True).click()
    expect(page.locator("#health-word")).to_have_text("Everything works.")
    expect(page.locator("#card-memory .figure")).to_contain_text(" of ")
    wait_until(lambda: all(page.evaluate(DRAWN)))
    transcribe(visitor, beckett)
    expect(page.locator("#card-speed .facts")).to_contain_text("× real time")
    expect(page.locator("#engines tbody")).to_contain_text("tiny.en")
    expect(page.locator("#day-count")).to_have_text("1 recording")
    nobody_is_kept_out(page, axe)
    page.get_by_role("button", name="24 hours").click()
    expect(page.get_by_role("button", name="24 hours")).to_have_attribute("aria-pressed", "true")
    page.locator("#card-cpu .plot").hover()
    expect(page.locator("#card-cpu .figure")).not_to_be_empty()


def test_a_chart_shows_the_moment_under_the_pointer(page: Page) -> None:
    page.goto("/admin/overview")
    expect(page.locator("#card-cpu .facts")).to_contain_text("average")
    box = page.locator("#card-cpu .u-over").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] - 3, box["y"] + 20)
    for card in ("cpu", "memory"):
        expect(page.locator(f"#card-{card} .facts")).to_contain_text("at ")
    page.mouse.move(0, 0)
    expect(page.locator("#card-cpu .facts")).to_contain_text("average")


def test_the_job_of_somebody_else_is_cancelled_and_its_words_are_not_shown(
    page: Page, axe: str, visitor: Page, long_recording: Path
) -> None:
    visitor.goto("/")
    add_files(visitor, long_recording)
    page.goto("/admin/jobs")
    row = page.locator("#jobs tbody tr", has_text="Visitor").first
    expect(row).to_contain_text("running")
    assert "long story" not in page.content()
    nobody_is_kept_out(page, axe)
    row.get_by_role("button", name="Cancel").click()
    assert barriers(page, axe) == []
    page.get_by_role("button", name="Cancel the job", exact=True).click()
    expect(row).to_contain_text("cancelled")
    page.get_by_label("State").select_option("failed")
    expect(page.locator("#jobs tbody")).to_have_text("No recordings here.")


def test_statistics_are_charts_and_tables(page: Page, axe: str, visitor: Page, beckett: Path) -> None:
    transcribe(visitor, named("again.wav", beckett))
    page.goto("/admin/statistics")
    expect(page.locator("#groups tbody tr")).to_have_count(1)
    expect(page.locator("#groups tbody")).to_contain_text("English")
    page.locator("#by").select_option("model")
    expect(page.locator("#groups tbody")).to_contain_text("tiny.en")
    page.get_by_text("Show each day").click()
    expect(page.locator("#table tbody tr")).to_have_count(1)
    nobody_is_kept_out(page, axe)


@pytest.mark.parametrize("width", [320, 390, 820, 1440])
def test_no_page_scrolls_sideways(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    for address in PAGES:
        page.goto(address)
        page.wait_for_load_state("load")
        expect(page.locator("tbody tr").first).to_be_attached()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address


def test_a_revoked_session_stops_the_overview(page: Page, program: Server) -> None:
    page.goto("/admin/overview")
    expect(page.locator("#card-memory .figure")).to_contain_text(" of ")
    with opened_accounts(settings.load(data_dir=program.data_dir)) as accounts:
        accounts.sessions.end_others(accounts.users.by_name("admin").id, by=SHELL)
    # An older tab may have been told first, and have lost the cookie: then it is "Sign in to do this."
    expect(page.locator("#problem-text")).to_contain_text(re.compile("session has ended|Sign in"))
