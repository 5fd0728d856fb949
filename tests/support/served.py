"""The application served in this process, so that a test can lay anything into it; speech is scripted."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page
from werkzeug.serving import make_server

from tests.support.accounts import CHEAP_ARGON2
from tests.support.client import PASSWORD
from tests.support.jobs import Script
from tests.support.library import transcript
from whisper_appliance.accounts.identity import User
from whisper_appliance.accounts.passwords import Passwords
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.config import settings
from whisper_appliance.config.settings import Settings
from whisper_appliance.jobs.transcription_job import JobSteps
from whisper_appliance.server.application import create_app


@dataclass(frozen=True)
class Served:
    """An appliance, and where it answers."""

    appliance: Appliance
    url: str

    def keep(self, text: str, *, title: str, owner: str) -> str:
        """Lays a transcript into the history; returns its id."""
        made = transcript(text)
        # JSON has no infinity, which the plain one holds.
        segments = tuple(replace(each, no_speech_prob=0.1, compression_ratio=1.0) for each in made.segments)
        segments = tuple(replace(each, words=()) for each in segments)
        return self.appliance.transcripts.add(replace(made, segments=segments), title=title, owner=owner)

    def browser_of(self, chromium: Browser, user: User, *, bypass_csp: bool = False) -> BrowserContext:
        """A browser with a session of this user; how to sign in has tests of its own."""
        context = chromium.new_context(
            base_url=self.url, bypass_csp=bypass_csp, locale="en-GB", viewport={"width": 1100, "height": 800}
        )
        context.set_default_timeout(60_000)
        begun = self.appliance.accounts.begin_session(user, address="127.0.0.1", agent="a test")
        context.add_cookies([{"name": "session", "value": begun.token, "url": self.url}])
        return context


def sign_in(page: Page, user: User) -> None:
    """As a person does."""
    page.goto("/sign-in")
    page.get_by_label("Name").fill(user.name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.locator("#send").click()
    page.wait_for_url("**/")


@contextmanager
def serve_in_process(folder: Path, model: str = "tiny.en", **given: object) -> Iterator[Served]:
    """Without HTTPS, on a port of its own."""
    script = Script()
    (folder / "models").mkdir()

    def make_steps(chosen: Settings, _models: object) -> JobSteps:
        return script.steps(chosen.data_dir, chosen.whisper_model)

    chosen = settings.load(
        data_dir=folder / "data", model_dir=folder / "models", whisper_model=model, model_warm_up=False,
        model_downloads=False, min_free_disk=0, https_enabled=False,
        **given,
    )  # fmt: skip
    with Appliance(chosen, make_steps=make_steps, passwords=Passwords(CHEAP_ARGON2)) as appliance:
        server = make_server("127.0.0.1", 0, create_app(appliance), threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield Served(appliance, f"http://127.0.0.1:{server.port}")
        finally:
            server.shutdown()
            server.server_close()
            thread.join(timeout=5)
