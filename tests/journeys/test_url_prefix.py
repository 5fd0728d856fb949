"""The appliance as a part of another site: everything that a browser asks for is below the prefix."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import new_browser
from tests.support.client import PASSWORD
from tests.support.pages import add_files, card, wait_done
from tests.support.program import Server, running

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PREFIX = "/stt"
PAGES = [
    "/",
    "/history",
    "/docs",
    "/docs/sockets",
    "/trust",
    "/account",
    "/connect",
    "/admin/settings",
    "/no",
]
LINKS = "[...document.links].filter((link) => link.origin === origin).map((link) => link.pathname)"
OPEN_SOCKET = """new Promise((resolve) => {
    const address = document.documentElement.dataset.root + "/socket.io/?EIO=4&transport=websocket";
    const socket = new WebSocket(location.origin.replace("http", "ws") + address);
    socket.onopen = () => resolve("open");
    socket.onerror = () => resolve("refused");
})"""


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[Server]:
    """An appliance that knows it is a part of another site."""
    settings = {"URL_PREFIX": PREFIX, "KEEP_AUDIO": "everyone", "ADMIN_PASSWORD": PASSWORD}
    with running(tmp_path_factory.mktemp("prefixed"), model_dir, "tiny.en", settings) as program:
        program.wait_for_model()
        yield program


@pytest.fixture
def page(chromium: Browser, appliance: Server) -> Iterator[Page]:
    """A tab. At the end, all requests went below the prefix."""
    context = new_browser(chromium, appliance)
    page = context.new_page()
    outside: list[str] = []

    def check(url: str) -> None:
        if url.startswith(("http", "ws")) and not urlsplit(url).path.startswith(f"{PREFIX}/"):
            outside.append(url)

    page.on("request", lambda request: check(request.url))
    page.on("websocket", lambda socket: check(socket.url))
    yield page
    context.close()
    assert not outside


def test_a_recording_is_transcribed_and_heard_below_a_prefix(page: Page, beckett: Path) -> None:
    page.goto(f"{PREFIX}/sign-in?next=/history")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(rf"{PREFIX}/history$"))
    page.goto(f"{PREFIX}/")
    add_files(page, beckett)
    done = card(page, "beckett")
    wait_done(done)
    done.get_by_role("link", name="Open").click()
    expect(page).to_have_url(re.compile(rf"{PREFIX}/transcripts/[0-9a-f]{{32}}$"))
    expect(page.locator("#words")).to_contain_text(re.compile("try again", re.IGNORECASE))
    page.locator("#tools summary", has_text="Download").click()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Subtitles .srt").click()
    assert "-->" in saved.value.path().read_text()
    for address in PAGES:
        page.goto(PREFIX + address, wait_until="load")
        links = page.evaluate(LINKS)
        assert all(link.startswith(f"{PREFIX}/") for link in links), links
    assert page.evaluate(OPEN_SOCKET) == "open"
