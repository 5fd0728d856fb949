"""From a file to words, as people do it."""

import re
import wave
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, expect

from tests.support.audio import two_tracks
from tests.support.file_server import feed, file_server
from tests.support.pages import add_files, card, drop_file, named, transcribe, wait_done
from tests.support.wait import wait_until

pytestmark = pytest.mark.browser


def test_a_dropped_recording_becomes_text_that_can_be_opened_and_downloaded(
    page: Page, beckett: Path
) -> None:
    page.goto("/")
    drop_file(page, named("beckett.wav", beckett))
    done = card(page, "beckett")
    wait_done(done)
    expect(done.locator(".card-text")).to_contain_text(re.compile("fail better", re.IGNORECASE))

    done.get_by_role("link", name="Open").click()
    expect(page).to_have_url(re.compile(r"/transcripts/[0-9a-f]{32}$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("beckett")
    expect(page.locator("#words")).to_contain_text(re.compile("try again", re.IGNORECASE))

    page.locator("#tools summary", has_text="Download").click()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Subtitles .srt").click()
    assert saved.value.suggested_filename == "beckett.srt"
    assert "-->" in saved.value.path().read_text()


def test_text_appears_while_the_recording_is_still_transcribed(page: Page, long_recording: Path) -> None:
    page.goto("/")
    add_files(page, long_recording)
    running = card(page, "long story")
    expect(running).to_have_attribute("data-state", "running")
    expect(running.locator(".card-text")).to_contain_text(re.compile("best of times", re.IGNORECASE))
    assert running.get_attribute("data-state") == "running"
    expect(running.locator(".card-state")).to_contain_text(re.compile(r"\d+ %"))
    running.get_by_role("button", name="Cancel").click()


def test_a_job_can_be_cancelled_and_leaves_the_page_ready(
    page: Page, long_recording: Path, beckett: Path
) -> None:
    page.goto("/")
    add_files(page, long_recording)
    running = card(page, "long story")
    expect(running).to_have_attribute("data-state", "running")
    running.get_by_role("button", name="Cancel").click()
    expect(running).to_have_count(0)
    add_files(page, beckett)
    wait_done(card(page, "beckett"))
    page.goto("/history")
    expect(page.locator("#rows .row:not(.skeleton)")).to_have_count(1)


def test_a_reload_in_the_middle_of_a_job_shows_it_again(page: Page, long_recording: Path) -> None:
    page.goto("/")
    add_files(page, long_recording)
    expect(card(page, "long story").locator(".card-text")).to_contain_text(re.compile("times", re.IGNORECASE))
    page.reload()
    again = card(page, "long story")
    expect(again).to_have_attribute("data-state", "running")
    expect(again.locator(".card-text")).to_contain_text(re.compile("best of times", re.IGNORECASE))
    again.get_by_role("button", name="Cancel").click()
    expect(again).to_have_count(0)


def test_many_files_are_all_transcribed(page: Page, beckett: Path) -> None:
    names = [f"note {number}.wav" for number in range(1, 6)]
    transcribe(page, *(named(name, beckett) for name in names))
    titles = page.locator(".card-title").all_inner_texts()
    assert titles == [name.removesuffix(".wav") for name in names]
    page.get_by_role("button", name="Clear finished").click()
    expect(page.locator(".card")).to_have_count(0)
    expect(page.locator("#latest-rows .row")).to_have_count(5)


def test_a_text_file_named_wav_is_refused_with_a_reason(page: Page) -> None:
    page.goto("/")
    add_files(
        page, {"name": "shopping.wav", "mimeType": "audio/wav", "buffer": b"milk, bread and eggs\n" * 500}
    )
    failed = card(page, "shopping")
    expect(failed).to_have_attribute("data-state", "failed")
    expect(failed.get_by_role("alert")).to_contain_text("undecodable")
    expect(failed.get_by_role("button", name="Try again")).to_be_hidden()
    failed.get_by_role("button", name="Dismiss").click()
    expect(failed).to_have_count(0)
    page.reload()
    expect(page.locator("#latest-empty")).to_be_visible()
    expect(page.locator(".card")).to_have_count(0)


def test_the_recordings_of_a_folder_are_taken_at_any_depth(page: Page, beckett: Path, tmp_path: Path) -> None:
    folder = tmp_path / "interviews"
    (folder / "old").mkdir(parents=True)
    for name in ("2.wav", "10.wav", "old/1.wav"):
        (folder / name).write_bytes(named(name, beckett)["buffer"])
    for name in ("notes.txt", ".hidden.wav"):
        (folder / name).write_text("no recording")
    page.goto("/")
    devtools = page.context.new_cdp_session(page)
    dragged = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": dragged})
    expect(page.locator(".toast")).to_contain_text("1 file in the folder is no recording")
    expect(page.locator(".card-title")).to_have_text(["2", "10", "1"])
    expect(page.locator('.card[data-state="done"]')).to_have_count(3)
    page.reload()
    page.set_input_files("#folder-picker", folder / "old")
    expect(page.locator(".card-title")).to_have_text(["1"])


def test_an_episode_of_a_podcast_is_fetched_and_transcribed(page: Page, beckett: Path) -> None:
    page.goto("/")
    with file_server() as server:
        server.files["/one.wav"] = ("audio/wav", beckett.read_bytes())
        server.files["/feed"] = (
            "text/xml",
            feed("Talks", ("Zero", server.url("/0.wav")), ("One", server.url("/one.wav"))),
        )
        page.get_by_role("button", name="From an address").click()
        page.keyboard.type(server.url("/nothing"))
        page.keyboard.press("Enter")
        expect(page.locator("#remote-dialog [role=alert]")).to_contain_text("answers 404")
        page.route("**/api/remote/inspect", lambda _: None)  # no answer
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
        page.unroute("**/api/remote/inspect")
        page.get_by_role("button", name="From an address").click()
        expect(page.locator("#remote-dialog [role=alert]")).to_be_empty()
        page.get_by_label("Address of a recording").fill(server.url("/feed"))
        page.keyboard.press("Enter")  # nothing waits for the answer any more
        page.get_by_role("checkbox", name="One").check()
        page.get_by_role("button", name="Transcribe", exact=True).click()
        done = card(page, "One")
        wait_done(done)
        expect(done.locator(".card-text")).to_contain_text(re.compile("fail better", re.IGNORECASE))


def test_commands_and_transcripts_are_reached_by_one_key(page: Page, beckett: Path) -> None:
    transcribe(page, beckett)
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Commands and transcripts")
    expect(field).to_be_focused()
    page.keyboard.type("opt")
    expect(page.get_by_role("option", name="Options")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.locator("#options")).to_have_attribute("open", "")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    search = re.compile("/api/transcripts[?]q=")
    page.route(search, lambda route: route.continue_(url=re.sub("q=[^&]+", "q=fail", route.request.url)))
    page.keyboard.type("s")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", name="beckett")).to_be_visible()
    expect(page.locator("#palette-1")).to_have_attribute("aria-selected", "true")
    page.unroute(search)
    field.fill("fail better")
    page.get_by_role("option", name="beckett").click()
    expect(page).to_have_url(re.compile(r"/transcripts/[0-9a-f]{32}\?q="))
    expect(page.locator("#find")).to_have_value(re.compile("fail", re.IGNORECASE))


def test_a_file_above_the_limit_is_refused_before_it_is_sent(page: Page) -> None:
    page.goto("/")
    page.evaluate(
        """() => {
            const big = new File([new Uint8Array(101 * 2 ** 20)], "film.mp4", { type: "video/mp4" });
            const transfer = new DataTransfer();
            transfer.items.add(big);
            const picker = document.getElementById("picker");
            picker.files = transfer.files;
            picker.dispatchEvent(new Event("change"));
        }"""
    )
    expect(card(page, "film").get_by_role("alert")).to_contain_text("101 MB")
    page.reload()
    refused = card(page, "film")
    expect(refused.get_by_role("alert")).to_contain_text("101 MB")
    expect(refused.get_by_role("button", name="Try again")).to_be_hidden()
    refused.get_by_role("button", name="Dismiss").click()
    page.reload()
    expect(page.locator("#latest-empty")).to_be_visible()
    expect(page.locator(".card")).to_have_count(0)


def test_an_upload_to_a_busy_appliance_is_retried_after_retry_after(page: Page, beckett: Path) -> None:
    refusals = iter([True])

    def busy_once(route: object) -> None:
        if next(refusals, False):
            route.fulfill(  # type: ignore[attr-defined] # Playwright hands over a Route
                status=429,
                headers={"Retry-After": "2"},
                json={"error": {"code": "busy", "message": "Busy.", "field": None, "request_id": ""}},
            )
        else:
            route.fallback()  # type: ignore[attr-defined]

    page.route("**/transcribe", busy_once)
    page.goto("/")
    add_files(page, beckett)
    expect(card(page, "beckett").locator(".card-state")).to_have_text(
        "The appliance is busy. Next try in 2 s"
    )
    wait_done(card(page, "beckett"))


def test_a_pasted_file_is_taken(page: Page, beckett: Path) -> None:
    page.goto("/")
    file = named("from the clipboard.wav", beckett)
    page.evaluate(
        """([name, bytes]) => {
            const clipboardData = new DataTransfer();
            clipboardData.items.add(new File([new Uint8Array(bytes)], name, { type: "audio/wav" }));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
        }""",
        [file["name"], list(file["buffer"][:2000])],
    )
    expect(card(page, "from the clipboard")).to_be_visible()


def test_markup_in_a_file_name_is_shown_and_does_not_run(page: Page, beckett: Path) -> None:
    name = "<img src=x onerror=\"document.title='ran'\"><b>bold.wav"
    transcribe(page, named(name, beckett))
    expect(page.locator(".card-title")).to_contain_text("<b>bold")
    assert page.locator(".card b, .card img").count() == 0
    page.get_by_role("link", name="Open").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("<b>bold")
    page.goto("/history")
    expect(page.locator(".row-title")).to_contain_text("<b>bold")
    assert page.locator(".row b, .row img").count() == 0
    assert page.title() == "Library · Whisper Appliance"


def test_the_track_and_the_channels_are_chosen_on_the_page(page: Page, beckett: Path, tmp_path: Path) -> None:
    page.goto("/")
    page.locator("#options summary").click()
    page.get_by_label("Audio track").fill("2")
    page.get_by_label("Channels").select_option("separate")
    expect(page.locator("#options-line")).to_contain_text("track 2 · each by itself")
    add_files(page, two_tracks(tmp_path / "film.mkv", beckett, default=1))
    done = card(page, "film")
    wait_done(done)
    expect(done.locator(".card-text")).to_contain_text(re.compile("fail better", re.IGNORECASE))
    done.get_by_role("link", name="Open").click()
    expect(page.locator("#about-list")).to_contain_text("2 of 2")
    expect(page.locator("#about-list")).to_contain_text("each channel by itself")


def test_the_form_shows_what_the_model_takes_of_a_context(page: Page) -> None:
    page.goto("/")
    page.locator("#options summary").click()
    context = page.get_by_label("Context")
    context.fill("A play by Samuel Beckett.")
    expect(context).to_have_accessible_description("about 8 of 223 tokens")
    context.fill("A play by Samuel Beckett. " * 38)
    expect(context).to_have_accessible_description(re.compile("the beginning is left out"))


def test_options_are_stored_and_summarized_in_one_line(page: Page) -> None:
    page.goto("/")
    expect(page.locator("#options-line")).to_have_text("Automatic language · tiny.en · balanced")
    page.locator("#options summary").click()
    page.get_by_label("Language").select_option("en")
    page.get_by_label("Quality").select_option("accurate")
    page.get_by_label("A time for every word").check()
    page.reload()
    expect(page.locator("#options-line")).to_have_text("English · tiny.en · accurate · word times")


def test_everything_can_be_done_with_the_keyboard(page: Page, beckett: Path) -> None:
    page.on("filechooser", lambda _: None)  # asked for early: choosers are caught from the first one on
    page.goto("/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    with page.expect_file_chooser() as choosing:
        page.keyboard.press("o")
    choosing.value.set_files(beckett)
    done = card(page, "beckett")
    wait_done(done)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.action") == "open":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/transcripts/*")
    expect(page.get_by_role("heading", level=1)).to_have_text("beckett")
    page.keyboard.press("d")
    expect(page.locator("a[data-format=txt]")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("a[data-format=srt]")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.wait_for_url("**/history")


def test_speak_reports_an_unreachable_appliance_and_starts_when_it_is_back(page: Page) -> None:
    page.goto("/")
    expect(page.locator("#source option")).not_to_have_count(0)
    page.context.set_offline(True)
    page.locator("#speak").click()
    expect(page.locator("#toast")).to_contain_text("The appliance does not answer.")
    expect(page.locator("#offline")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden()
    page.locator("#speak").click()
    expect(page.locator("#live")).to_be_visible()


@pytest.mark.slow
def test_a_large_upload_goes_on_after_a_lost_connection_and_a_reload(
    page: Page, beckett: Path, tmp_path: Path
) -> None:
    large = tmp_path / "large.wav"
    with wave.open(str(beckett)) as source, wave.open(str(large), "wb") as target:
        target.setparams(source.getparams())
        words = source.readframes(source.getnframes())
        target.writeframes(words + bytes(9 * 2**20))
    offsets: list[int] = []

    def note(request: Request) -> None:
        if request.method == "PATCH" and "/api/uploads/" in request.url:
            offsets.append(int(request.headers["upload-offset"]))

    page.on("request", note)
    page.on("dialog", lambda dialog: dialog.accept())
    network = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 2 * 2**20}
    page.goto("/")
    network.send("Network.emulateNetworkConditions", slow)
    add_files(page, large)
    bar = page.locator(".card progress").first
    wait_until(lambda: bar.evaluate("bar => bar.value") > 0.3)
    page.reload()
    page.route("**/api/uploads/*", lambda route: route.abort("connectionreset"), times=1)
    page.route("**/api/jobs/*", lambda route: route.abort("connectionreset"), times=1)
    add_files(page, large)
    wait_done(card(page, "large"))
    assert len(offsets) == 2, offsets
    assert offsets[0] == 0
    assert offsets[1] > 2**20
