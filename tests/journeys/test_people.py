"""People with accounts share and read transcripts, make keys, and manage each other; everybody can."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.browser import AXE, barriers, barriers_in_both_themes
from tests.support.client import PASSWORD, an_account
from tests.support.library import transcript
from tests.support.pages import copied
from tests.support.served import Served, serve_in_process, sign_in
from whisper_appliance.accounts.identity import SHELL, User
from whisper_appliance.library.voices import store_found
from whisper_appliance.storage.schema.accounts import sessions
from whisper_appliance.transcript.model import Segment, Word

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve_in_process(tmp_path_factory.mktemp("people")) as running:
        yield running


@pytest.fixture(scope="module")
def ada(served: Served) -> User:
    return an_account(served.appliance, "owner", "Ada")


@pytest.fixture(scope="module")
def bob(served: Served) -> User:
    return an_account(served.appliance, "member", "Bob")


@pytest.fixture(scope="module")
def adas(chromium: Browser, served: Served, ada: User) -> Iterator[BrowserContext]:
    context = served.browser_of(chromium, ada, bypass_csp=True)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield context
    context.close()


@pytest.fixture
def page(adas: BrowserContext) -> Iterator[Page]:
    page = adas.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    page.close()
    assert not faults


@pytest.fixture(scope="module")
def axe() -> str:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: ./scripts/dev.sh setup, or npm ci")
    return AXE.read_text()


def look(page: Page, axe: str) -> None:
    """No barriers, in neither theme."""
    assert barriers_in_both_themes(page, axe) == []


def test_a_transcript_is_shared_with_a_user_who_reads_it(
    page: Page, chromium: Browser, served: Served, ada: User, bob: User, axe: str
) -> None:
    id = served.keep(" Four words for Bob.", title="For Bob", owner=ada.id)
    page.goto(f"/transcripts/{id}")
    page.get_by_role("button", name="Share").click()
    page.get_by_label("With a user").fill("nobody of that name")
    page.locator("#share-user button").click()
    expect(page.locator("#share-user .field-error")).to_have_text("There is no user of that name here.")
    page.get_by_label("With a user").fill("bob")
    page.locator("#share-user button").click()
    expect(page.locator("#share-list li")).to_contain_text("Bob")
    look(page, axe)
    theirs = served.browser_of(chromium, bob)
    tab = theirs.new_page()
    tab.goto("/history")
    tab.get_by_role("button", name="Shared with me").click()
    tab.get_by_role("link", name="For Bob").click()
    expect(tab.locator("#words")).to_contain_text("Four words for Bob.")
    for name in ("share", "rename", "delete"):
        expect(tab.locator(f"#{name}")).to_be_hidden()
    page.get_by_role("button", name="Stop sharing with Bob").click()
    expect(page.locator("#share-nobody")).to_be_visible()
    tab.reload()
    expect(tab.locator("#gone-title")).to_have_text("No such transcript")
    theirs.close()


def test_a_link_is_made_copied_opened_and_ended(
    page: Page, chromium: Browser, served: Served, ada: User, axe: str
) -> None:
    id = served.keep(" Words for everybody.", title="For everybody", owner=ada.id)
    page.goto(f"/transcripts/{id}")
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Make link").click()
    expect(page.locator("dialog[open] #toast")).to_contain_text("Link copied")  # readable, above the rest
    link = copied(page, "/shared/")
    stranger = chromium.new_context(bypass_csp=True)
    tab = stranger.new_page()
    tab.goto(link)
    expect(tab.get_by_role("heading", name="For everybody")).to_be_visible()
    expect(tab.locator("#words")).to_contain_text("Words for everybody.")
    look(tab, axe)
    tab.get_by_text("Download").click()
    with tab.expect_download() as saved:
        tab.get_by_role("link", name="Text .txt").click()
    assert saved.value.suggested_filename == "For everybody.txt"
    page.get_by_role("button", name="Stop sharing with Anyone").click()
    expect(page.locator("#share-nobody")).to_be_visible()
    tab.goto(link)
    expect(tab.get_by_role("heading", name="Nothing here")).to_be_visible()
    stranger.close()


def test_a_key_is_created_shown_once_and_revoked(page: Page, served: Served, axe: str) -> None:
    page.goto("/account")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("What it is for").fill("Nightly batch")
    look(page, axe)
    page.get_by_role("button", name="Make key").click()
    expect(page.locator("#key-made")).to_be_visible()
    token = page.locator("#key-token").input_value()
    assert served.appliance.accounts.actor_for_key(token).user
    page.reload()
    expect(page.locator("#keys")).to_contain_text("Nightly batch")
    assert token not in page.content()
    page.get_by_role("button", name="Revoke Nightly batch").click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#keys")).to_contain_text("No keys")


def test_a_webhook_is_added_tested_and_deleted(page: Page, axe: str) -> None:
    page.goto("/account")
    page.get_by_role("button", name="New webhook").click()
    page.get_by_label("Address of your server").fill("https://10.0.0.1/hook")
    page.get_by_role("button", name="Add webhook").click()
    expect(page.locator("#webhook-form .field-error")).to_contain_text("private network")
    look(page, axe)
    page.get_by_label("Address of your server").fill("https://server.invalid/hook")
    page.get_by_role("button", name="Add webhook").click()
    expect(page.locator("#webhook-secret")).to_have_value(re.compile("^whsec_"))
    page.get_by_role("button", name="Send test to").click()
    expect(page.locator("#webhooks summary")).to_contain_text("no such host")
    page.locator("#webhooks summary").click()
    expect(page.locator("#webhooks .deliveries")).to_contain_text("test")
    look(page, axe)
    page.get_by_role("button", name="Delete https://server.invalid/hook").click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#webhooks")).to_contain_text("No webhooks")


def test_all_data_comes_in_one_archive(page: Page, served: Served, ada: User) -> None:
    served.keep(" Some words.", title="Mine", owner=ada.id)
    page.goto("/account")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download all").click()
    assert saved.value.suggested_filename.endswith(".zip")


def test_an_account_changes_its_password_and_ends(chromium: Browser, served: Served) -> None:
    user = an_account(served.appliance, "member", "Cleo")
    context = served.browser_of(chromium, user)
    page = context.new_page()
    page.goto("/account")
    page.get_by_label("Present password").fill("not this one at all")
    page.get_by_label("New password").fill("a quite different sentence")
    page.get_by_role("button", name="Change password").click()
    expect(page.locator("#password-form .field-error")).to_have_text("This is not your present password.")
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_role("button", name="Change password").click()
    expect(page.locator("#toast")).to_contain_text("Password changed")
    page.get_by_role("button", name="Delete account").click()
    page.get_by_label("Your password").filter(visible=True).fill("a quite different sentence")
    page.get_by_role("button", name="Delete everything").click()
    page.wait_for_url(served.url + "/")
    assert "Cleo" not in [each.name for each in served.appliance.accounts.users.list_users()]
    context.close()


def test_a_user_is_invited_and_managed(page: Page, chromium: Browser, served: Served, axe: str) -> None:
    page.goto("/admin/users")
    page.get_by_role("button", name="Invite").click()
    page.get_by_label("For whom").fill("Dora")
    page.get_by_role("button", name="Make link").click()
    expect(page.locator("#invite-made")).to_be_visible()
    link = page.locator("#invite-link").input_value()
    look(page, axe)
    page.get_by_role("button", name="Done").click()
    guest = chromium.new_context(base_url=served.url)
    tab = guest.new_page()
    tab.goto(link)
    tab.get_by_label("Name").fill("Dora")
    tab.get_by_label("Password", exact=True).fill(PASSWORD)
    tab.locator("#send").click()
    expect(tab.locator("#account")).to_contain_text("Dora")
    page.reload()
    page.get_by_role("button", name="Manage Dora").click()
    look(page, axe)
    page.get_by_label("Minutes a month").fill("90")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#users")).to_contain_text("of 1 h 30 min")
    page.get_by_role("button", name="Manage Dora").click()
    page.get_by_role("button", name="Disable").click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#users tr", has_text="Dora")).to_contain_text("disabled")
    tab.goto("/account")
    expect(tab.locator("#entrance")).to_be_visible()
    page.get_by_role("button", name="Manage Dora").click()
    page.locator("#user-delete").click()
    look(page, axe)
    page.get_by_role("button", name="Delete the account").click()
    expect(page.locator("#remove-form .field-error")).to_contain_text("give its name")
    page.locator("#remove-form [name=name]").fill("Dora")
    page.get_by_role("button", name="Delete the account").click()
    expect(page.locator("#users")).not_to_contain_text("Dora")
    guest.close()


def test_the_appliance_is_closed_to_visitors_and_opened_again(
    page: Page, chromium: Browser, served: Served
) -> None:
    page.goto("/admin/users")
    page.get_by_label("Only people with an account").check()
    expect(page.locator("#toast")).to_contain_text("people with an account")
    visitor = chromium.new_context(base_url=served.url)
    tab = visitor.new_page()
    tab.goto("/history")
    expect(tab.locator("#entrance")).to_be_visible()
    page.get_by_label("Anyone on its network").check()
    expect(page.locator("#toast")).to_contain_text("anyone on its network")
    tab.goto("/history")
    expect(tab.get_by_role("heading", name="Library")).to_be_visible()
    visitor.close()


@pytest.mark.parametrize("address", ["/account", "/admin/users", "/admin/shares", "/admin/audit"])
def test_pages_are_accessible_and_do_not_scroll_sideways(page: Page, axe: str, address: str) -> None:
    page.goto(address)
    page.wait_for_load_state("networkidle")
    look(page, axe)
    for width in (320, 390, 820, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_audit_log_is_filtered(page: Page, served: Served, ada: User) -> None:
    served.appliance.accounts.users.create("Zoe", PASSWORD, "member", by=SHELL)
    page.goto("/admin/audit")
    expect(page.locator("#records tbody tr").first).to_be_visible()
    page.get_by_label("What").select_option("user.create")
    page.get_by_label("Who", exact=True).fill("shell")
    expect(page.locator("#records tbody tr", has_text="Signed in")).to_have_count(0)
    expect(page.locator("#records tbody")).to_contain_text("Zoe")
    with page.expect_download() as saved:
        page.get_by_role("link", name="CSV").click()
    assert saved.value.suggested_filename.startswith("audit log")


def test_options_are_saved_as_a_preset_and_chosen_again(page: Page) -> None:
    page.goto("/")
    page.locator("#options summary").click()
    page.get_by_label("Quality").select_option("accurate")
    page.get_by_label("Names and terms").fill("Ødegaard")
    page.get_by_role("button", name="Save as preset").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("<b>Talks</b>")
    dialog.get_by_label("Begin with it").check()
    assert barriers(page, AXE.read_text()) == []
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator("#preset")).to_contain_text("<b>Talks</b> (default)")
    page.locator("#preset").select_option("")
    expect(page.get_by_label("Names and terms")).to_have_value("")
    page.locator("#preset").select_option("<b>Talks</b> (default)")
    expect(page.get_by_label("Names and terms")).to_have_value("Ødegaard")
    expect(page.get_by_label("Quality")).to_have_value("accurate")
    page.get_by_role("button", name="Delete this preset").click()
    expect(page.locator("#preset")).to_have_value("")


def test_the_model_of_the_account_is_the_default_of_the_page(page: Page, served: Served, ada: User) -> None:
    page.goto("/account")
    page.get_by_label("Model for new recordings").select_option("base")
    page.locator("#model-form").get_by_role("button", name="Save").click()
    expect(page.locator("#toast")).to_contain_text("It holds for new recordings.")
    page.goto("/")
    expect(page.locator("#options-line")).to_contain_text("· base ·")
    expect(page.locator("#options-form [name=model]")).to_contain_text("base (your default)")
    served.appliance.accounts.users.set_model(ada.id, None)


MISHEARD = (
    Segment(0, 2, " Mrs. Covalchik spoke."),
    Segment(2, 4, " Then Covalchik left."),
    Segment(4, 6, " To Lots.", words=(Word(4, 5, " To", 0.9), Word(5, 6, " Lots.", 0.1))),
)


def correct(page: Page, line: str, text: str) -> None:
    page.locator(f"{line} a").press("F2")
    page.keyboard.press("Control+a")
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def test_corrected_words_are_expected_from_now_on(page: Page, served: Served, ada: User, axe: str) -> None:
    id = served.appliance.transcripts.add(
        replace(transcript(), segments=MISHEARD), title="Misheard", owner=ada.id
    )
    page.goto(f"/transcripts/{id}")
    page.evaluate("localStorage.clear(); localStorage.setItem('preset', '\"none\"')")
    correct(page, "#at-0", "Mrs. Kowalczyk spoke.")
    page.get_by_role("button", name="Correct all alike").press("Enter")
    expect(page.locator("#at-1 p")).to_have_text("Then Kowalczyk left.")
    page.get_by_role("button", name="Expect “Kowalczyk” from now on").press("Enter")
    expect(page.locator("#toast")).to_contain_text("The preset “My words” expects “Kowalczyk” now.")
    look(page, axe)
    correct(page, "#at-2", "To Łódź.")
    page.get_by_role("button", name="Expect “Łódź” from now on").press("Enter")
    expect(page.locator("#toast")).to_contain_text("expects “Łódź” now.")
    assert expected(served, ada) == {"My words": "Kowalczyk, Łódź"}
    page.get_by_role("button", name="Undo", exact=True).last.press("Enter")
    expect(page.locator("#toast")).to_contain_text("Undone")
    assert expected(served, ada) == {"My words": "Kowalczyk"}
    page.goto("/")
    page.locator("#options summary").click()
    expect(page.get_by_label("Names and terms")).to_have_value("Kowalczyk")


def expected(served: Served, user: User) -> dict[str, object]:
    return {each.name: each.options["hotwords"] for each in served.appliance.presets.of_user(user.id)}


def forget_confirmation(served: Served, user: User) -> None:
    """Makes the sign-in of a user older than ten minutes."""
    with served.appliance.accounts.sessions._database.write() as connection:
        connection.execute(sessions.update().where(sessions.c.user_id == user.id).values(confirmed=None))


def test_a_dangerous_action_asks_for_the_password_once(
    page: Page, served: Served, ada: User, axe: str
) -> None:
    page.goto("/admin/users")
    forget_confirmation(served, ada)
    page.get_by_role("button", name="Invite").click()
    page.get_by_label("For whom").fill("Emil")
    page.get_by_role("button", name="Make link").click()
    dialog = page.get_by_role("dialog", name="Confirm that it is you")
    expect(dialog.get_by_label("Your password")).to_be_focused()
    look(page, axe)
    dialog.get_by_role("button", name="Cancel").click()
    expect(page.locator("#invite-form .field-error")).to_contain_text("Confirm with your password")
    page.get_by_role("button", name="Make link").click()
    dialog.get_by_label("Your password").fill("not this one at all")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_have_text("This is not your present password.")
    dialog.get_by_label("Your password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#invite-made")).to_be_visible()  # the request was sent again
    page.goto("/admin/backups")
    forget_confirmation(served, ada)
    page.get_by_role("link", name="Download a backup").click()
    dialog.get_by_label("Your password").fill(PASSWORD)
    with page.expect_download() as saved:
        page.keyboard.press("Enter")
    assert saved.value.suggested_filename.endswith(".tar")
    with page.expect_download():
        page.get_by_role("link", name="Download a backup").click()  # without the dialog


def test_access_copies_and_settings_that_delete_ask_for_the_password(
    page: Page, served: Served, ada: User
) -> None:
    dialog = page.get_by_role("dialog", name="Confirm that it is you")

    def confirm() -> None:
        dialog.get_by_label("Your password").fill(PASSWORD)
        page.keyboard.press("Enter")

    page.goto("/admin/users")
    forget_confirmation(served, ada)
    page.get_by_label("Only people with an account").check()
    dialog.get_by_role("button", name="Cancel").click()
    expect(page.get_by_label("Anyone on its network")).to_be_checked()
    page.get_by_label("Only people with an account").check()
    confirm()
    expect(page.locator("#toast")).to_contain_text("people with an account")
    page.goto("/admin/settings")
    forget_confirmation(served, ada)
    page.locator("#openness").select_option("network")
    confirm()
    expect(page.locator("#toast")).to_contain_text("anyone on its network")
    forget_confirmation(served, ada)
    row = page.locator("[data-name=TRASH_DAYS]")
    row.get_by_role("button", name="Change").click()
    row.get_by_role("textbox").fill("20")
    page.keyboard.press("Enter")
    confirm()
    expect(page.locator("#toast")).to_contain_text("counts from now on")
    page.goto("/admin/backups")
    forget_confirmation(served, ada)
    page.locator("#copy").click()
    confirm()
    expect(page.locator("#toast")).to_contain_text("The database was copied")


def test_a_second_factor_is_set_up_and_asked_for(
    page: Page, chromium: Browser, served: Served, axe: str
) -> None:
    user = an_account(served.appliance, "member", "Fay")
    context = served.browser_of(chromium, user, bypass_csp=True)
    tab = context.new_page()
    tab.goto("/account")
    tab.get_by_role("link", name="Set up").click()
    expect(tab.locator("#qr-code")).to_have_js_property("complete", True)
    expect(tab.locator("#secret")).not_to_be_empty()
    app = pyotp.TOTP(tab.locator("#secret").inner_text().replace(" ", ""))
    look(tab, axe)
    tab.get_by_label("Code that the app shows now").fill("000000")
    tab.get_by_role("button", name="Turn on").click()
    expect(tab.get_by_role("alert").first).to_contain_text("not valid")
    tab.get_by_label("Code that the app shows now").fill(app.now())
    tab.keyboard.press("Enter")
    codes = tab.get_by_role("textbox", name="Recovery codes")
    expect(codes).to_have_value(re.compile(r"^(\w{4}-\w{4}-\w{4}-\w{4}\n?){10}$"))
    look(tab, axe)
    recovery = codes.input_value().splitlines()
    tab.get_by_role("link", name="Done").click()
    expect(tab.locator("#second-factor-facts")).to_contain_text("10 recovery codes left")
    look(tab, axe)
    other = chromium.new_context(base_url=served.url, bypass_csp=True, locale="en-GB")
    guest = other.new_page()
    guest.goto("/sign-in")
    guest.get_by_label("Name").fill("Fay")
    guest.get_by_label("Password", exact=True).fill(PASSWORD)
    guest.keyboard.press("Enter")
    expect(guest.get_by_label("Code")).to_be_focused()
    look(guest, axe)
    guest.get_by_label("Code").fill("000000")
    guest.keyboard.press("Enter")
    expect(guest.get_by_role("alert")).to_contain_text("not valid")
    guest.get_by_label("Code").fill(recovery[0])
    guest.keyboard.press("Enter")
    expect(guest.locator("#account")).to_contain_text("Fay")
    other.close()
    forget_confirmation(served, user)
    tab.get_by_role("button", name="New recovery codes").click()
    tab.get_by_role("button", name="Make new codes").click()
    dialog = tab.get_by_role("dialog", name="Confirm that it is you")
    dialog.get_by_label("Your password").fill(PASSWORD)
    tab.keyboard.press("Enter")
    expect(dialog.get_by_label("Code")).to_be_focused()
    look(tab, axe)
    dialog.get_by_label("Code").fill(recovery[2])
    tab.keyboard.press("Enter")
    expect(codes).not_to_have_value("\n".join(recovery))
    recovery = codes.input_value().splitlines()
    tab.get_by_role("button", name="Turn off").click()
    dialog = tab.get_by_role("dialog", name="Turn the second factor off?")
    dialog.get_by_label("Your password").fill(PASSWORD)
    dialog.get_by_label("Code").fill(recovery[1])
    look(tab, axe)
    dialog.get_by_role("button", name="Turn off").click()
    expect(tab.locator("#second-factor-set-up")).to_be_visible()
    context.close()


def test_a_passkey_is_made_and_signs_in(chromium: Browser, served: Served, axe: str) -> None:
    user = an_account(served.appliance, "member", "Gil")
    url = served.url.replace("127.0.0.1", "localhost")  # WebAuthn allows no addresses
    context = chromium.new_context(base_url=url, bypass_csp=True, locale="en-GB")
    tab = context.new_page()
    device = context.new_cdp_session(tab)
    device.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True}
    unlocked = {"hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}
    device.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, **unlocked}})
    sign_in(tab, user)
    tab.goto("/account")
    tab.get_by_role("button", name="New passkey").click()
    tab.get_by_label("Name of the device").fill("Laptop")
    look(tab, axe)
    tab.get_by_role("button", name="Make passkey").click()
    expect(tab.locator("#passkeys")).to_contain_text("Laptop")
    expect(tab.locator("#passkeys")).to_contain_text("for localhost")
    expect(tab.locator("#passkeys")).to_contain_text("never used")
    tab.get_by_role("button", name="New passkey").click()
    tab.get_by_role("button", name="Make passkey").click()
    expect(tab.locator("#passkey-form .field-error")).to_contain_text("has a passkey for you already")
    context.clear_cookies()
    tab.goto("/sign-in?next=/history")
    look(tab, axe)
    tab.get_by_role("button", name="Sign in with a passkey").click()
    tab.wait_for_url("**/history")
    expect(tab.locator("#account")).to_contain_text("Gil")
    tab.goto("/account")
    tab.get_by_role("button", name="Remove Laptop").click()
    tab.locator("#confirm-yes").click()
    expect(tab.locator("#passkeys")).to_contain_text("No passkeys")
    context.close()


def test_a_voice_that_was_named_is_offered_and_forgotten(
    served: Served, ada: User, page: Page, axe: str
) -> None:
    page.goto("/account")
    page.get_by_label("Remember voices of speakers whom I name").check()
    page.locator("#voices-form").get_by_role("button", name="Save").click()
    expect(page.locator("#voices")).to_have_text("No voices yet.")
    first, later = spoken(served, ada), spoken(served, ada)
    page.goto(f"/transcripts/{first}")
    page.get_by_role("button", name="Speakers", exact=True).click()
    dialog = page.get_by_role("dialog", name="People who speak")
    dialog.get_by_label("Name of Speaker 1").fill("Grace")
    dialog.get_by_label("Name of Speaker 1").press("Enter")
    expect(dialog.get_by_label("Name of Grace")).to_be_visible()
    page.goto(f"/transcripts/{later}")
    expect(page.locator("#toast")).to_contain_text("Speaker 1 sounds like Grace.")
    page.get_by_role("button", name="Show names").click()
    expect(dialog.get_by_label("Name of Speaker 1")).to_have_value("Speaker 1")  # nobody is renamed unasked
    assert barriers(page, axe) == []
    dialog.get_by_role("button", name="Take this name for Speaker 1: Grace").press("Enter")
    expect(dialog.get_by_label("Name of Grace")).to_be_visible()
    expect(dialog.get_by_text("Sounds like")).to_have_count(0)
    page.goto("/account")
    expect(page.locator("#voices .item")).to_contain_text("from 2 recordings")
    page.get_by_role("button", name="Forget the voice of Grace").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget").click()
    expect(page.locator("#voices")).to_have_text("No voices yet.")
    assert barriers(page, axe) == []


def spoken(served: Served, owner: User) -> str:
    """A transcript whose one speaker always has the same voice."""
    made = replace(transcript(), segments=(Segment(0, 2, " Hello.", speaker="Speaker 1"),))
    id = served.appliance.transcripts.add(made, title="Talk", owner=owner.id)
    with served.appliance.database.write() as connection:
        store_found(connection, id, owner.id, {"Speaker 1": (1.0, 0.0)})
    return id
