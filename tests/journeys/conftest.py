"""The whole program with a real model, and people with a real browser in front of it."""

import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from tests.support.browser import ARGUMENTS, AXE, chromium_path, new_browser
from tests.support.program import Server, running

expect.set_options(timeout=60_000)  # engines are slow where many things run at once


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Path:
    """A folder of models that holds tiny.en."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "tiny.en").symlink_to(tiny_en)
    return folder


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[Server]:
    """The real program with tiny.en, ready; one for all tests, each of which is a browser of its own."""
    # one window at a time: a long recording in the background leaves a core to the browser
    settings = {
        "KEEP_AUDIO": "everyone",
        "WORKER_PROCESSES": "1",
        "URL_IMPORTS": "true",
        "URL_IMPORTS_PRIVATE": "true",
    }
    with running(tmp_path_factory.mktemp("appliance"), model_dir, "tiny.en", settings) as program:
        program.wait_for_model()
        yield program


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for the journeys; Playwright keeps an event loop going, which other tests must not meet."""
    path = chromium_path()
    if path is None:
        pytest.skip("Chromium is not installed: apt-get install chromium-headless-shell")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser, program: Server) -> Iterator[BrowserContext]:
    """A browser without cookies or storage."""
    context = new_browser(chromium, program)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, program: Server) -> Iterator[Page]:
    """A tab. At the end no script has failed, and all requests went to the appliance."""
    page = context.new_page()
    faults: list[str] = []
    strangers: list[str] = []

    def check(request: Request) -> None:
        if not request.url.startswith((program.url, "data:", "blob:")):
            strangers.append(request.url)

    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if _is_fault(message.text) else None)
    page.on("request", check)
    yield page
    assert not faults
    assert not strangers


def _is_fault(text: str) -> bool:
    """What a policy refused; an answer with an error status is no fault of the page."""
    return "Content Security Policy" in text or "Refused to" in text


@pytest.fixture(scope="session")
def long_recording(tmp_path_factory: pytest.TempPathFactory, cities: Path) -> Path:
    """Several minutes of speech, so that a job runs long enough to be seen."""
    path = tmp_path_factory.mktemp("audio") / "long story.wav"
    with wave.open(str(cities)) as source, wave.open(str(path), "wb") as target:
        target.setparams(source.getparams())
        frames = source.readframes(source.getnframes())
        for _ in range(12):
            target.writeframes(frames)
    return path


@pytest.fixture(scope="session")
def axe() -> str:
    """The checker's source."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: ./scripts/dev.sh setup, or npm ci")
    return AXE.read_text()
