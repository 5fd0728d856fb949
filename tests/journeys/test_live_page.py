"""Speaking, as people do it: a real browser whose microphone is a recording, and the real program."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.browser import AXE, barriers, barriers_in_both_themes, chromium_path, new_browser
from tests.support.microphone import speaker, speaking, spoken
from tests.support.program import Server

pytestmark = pytest.mark.browser
PATIENCE_MILLISECONDS = 60_000  # engines are slow where many things run at once
EIGHT_SECONDS = re.compile(r"Stop recording, (0:0[89]|0:[1-5]\d|[1-9])")
TWO_SECONDS = re.compile(r"Stop recording, (0:0[2-9]|0:[1-5]\d|[1-9])")
"""Names of the button after so long, or longer."""
OLDER = {
    "webm": "delete window.AudioWorkletNode;",
    "mp4": "delete window.AudioWorkletNode; MediaRecorder.isTypeSupported = (type) => type === 'audio/mp4';",
}
"""Browsers that have to record by their MediaRecorder, and into what."""

PEERS = """
    const Peer = RTCPeerConnection;
    window.peers = [];
    window.RTCPeerConnection = class extends Peer {
        constructor(...options) { super(...options); peers.push(this); }
    };
"""
"""The page's WebRTC connections, for a test that breaks them."""

READ = """async () => {
    const page = document.querySelector("script[type=module]").src;
    const { CaptionView } = await import(page.replace("pages/captions", "live/caption-view"));
    const { Autoscroll } = await import(page.replace("pages/captions", "ui/autoscroll"));
    const byId = (id) => document.getElementById(id);
    const [box, newest, place, log] = ["box", "newest", "words", "spoken"].map(byId);
    const autoscroll = new Autoscroll(box, newest);
    const captions = new CaptionView(place, log, () => autoscroll.update());
    let farthest = 0;
    for (let i = 0; i < 300; i += 1) {
        captions.apply("commit", { i, words: [{ w: i % 30 ? " word" : " end.", t0: i, t1: i + 0.5 }] });
        captions.apply("partial", { after: i + 1, text: " perhaps", t0: i + 1 });
        await new Promise(requestAnimationFrame);
        farthest = Math.max(farthest, box.scrollHeight - box.scrollTop - box.clientHeight);
    }
    const again = (i) => ({ w: i % 30 ? " again" : " end.", t0: i, t1: i + 0.5 });
    captions.show({ words: Array.from({ length: 300 }, (_, i) => again(i)) });
    await new Promise((done) => setTimeout(done, 100));
    farthest = Math.max(farthest, box.scrollHeight - box.scrollTop - box.clientHeight);
    box.scrollTop = 0;
    await new Promise((done) => setTimeout(done, 100));
    captions.apply("commit", { i: 300, words: [{ w: " last", t0: 300, t1: 301 }] });
    return { farthest, scrolledUp: box.scrollTop === 0 && !newest.hidden };
}"""
"""Many paragraphs come, all come again as after a lost connection, and then the reader scrolls up."""


@pytest.fixture(scope="package")
def microphone(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory, beckett: Path
) -> Iterator[Browser]:
    """A browser that hears Beckett."""
    path = chromium_path()
    assert path
    wav = spoken(beckett, tmp_path_factory.mktemp("microphone") / "beckett.wav")
    with speaking(chromium, path, wav) as browser:
        yield browser


@pytest.fixture
def context(microphone: Browser, program: Server) -> Iterator[BrowserContext]:
    """Somebody who is about to speak."""
    context = speaker(microphone, program)
    yield context
    context.close()


def speak(page: Page) -> None:
    """Presses the one button; words come."""
    page.goto("/")
    page.get_by_role("button", name="Speak").click()
    expect(page.locator("#live")).to_have_attribute("data-state", "on")
    said(page, "tried")


def said(page: Page, words: str, box: str = "#live-words") -> None:
    """Waits until these words are on the page."""
    expect(page.locator(box)).to_contain_text(re.compile(words, re.IGNORECASE), timeout=PATIENCE_MILLISECONDS)


def stop(page: Page) -> None:
    """Ends the recording; its transcript opens."""
    page.get_by_role("button", name="Stop and open the transcript").click()
    page.wait_for_url(re.compile(r"/transcripts/[0-9a-f]{32}$"), timeout=PATIENCE_MILLISECONDS)


