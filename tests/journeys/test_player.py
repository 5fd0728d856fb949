"""A transcript can be heard: with keys, by its words, at another speed, and from a file that was not kept."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.audio import video
from tests.support.pages import copied, holds, transcribe

pytestmark = pytest.mark.browser

MEDIA = "document.getElementById('player-media')"


def open_transcript(page: Page, recording: Path) -> None:
    """Transcribes a recording and opens its transcript."""
    transcribe(page, recording)
    page.get_by_role("link", name="Open").click()
    expect(page.locator(".line:not(.skeleton)").first).to_be_visible()


def wait_until_playable(page: Page) -> None:
    holds(page, f"{MEDIA}.duration > 0")


def seconds(page: Page) -> float:
    return float(page.evaluate(f"{MEDIA}.currentTime"))


def test_a_recording_plays_and_its_words_follow(page: Page, beckett: Path) -> None:
    open_transcript(page, beckett)
    wait_until_playable(page)
    expect(page.locator("#player-duration")).to_have_text("0:09")
    page.keyboard.press("Space")
    expect(page.locator("#player")).to_have_attribute("data-state", "playing")
    holds(page, f"{MEDIA}.currentTime > 0.5")
    expect(page.locator(".line[data-now]")).to_have_count(1)
    page.keyboard.press("k")
    expect(page.locator("#player")).to_have_attribute("data-state", "paused")
    for key, moved in (("Home", 0), ("ArrowRight", 5), ("ArrowLeft", 0)):
        page.get_by_role("slider", name="Position in the recording").press(key)
        holds(page, f"{MEDIA}.currentTime === {moved}")
    page.locator("#title").click()
    for key, rate in ((">", 1.25), ("<", 1)):
        page.keyboard.press(key)
        assert page.evaluate(f"{MEDIA}.playbackRate") == rate
    assert page.evaluate(f"{MEDIA}.preservesPitch")
    page.get_by_label("Speed").select_option("2")
    page.reload()
    holds(page, f"{MEDIA}.playbackRate === 2")


def test_a_click_on_a_line_or_its_time_plays_from_there(page: Page, beckett: Path) -> None:
    open_transcript(page, beckett)
    wait_until_playable(page)
    last = page.locator(".line").last
    last.locator("a").click()
    holds(page, f"{MEDIA}.currentTime > 1 && !{MEDIA}.paused")
    expect(last).to_have_attribute("data-now", "")


LISTEN_FOR_WORDS = """(id) => {
  const changes = new EventSource(`/api/transcripts/${id}/changes?since=0`);
  window.aligned = new Promise((resolve) =>
    changes.addEventListener("words", (event) => { changes.close(); resolve(JSON.parse(event.data)); }));
}"""
"""A page that learns when edited words have got their times from the recording."""


def test_words_with_times_are_lit_one_by_one(page: Page, beckett: Path) -> None:
    page.goto("/")
    form = {
        "word_timestamps": "true",
        "file": {"name": "b.wav", "mimeType": "audio/wav", "buffer": beckett.read_bytes()},
    }
    id = page.request.post("/transcribe", multipart=form).json()["id"]  # type: ignore[arg-type]
    words = page.request.get(f"/api/transcripts/{id}").json()["segments"][0]["words"]
    page.goto(f"/transcripts/{id}?t={words[1]['start'] + 0.01}")
    wait_until_playable(page)
    lit = "[...CSS.highlights.get('said') ?? []].map(String).join()"
    holds(page, f"{lit} === {words[1]['word'].strip()!r}")
    assert seconds(page) == pytest.approx(words[1]["start"], abs=0.1)
    page.evaluate(LISTEN_FOR_WORDS, id)
    page.locator("#at-0 a").press("F2")
    page.keyboard.press("Home")
    page.keyboard.type("Whoever ever ever ")
    page.keyboard.press("Enter")
    (aligned,) = page.evaluate("aligned")["segments"]
    times = [word["start"] for word in aligned["words"] if word["probability"] == 1]
    assert len(times) == 3
    assert all(time * 100 == pytest.approx(round(time * 100)) for time in times)  # positions of the audio


def test_a_passage_is_repeated_until_somebody_stops_it(page: Page, beckett: Path) -> None:
    open_transcript(page, beckett)
    wait_until_playable(page)
    slider = page.locator("#player-slider")
    box = slider.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + box["width"] * 0.2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, middle, steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")
    expect(page.locator(".player-passage")).to_be_visible()
    page.evaluate(f"window.loops = 0; {MEDIA}.addEventListener('seeking', () => window.loops++)")
    holds(page, "window.loops >= 2")
    assert 0.9 < seconds(page) < 3.5
    page.get_by_role("button", name="Stop repeating").click()
    holds(page, f"{MEDIA}.currentTime > 4")
    expect(page.locator(".player-passage")).to_be_hidden()


def test_after_the_recording_is_deleted_ones_own_file_can_be_heard(page: Page, beckett: Path) -> None:
    open_transcript(page, beckett)
    page.locator("#player-menu summary").click()
    expect(page.locator("#player-kept")).to_contain_text("The recording is deleted on")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save the recording").click()
    assert saved.value.path().read_bytes() == beckett.read_bytes()
    page.locator("#player-menu summary").click()
    page.get_by_role("button", name="Delete the recording, keep the words").click()
    page.get_by_role("button", name="Delete the recording", exact=True).click()
    expect(page.locator("#player-none-text")).to_contain_text("The recording is not kept.")
    words = {"name": "words.wav", "mimeType": "audio/wav", "buffer": b"no sound"}
    page.locator("#player-file").set_input_files(words)  # type: ignore[arg-type]
    expect(page.locator("#player-none-text")).to_have_text("This browser cannot play that file.")
    page.locator("#player-file").set_input_files(beckett)
    wait_until_playable(page)
    page.get_by_role("button", name="Play", exact=True).click()
    holds(page, f"{MEDIA}.currentTime > 0.2")
    page.reload()
    expect(page.locator("#player-none")).to_be_visible()


def test_a_film_is_shown_with_its_words_as_subtitles(page: Page, beckett: Path, tmp_path: Path) -> None:
    open_transcript(page, video(beckett, tmp_path / "film.webm", "libvpx", "libopus"))
    expect(page.locator("#player-picture")).to_be_visible()
    holds(page, f"{MEDIA}.textTracks[0]?.cues?.length > 0")
    assert page.evaluate(f"{MEDIA}.textTracks[0].mode") == "showing"
    full = {"error": {"code": "storage_full", "message": "The disk is full."}}
    page.route("**/video", lambda route: route.fulfill(status=507, json=full))
    page.locator("#player-menu summary").click()
    page.get_by_role("link", name="Save it with subtitles").click()
    expect(page.locator("#toast")).to_contain_text("The disk is full.")
    page.unroute("**/video")
    page.locator("#player-menu summary").click()
    with page.expect_download() as saving:
        page.get_by_role("link", name="Save it with subtitles").click()
    assert saving.value.suggested_filename == "film.mkv"


def test_a_link_with_the_recording_can_be_heard_by_anybody(page: Page, beckett: Path) -> None:
    open_transcript(page, beckett)
    page.keyboard.press("s")
    page.get_by_label("with the recording").check()
    page.get_by_role("button", name="Make link").click()
    expect(page.locator("#share-list")).to_contain_text(re.compile("with the recording"))
    address = copied(page, "/shared/")
    page.goto(address)
    wait_until_playable(page)
    page.get_by_role("button", name="Play", exact=True).click()
    holds(page, f"{MEDIA}.currentTime > 0.2")


def test_a_recording_that_is_not_kept_can_be_heard_right_after_its_upload(page: Page, beckett: Path) -> None:
    def forget(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "recording": None})

    page.route(re.compile(r"/api/transcripts/[0-9a-f]{32}$"), forget)
    page.route(re.compile(r"/api/transcripts/[0-9a-f]{32}/changes"), lambda route: route.abort())
    open_transcript(page, beckett)
    wait_until_playable(page)
    assert page.evaluate(f"{MEDIA}.src").startswith("blob:")
    page.reload()
    expect(page.locator("#player-none")).to_be_visible()
