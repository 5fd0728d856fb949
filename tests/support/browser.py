"""Chromium as a person's browser, and axe, which finds barriers on a page."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.client import PASSWORD
from tests.support.program import Server

ROOT = Path(__file__).parents[2]
AXE = ROOT / "node_modules/axe-core/axe.min.js"
CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first is Chromium without the windows of a desktop: half of the processor time."""
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium_path() -> str | None:
    """The program; None: none is installed."""
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


def new_browser(chromium: Browser, appliance: Server, *, bypass_csp: bool = False) -> BrowserContext:
    """A browser with nothing in it yet."""
    context = chromium.new_context(
        base_url=appliance.url,
        bypass_csp=bypass_csp,
        ignore_https_errors=True,
        locale="en-GB",
        viewport={"width": 1100, "height": 800},
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.set_default_timeout(60_000)
    return context


STILL = """document.getAnimations().every(({ effect, playState }) =>
    playState !== "running" || effect.getComputedTiming().endTime === Infinity)"""


def barriers_in_both_themes(page: Page, axe: str) -> list[str]:
    """What axe finds in the light theme, and what it finds about the colours of the dark one."""
    page.emulate_media(color_scheme="dark")
    dark = barriers(page, axe, "color-contrast", "link-in-text-block")
    page.emulate_media(color_scheme="light")
    return dark + barriers(page, axe)


def barriers(page: Page, axe: str, *rules: str) -> list[str]:
    """What axe finds on the page once colours have faded to what they become; by all rules, or by some."""
    page.wait_for_function(STILL, polling=20)
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe)
    options = {"resultTypes": ["violations"]} | ({"runOnly": [*rules]} if rules else {})
    found: dict[str, Any] = page.evaluate("(options) => axe.run(document, options)", options)
    return [
        f"{each['id']}: {each['help']}: {each['nodes'][0]['html']}: {each['nodes'][0]['failureSummary']}"
        for each in found["violations"]
    ]


def sign_in(page: Page) -> None:
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


@contextmanager
def owners_browser(chromium: Browser, appliance: Server) -> Iterator[BrowserContext]:
    """A browser in which the owner of ADMIN_PASSWORD is signed in."""
    context = new_browser(chromium, appliance, bypass_csp=True)
    page = context.new_page()
    page.goto("/sign-in")
    sign_in(page)
    expect(page).to_have_url(f"{appliance.url}/")
    page.close()
    yield context
    context.close()
