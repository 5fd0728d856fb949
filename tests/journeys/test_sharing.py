"""A folder is shared by its owner, searched and corrected by an editor at the same time, and left again."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from tests.support.browser import barriers_in_both_themes
from tests.support.client import an_account
from tests.support.library import transcript
from tests.support.served import Served, serve_in_process
from tests.support.wait import wait_until
from whisper_appliance.library.bulk_actions import BulkAction
from whisper_appliance.transcript.model import Transcript

pytestmark = pytest.mark.browser


INSTALLED = """
    const match = window.matchMedia.bind(window);
    window.matchMedia = (query) => query.includes("display-mode") ? { matches: true } : match(query);
"""
"""As if the page were started from the home screen, which no browser of a test can do."""


def a_talk() -> Transcript:
    """Three lines."""
    words = transcript()
    phrase = replace(words.segments[0], no_speech_prob=0.1, compression_ratio=1.0)  # JSON has no infinity
    said = (" Ever tried.", " Ever failed.", " No matter.")
    lines = (replace(phrase, start=n, end=n + 1.0, text=text, words=()) for n, text in enumerate(said))
    return replace(words, segments=tuple(lines))


def correct(page: Page, line: int, text: str) -> None:
    """Corrects a line by keyboard."""
    page.locator(f"#at-{line} a").press("F2")
    page.keyboard.press("Control+a")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page.locator(f"#at-{line} p").first).to_have_text(text)


def both_edit(ann: Page, ben: Page, axe: str) -> None:
    """What one saves arrives while the other writes; the same line is nobody's without a choice."""
    ben.locator("#at-1 a").press("F2")
    field = ben.locator("#at-1 textarea")
    ben.keyboard.press("Control+a")
    ben.keyboard.type("By Ben.")
    correct(ann, 0, "By Ann.")
    expect(ben.locator("#at-0 p")).to_have_text("By Ann.")
    expect(ben.locator("#others-state")).to_contain_text("changed the line at 0:00")
    expect(field).to_be_focused()
    expect(field).to_have_value("By Ben.")
    correct(ann, 1, "By Ann too.")
    notice = ben.get_by_role("alert").filter(has_text="changed this line meanwhile")
    expect(notice).to_contain_text("By Ann too.")
    assert barriers_in_both_themes(ben, axe) == []
    ben.keyboard.press("Enter")
    expect(field).to_have_value("By Ben.")  # nothing is saved before the choice
    expect(ann.locator("#at-1 p")).to_have_text("By Ann too.")
    field.press("Tab")
    expect(ben.get_by_role("button", name="Keep my words")).to_be_focused()
    ben.keyboard.press("Enter")
    expect(ann.locator("#at-1 p")).to_have_text("By Ben.")
    ben.locator("#at-2 a").press("F2")
    ben.keyboard.type(" Never.")
    ann.locator("#at-2 a").press("Shift+Delete")
    expect(ben.get_by_role("alert").filter(has_text="deleted this line")).to_be_visible()
    ben.keyboard.press("Enter")
    expect(ann.locator("#at-2 p")).to_have_text("No matter. Never.")


def both_follow_while_visible(ann: Page, ben: Page, served: Served) -> None:
    """A page that nobody sees holds no connection; seen again, it has what came meanwhile."""
    followers = served.appliance.edit_notifier.subscriber_count
    wait_until(lambda: followers() == 2)
    show(ben, hidden=True)
    wait_until(lambda: followers() == 1)
    correct(ann, 0, "Meanwhile.")
    expect(ben.locator("#at-0 p")).to_have_text("By Ann.")
    show(ben, hidden=False)
    expect(ben.locator("#at-0 p")).to_have_text("Meanwhile.")