@pytest.mark.slow
def test_captions_appear_during_speech_and_the_transcript_is_saved(page: Page) -> None:
    speak(page)
    said(page, "fail better")
    expect(page.locator("#live")).to_have_attribute("data-state", "on")
    stop(page)
    said(page, "fail better", "#words")
    expect(page.locator("#player-kept")).to_contain_text("Size:")  # it comes with the better words
    page.goto("/history")
    expect(page.locator("#rows .row:not(.skeleton)")).to_have_count(1)


@pytest.mark.slow
def test_a_recording_without_captions_is_transcribed_also_after_a_reload(page: Page) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/")
    only_record, take = (page.get_by_role("button", name=name) for name in ("Only record", "Transcribe it"))
    only_record.click()
    expect(page.get_by_role("button", name=EIGHT_SECONDS)).to_be_visible()
    expect(page.get_by_role("button", name="Speak", exact=True)).to_be_disabled()
    page.reload()
    only_record.click()  # who missed the offer has the earlier recording still
    page.get_by_role("button", name=TWO_SECONDS).click()
    expect(page.locator('.card[data-state="done"]')).to_have_count(1)
    page.route("**/transcribe", lambda route: route.abort())
    take.click()
    expect(page.locator('.card[data-state="waiting"]')).to_have_count(1)
    page.reload()
    page.unroute("**/transcribe")
    take.click()  # because the appliance does not have it yet
    expect(page.locator('.card[data-state="done"]')).to_have_count(1)
    said(page, "ever tried", ".card-text")
    page.reload()
    expect(page.locator("#latest-rows .row:not(.skeleton)").first).to_be_visible()
    expect(take).to_have_count(0)


@pytest.mark.slow
def test_speech_goes_over_webrtc_and_over_the_socket_once_that_fails(page: Page) -> None:
    page.add_init_script(PEERS)
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda data: sent.append(str(data))))
    page.goto("/?transport=webrtc")
    page.locator("#options summary").click()
    expect(page.get_by_label("Speak over WebRTC")).to_be_checked()
    page.get_by_role("button", name="Speak", exact=True).click()
    expect(page.locator("#live-facts")).to_contain_text("Over WebRTC", timeout=PATIENCE_MILLISECONDS)
    packets_before = sum('"live:audio"' in frame for frame in sent)
    said(page, "tried")
    assert sum('"live:audio"' in frame for frame in sent) == packets_before
    page.evaluate("peers.at(-1).getSenders()[0].replaceTrack(null)")  # as if the network dropped all of it
    expect(page.locator("#live-facts")).to_contain_text("because WebRTC failed")
    said(page, "fail better")
    stop(page)
    said(page, "ever tried.*ever failed.*no matter.*try again.*fail again.*fail better", "#words")
    assert len(page.locator("#words").inner_text().lower().split("ever tried")) == 2  # no words come twice


@pytest.mark.slow
@pytest.mark.parametrize("container", OLDER)
def test_a_browser_without_audio_worklet_is_transcribed_too(page: Page, container: str) -> None:
    page.add_init_script(OLDER[container])
    told: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda data: told.append(str(data))))
    speak(page)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#live")).to_have_attribute("data-state", "paused")
    expect(page.locator(".tentative:not(:empty)")).to_have_count(0, timeout=PATIENCE_MILLISECONDS)
    page.get_by_role("button", name="Continue").click()
    said(page, "fail better")
    stop(page)
    said(page, "ever tried.*fail better", "#words")
    assert any(f'"format":"{container}_' in message for message in told)


@pytest.mark.slow
def test_the_audio_of_a_tab_or_screen_is_a_source(page: Page) -> None:
    page.goto("/")
    page.locator("#source").select_option(label="Sound of a tab or screen")
    page.get_by_role("button", name="Speak").click()
    expect(page.locator("#live")).to_have_attribute("data-state", "on")
    expect(page.locator("#live-time")).to_have_text("0:02")
    page.locator("#live-source").select_option(label="Default microphone")  # the recording goes on
    said(page, "no matter")
    stop(page)


@pytest.mark.slow
def test_no_audio_is_lost_while_the_connection_is_down(page: Page) -> None:
    speak(page)
    page.context.set_offline(True)
    expect(page.locator("#live-note-text")).to_have_text(
        re.compile(r"Reconnecting. Nothing is lost: [3-9] s are waiting"), timeout=PATIENCE_MILLISECONDS
    )
    expect(page.locator("#live-note-text")).to_have_text(
        re.compile(r"Reconnecting. Nothing is lost: ([6-9]|1\d) s are waiting"), timeout=PATIENCE_MILLISECONDS
    )
    page.context.set_offline(False)
    expect(page.locator("#live-note")).to_be_hidden(timeout=PATIENCE_MILLISECONDS)
    said(page, "fail better")
    stop(page)
    said(page, "ever failed.*no matter.*try again.*fail again.*fail better", "#words")


