"""Chromium as a person's browser, and axe, which finds barriers on a page."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from tests.support.client import PASSWORD
from tests.support.program import Server

ROOT = Path(__file__).parents[2]
AXE = ROOT / "node_modules/axe-core/axe.min.js"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


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


def barriers(page: Page, axe: str) -> list[str]:
    """What axe finds on the page once colours have faded to what they become."""
    page.wait_for_function(STILL, polling=20)
    page.evaluate(axe)
    found: dict[str, Any] = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{each['id']}: {each['help']}: {each['nodes'][0]['html']}: {each['nodes'][0]['failureSummary']}"
        for each in found["violations"]
    ]


def sign_in(page: Page) -> None:
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
