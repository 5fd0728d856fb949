"""What a page sends again by itself is the same upload; what a person chooses again is another one."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, expect

from tests.support.pages import add_files, card, wait_done

pytestmark = pytest.mark.browser


@pytest.fixture
def keys(page: Page) -> list[str]:
    """The keys of all uploads that the page has tried."""
    seen: list[str] = []

    def look(request: Request) -> None:
        if request.url.endswith("/transcribe"):
            seen.append(request.headers["idempotency-key"])

    page.on("request", look)
    return seen


def test_an_upload_broken_by_a_lost_connection_is_retried_with_the_same_key(
    page: Page, keys: list[str], beckett: Path
) -> None:
    page.goto("/")
    page.route("**/transcribe", lambda route: route.abort("connectionreset"), times=1)
    add_files(page, beckett)
    wait_done(card(page, "beckett"))
    assert len(keys) > 1
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32


def test_the_same_file_chosen_again_offers_the_transcript_that_is_there(
    page: Page, keys: list[str], beckett: Path
) -> None:
    page.goto("/")
    for count in (1, 2):
        add_files(page, beckett)
        expect(page.locator("[data-state=done]")).to_have_count(count)
    assert len(set(keys)) == 2
    first, second = (page.get_by_role("link", name="Open beckett").nth(at) for at in (0, 1))
    assert first.get_attribute("href") == second.get_attribute("href")
    expect(card(page, "beckett").first).to_contain_text("already transcribed")
    page.get_by_role("button", name="Transcribe again").click()
    expect(first).not_to_have_attribute("href", str(second.get_attribute("href")))
    wait_done(card(page, "beckett").first)
    page.goto("/history")
    expect(page.locator("#rows .row:not(.skeleton)")).to_have_count(2)
