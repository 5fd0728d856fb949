"""What people do on the pages, in a word each."""

import base64
import re
from pathlib import Path
from typing import TypedDict

from playwright.sync_api import Locator, Page, expect

from tests.support.wait import wait_until

DONE_MILLISECONDS = 60_000


class Payload(TypedDict):
    """A file as the browser hands it over."""

    name: str
    mimeType: str
    buffer: bytes


def named(name: str, path: Path) -> Payload:
    """The same speech as another recording, because its file ends with its name, in a chunk of its own."""
    chunk = name.encode() + b"\0" * (len(name.encode()) % 2)
    own = b"note" + len(chunk).to_bytes(4, "little") + chunk
    return {"name": name, "mimeType": "audio/wav", "buffer": path.read_bytes() + own}


def add_files(page: Page, *files: Path | Payload) -> None:
    """Chooses files with the picker."""
    paths = [file for file in files if isinstance(file, Path)]
    payloads = [file for file in files if not isinstance(file, Path)]
    page.set_input_files("#picker", paths or payloads)


def drop_file(page: Page, file: Payload) -> None:
    """Drops a file in the middle of the page, as from the desktop."""
    transfer = page.evaluate_handle(
        """([name, type, base64]) => {
            const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name, { type }));
            return transfer;
        }""",
        [file["name"], file["mimeType"], _base64(file["buffer"])],
    )
    for kind in ("dragenter", "dragover", "drop"):
        page.dispatch_event("main", kind, {"dataTransfer": transfer})


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def holds(page: Page, condition: str) -> None:
    """Waits until an expression is true in the page, without `eval`, which Playwright's own way needs."""
    wait_until(lambda: bool(page.evaluate(condition)))


def copied(page: Page, pattern: str) -> str:
    """The text in the clipboard, once it has this pattern: it arrives a moment after the click."""

    def text() -> str | None:
        found = str(page.evaluate("navigator.clipboard.readText()"))
        return found if re.search(pattern, found, re.IGNORECASE) else None

    return wait_until(text)


def card(page: Page, title: str) -> Locator:
    """The card of one recording."""
    return page.locator(".card", has=page.get_by_role("heading", name=title, exact=False))


def wait_done(card: Locator) -> None:
    """Waits until the recording of this card is transcribed."""
    expect(card).to_have_attribute("data-state", "done", timeout=DONE_MILLISECONDS)


def transcribe(page: Page, *files: Path | Payload) -> None:
    """Opens the page, adds the files and waits until all are done."""
    page.goto("/")
    add_files(page, *files)
    expect(page.locator('.card[data-state="done"]')).to_have_count(len(files), timeout=DONE_MILLISECONDS)
