"""Folders, tags and actions on many transcripts by HTTP."""

import pytest

from tests.support.client import ApiClient, open_page, send
from whisper_appliance.accounts.audit import AuditFilter
from whisper_appliance.app.appliance import Appliance

NOTHING = "0" * 32


def act(client: ApiClient, action: str, *ids: str, **options: object) -> list[str]:
    answer = client.post("/api/library/actions", json={"action": action, "ids": ids, **options})
    assert answer.status_code == 200, answer.json
    changed: list[str] = answer.json["changed"]
    return changed


def test_transcripts_are_filed_and_found_again(browser: ApiClient) -> None:
    first, second = (send(browser, words=f"number {n}", name=f"{n}.wav").json["id"] for n in range(2))
    made = browser.post("/api/library/folders", json={"name": "Work"})
    assert made.status_code == 201
    folder = made.json["id"]
    assert act(browser, "move", first, folder=folder) == [first]
    act(browser, "tag", first, second, tags=["board"])
    act(browser, "favourite", second)
    library = browser.get("/api/library").json
    assert library["folders"] == [{"id": folder, "name": "Work", "parent": None, "transcripts": 1}]
    assert (library["total"], library["favourites"], library["without_folder"]) == (2, 1, 1)
    (tag,) = library["tags"]
    (listed,) = browser.get(f"/api/transcripts?folder={folder}&tag={tag['id']}").json["transcripts"]
    assert (listed["id"], listed["folder"], listed["tags"]) == (first, folder, ["board"])
    (star,) = browser.get("/api/transcripts?favourite=true").json["transcripts"]
    assert star["id"] == second
    assert browser.patch(f"/api/library/folders/{folder}", json={"name": "Office"}).json["name"] == "Office"
    assert browser.delete(f"/api/library/folders/{folder}").status_code == 204
    assert browser.get(f"/api/transcripts?folder={folder}").status_code == 404
    assert browser.patch(f"/api/library/tags/{tag['id']}", json={"name": "council"}).status_code == 204
    assert browser.delete(f"/api/library/tags/{tag['id']}").status_code == 204


def test_deleting_many_is_recorded_for_each(browser: ApiClient, appliance: Appliance) -> None:
    ids = [send(browser).json["id"] for _ in range(2)]
    stranger = open_page(browser.application)
    assert act(stranger, "delete", *ids) == []
    assert act(browser, "delete", *ids, NOTHING) == ids
    for each in ids:
        assert appliance.audit.page(AuditFilter(object=each))[0].action == "transcript.delete"
    assert act(browser, "restore", *ids) == ids


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": "explode", "ids": ["x"]},
        {"action": "delete", "ids": []},
        {"action": "delete", "ids": ["x"] * 1001},
        {"action": "tag", "ids": ["x"]},
        {"action": "tag", "ids": ["x"], "tags": [" "]},
        {"action": "move", "ids": ["x"], "folder": "../etc"},
    ],
)
def test_a_malformed_action_is_refused(browser: ApiClient, body: dict[str, object]) -> None:
    assert browser.post("/api/library/actions", json=body).status_code == 400


def test_a_missing_folder_is_named(browser: ApiClient) -> None:
    id = send(browser).json["id"]
    answer = browser.post("/api/library/actions", json={"action": "move", "ids": [id], "folder": NOTHING})
    assert (answer.status_code, answer.json["error"]["field"]) == (404, "folder")
    assert browser.get("/api/transcripts?folder=none").json["total"] >= 1
