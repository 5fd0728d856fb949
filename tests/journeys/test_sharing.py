"""A folder is shared by its owner, searched and corrected by an editor, and left again."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import barriers_in_both_themes
from tests.support.client import an_account
from tests.support.library import transcript
from tests.support.served import Served, serve_in_process
from whisper_appliance.library.bulk_actions import BulkAction

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve_in_process(tmp_path_factory.mktemp("sharing")) as served:
        yield served


def test_a_folder_is_shared_edited_and_left(chromium: Browser, served: Served, axe: str) -> None:
    appliance = served.appliance
    ann, ben = an_account(appliance), an_account(appliance)
    words = transcript()
    phrase = replace(words.segments[0], no_speech_prob=0.1, compression_ratio=1.0)  # JSON has no infinity
    id = appliance.transcripts.add(replace(words, segments=(phrase,)), title="Board", owner=ann.id)
    folder = appliance.folders.create(ann.id, "Work")
    appliance.bulk_actions.run(ann.id, [id], BulkAction("move", folder_id=folder.id))

    owner = served.browser_of(chromium, ann, bypass_csp=True).pages[0]
    owner.goto(f"/history?folder={folder.id}")
    owner.get_by_role("button", name="Share this folder").click()
    dialog = owner.get_by_role("dialog", name="Share this folder")
    dialog.get_by_label("With a user").fill(ben.name)
    dialog.get_by_label("Who may").select_option("editor")
    dialog.get_by_role("button", name="Share", exact=True).click()
    expect(dialog.locator(".share-row")).to_contain_text(ben.name)
    assert barriers_in_both_themes(owner, axe) == []

    reader = served.browser_of(chromium, ben, bypass_csp=True).pages[0]
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
    reader.goto("/history?view=shared")
    reader.get_by_role("button", name="Leave the folder Work").click()
    reader.get_by_role("dialog").get_by_role("button", name="Leave").click()
    expect(reader.locator("#empty")).to_contain_text("Nobody has shared")
    reader.context.close()
    owner.context.close()