def both_write_notes(ann: Page, ben: Page, axe: str) -> None:
    """A note is written by keyboard, appears to the other in its place, and is its author's."""
    ben.locator("#at-1 a").focus()
    ben.keyboard.press("m")
    dialog = ben.get_by_role("dialog", name="Notes")
    expect(dialog.get_by_label("Note", exact=True)).to_be_focused()
    expect(dialog.get_by_label("At")).to_have_value("0:01.00")
    ben.keyboard.type("Meant is <b>Alcatraz</b>?")
    ben.keyboard.press("Control+Enter")
    expect(dialog.get_by_role("link", name="Go to your note at 0:01")).to_be_visible()
    assert barriers_in_both_themes(ben, axe) == []
    note = ann.get_by_role("note")
    expect(note).to_contain_text("Meant is <b>Alcatraz</b>?")
    expect(ann.locator("#others-state")).to_contain_text("wrote a note at 0:01")
    expect(note.get_by_role("button", name="Correct")).to_have_count(0)
    expect(note.get_by_role("button", name="Delete")).to_be_visible()
    assert barriers_in_both_themes(ann, axe) == []
    dialog.get_by_role("button", name="Correct your note at 0:01").press("Enter")
    ben.keyboard.press("Control+a")
    ben.keyboard.type("Alcatraz, sure.")
    ben.keyboard.press("Control+Enter")
    expect(note).to_contain_text("Alcatraz, sure.")
    ben.keyboard.press("Escape")