@pytest.mark.slow
def test_a_reloaded_page_resumes_the_session_unless_it_was_paused(page: Page) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    speak(page)
    said(page, "no matter")
    page.reload()
    said(page, "ever failed.*fail better")  # the microphone begins anew
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#live")).to_have_attribute("data-state", "paused")
    page.reload()
    expect(page.locator("#live")).to_have_attribute("data-state", "left")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#live")).to_have_attribute("data-state", "on")
    said(page, "fail better.*fail better")
    stop(page)
    expect(page.locator("#title")).to_contain_text(re.compile("tried", re.IGNORECASE))


@pytest.mark.slow
def test_viewers_read_along_until_the_speaker_ends_it(page: Page, chromium: Browser, program: Server) -> None:
    speak(page)
    page.locator("#live-share summary").click()
    page.locator("#share-start").click()
    expect(page.locator("#share-link")).to_have_value(re.compile("/captions/"))
    link = page.locator("#share-link").input_value()
    reader = new_browser(chromium, program, bypass_csp=True)
    phone = reader.new_page()
    phone.set_viewport_size({"width": 390, "height": 844})
    phone.goto(link)
    said(phone, "ever tried", "#words")  # said before the link was opened
    said(phone, "fail better", "#words")
    said(phone, "fail better", "#spoken")
    words = phone.locator("#words")
    size = "parseFloat(getComputedStyle(document.getElementById('words')).fontSize)"
    before = phone.evaluate(size)
    phone.get_by_role("button", name="Larger words").click()
    assert phone.evaluate(size) > before
    phone.reload()
    assert phone.evaluate(size) > before
    expect(words).to_contain_text(re.compile("fail better", re.IGNORECASE))
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert barriers(phone, AXE.read_text()) == []
    assert page.evaluate("document.getElementById('share-code').naturalWidth") > 0
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Pause").click()
    expect(phone.locator("#state")).to_have_text("Interrupted")
    page.get_by_role("button", name="Continue").click()
    expect(phone.locator("#state")).to_have_text("Live")
    phone.keyboard.press("b")
    phone.set_viewport_size({"width": 844, "height": 390})
    box = phone.locator("#box").bounding_box()
    assert box is not None
    assert box["y"] > 100
    page.locator("#live-share summary").click()
    page.locator("#share-end").click()
    expect(phone.locator("#state")).to_have_text("Ended")
    read = phone.evaluate(READ)
    assert read["farthest"] < 64
    assert read["scrolledUp"]
    reader.close()


@pytest.mark.slow
def test_every_state_of_the_live_view_is_accessible(page: Page) -> None:
    axe = AXE.read_text()
    speak(page)
    page.locator("#live-share summary").click()
    assert barriers_in_both_themes(page, axe) == []
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    expect(page.locator("#live")).to_have_attribute("data-state", "paused")
    expect(page.locator(".tentative:not(:empty)")).to_have_count(0)  # a pause settles what was said
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.set_viewport_size({"width": 844, "height": 390})
    words = page.locator("#live-box").bounding_box()
    assert words is not None
    assert words["height"] > 390 / 2
    page.locator("summary", has_text="Size and contrast").click()
    page.get_by_role("button", name="Contrast").click()
    assert barriers_in_both_themes(page, axe) == []
    assert barriers(page, axe) == []


def test_a_microphone_that_is_refused_is_explained(chromium: Browser, program: Server) -> None:
    context = new_browser(chromium, program, bypass_csp=True)
    page = context.new_page()
    page.goto("/")
    page.keyboard.press("r")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        re.compile("not allowed|No microphone was found")
    )
    assert barriers(page, AXE.read_text()) == []
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_role("button", name="Speak")).to_be_focused()
    context.close()


def test_an_insecure_page_explains_what_to_do(chromium: Browser, program: Server) -> None:
    context = new_browser(chromium, program)
    context.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false });")
    page = context.new_page()
    page.goto("/")
    page.keyboard.press("r")
    expect(page.get_by_role("heading", level=1)).to_have_text("This page needs HTTPS to listen")
    page.get_by_role("link", name="How to connect securely").click()
    page.wait_for_url("**/trust")
    context.close()