def show(page: Page, *, hidden: bool) -> None:
    """As a browser does when its tab goes to the back, or comes to the front."""
    page.evaluate(
        "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve_in_process(tmp_path_factory.mktemp("sharing")) as served:
        yield served


def test_a_folder_is_shared_edited_and_left(
    chromium: Browser, served: Served, axe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the server notices with a heartbeat that a page is gone
    monkeypatch.setattr("whisper_appliance.api.native.change_stream.HEARTBEAT_SECONDS", 0.5)
    appliance = served.appliance
    ann, ben = an_account(appliance), an_account(appliance)
    id = appliance.transcripts.add(a_talk(), title="Board", owner=ann.id)
    folder = appliance.folders.create(ann.id, "Work")
    appliance.bulk_actions.run(ann.id, [id], BulkAction("move", folder_id=folder.id))

    owner = served.browser_of(chromium, ann, bypass_csp=True).new_page()
    owner.goto(f"/history?folder={folder.id}")
    owner.get_by_role("button", name="Share this folder").click()
    dialog = owner.get_by_role("dialog", name="Share this folder")
    dialog.get_by_label("With a user").fill(ben.name)
    dialog.get_by_label("Who may").select_option("editor")
    dialog.get_by_role("button", name="Share", exact=True).click()
    expect(dialog.locator(".share-row")).to_contain_text(ben.name)
    assert barriers_in_both_themes(owner, axe) == []

    reader = served.browser_of(chromium, ben, bypass_csp=True).new_page()
    reader.goto("/history?q=board")
    expect(reader.locator("#rows .row:not(.skeleton)")).to_contain_text(f"from {ann.name}")
    expect(reader.get_by_label("Select Board")).to_have_count(0)
    reader.goto("/history?view=shared")
    reader.get_by_role("button", name="Work", exact=False).first.click()
    expect(reader.locator("#rows .row:not(.skeleton)")).to_have_count(1)
    assert barriers_in_both_themes(reader, axe) == []
    reader.get_by_role("link", name="Board").click()
    expect(reader.locator("#facts")).to_contain_text("shared with you, to edit")
    expect(reader.locator("#rename")).to_be_visible()
    expect(reader.locator("#share")).to_be_hidden()
    expect(reader.locator("#delete")).to_be_hidden()
    owner.goto(f"/transcripts/{id}")
    both_edit(owner, reader, axe)
    both_follow_while_visible(owner, reader, served)
    both_write_notes(owner, reader, axe)
    reader.goto("/history?q=alcatraz")
    reader.locator("#rows .row:not(.skeleton)").get_by_role("link", name="Board").click()
    expect(reader.get_by_role("note")).to_be_focused()
    reader.goto("/history?view=shared")
    reader.get_by_role("button", name="Leave the folder Work").click()
    reader.get_by_role("dialog").get_by_role("button", name="Leave").click()
    expect(reader.locator("#empty")).to_contain_text("Nobody has shared")
    reader.context.close()
    owner.context.close()


def share(page: Page, name: str, content: bytes) -> None:
    """Shares a file with the installed app, as the system does: by a form, to the address in the manifest."""
    target = page.evaluate("fetch('/manifest.webmanifest').then((answer) => answer.json())")["share_target"]
    page.evaluate(
        """({ action, method, enctype, params }) => {
            const form = Object.assign(document.createElement("form"), { action, method, enctype });
            form.innerHTML = `<input type="file" id="to-share" name="${params.files[0].name}">`;
            document.body.append(form);
        }""",
        target,
    )
    page.set_input_files("#to-share", {"name": name, "mimeType": "audio/wav", "buffer": content})
    page.evaluate("document.querySelector('#to-share').form.submit()")


def is_upload(request: Request) -> bool:
    """Whether the page sends a recording."""
    return request.method == "POST" and request.url.endswith("/transcribe")


@pytest.fixture
def installed(chromium: Browser, served: Served) -> Page:
    """The page of the installed app, whose worker takes what is shared."""
    page = served.browser_of(chromium, an_account(served.appliance), bypass_csp=True).new_page()
    page.add_init_script(INSTALLED)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/")
    wait_until(
        lambda: bool(page.evaluate("navigator.serviceWorker.getRegistration().then((one) => !!one?.active)"))
    )
    return page


def test_what_is_shared_is_sent_once_somebody_wants_it(installed: Page, axe: str) -> None:
    page, sent = installed, []
    page.on("request", lambda request: sent.append(request) if is_upload(request) else None)
    share(page, "memo.wav", b"nobody said this")
    question = page.get_by_role("region", name="memo.wav was shared with this app. Transcribe it?")
    expect(question).to_be_visible()
    assert barriers_in_both_themes(page, axe) == []
    page.reload()
    question.get_by_role("button", name="Discard").press("Enter")
    expect(question).to_be_hidden()
    expect(page.get_by_role("button", name="Choose files")).to_be_focused()
    share(page, "talk.wav", b"three words more")
    question = page.get_by_role("region", name="talk.wav was shared with this app. Transcribe it?")
    assert sent == []
    question.get_by_role("button", name="Transcribe").press("Enter")
    expect(page.locator('.card[data-state="done"] .card-text')).to_have_text("three words more")
    page.reload()
    expect(page.locator("#latest-rows .row:not(.skeleton)")).to_have_count(1)  # taken once
    expect(page.locator(".card")).to_have_count(0)
    expect(page.locator("#shared")).to_be_hidden()


def test_a_shared_file_whose_answer_was_lost_becomes_one_transcript(installed: Page) -> None:
    page, keys, answered = installed, [], []

    def lose_the_answer(route: Route) -> None:
        answered.append(route.fetch().status)

    page.route("**/transcribe", lose_the_answer, times=1)
    page.on("request", lambda sent: keys.append(sent.headers["idempotency-key"]) if is_upload(sent) else None)
    share(page, "memo.wav", b"said only once")
    page.get_by_role("button", name="Transcribe", exact=True).click()
    expect(page.locator(".card")).to_have_count(1)
    wait_until(lambda: page.title() and answered)  # handles routes
    assert answered == [202]
    page.reload()  # the browser has the file until the page has the answer
    expect(page.locator('.card[data-state="done"] .card-text')).to_have_text("said only once")
    page.reload()
    expect(page.locator("#latest-rows .row:not(.skeleton)")).to_have_count(1)
    expect(page.locator("#shared")).to_be_hidden()
    expect(page.locator(".card")).to_have_count(0)
    assert len(keys) == 2
    assert keys[0] == keys[1], "also where the first job is still at work"
