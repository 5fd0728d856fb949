"""Chapters by hand: changed by editors with If-Match, shown to all who read, in documents and imports."""

import io
from typing import Any

import pytest

from tests.support.client import ApiClient, Response, send


@pytest.fixture
def id(browser: ApiClient) -> str:
    return str(send(browser, words="Kulbna Shavla").json["id"])


def put(client: ApiClient, id: str, chapters: Any, seen: str = "*") -> Response:
    path = f"/api/transcripts/{id}/chapters"
    return client.put(path, json={"chapters": chapters}, headers={"If-Match": seen})


def test_chapters_are_written_and_read(browser: ApiClient, id: str) -> None:
    empty = browser.get(f"/api/transcripts/{id}/chapters")
    assert empty.json == {"revision": 0, "by_hand": False, "chapters": []}
    answer = put(browser, id, [{"start": 1, "title": "Costs"}, {"start": 0}], empty.headers["ETag"])
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"1"')
    assert answer.json["chapters"] == [
        {"start": 0, "title": "Kulbna Shavla", "named": False},
        {"start": 1, "title": "Costs", "named": True},
    ]
    assert browser.get(f"/api/transcripts/{id}").json["chapters"] == answer.json
    link = browser.post(f"/api/transcripts/{id}/shares", json={"days": 1}).json["path"]
    assert browser.get(f"/api{link}").json["chapters"] == answer.json["chapters"]
    assert "## Costs" in browser.get(f"/api{link}?format=md").text
    assert "## Costs" in browser.get(f"/api/transcripts/{id}?format=md").text
    assert "## Costs" not in browser.get(f"/api/transcripts/{id}?format=md&chapters=false").text
    assert put(browser, id, None).json["by_hand"] is False


def test_a_change_names_what_it_replaces(browser: ApiClient, id: str) -> None:
    path = f"/api/transcripts/{id}/chapters"
    assert browser.put(path, json={"chapters": []}).status_code == 428
    assert put(browser, id, [{"start": 0}], '"0"').status_code == 200
    refused = put(browser, id, [], '"0"')
    assert (refused.status_code, refused.json["error"]["code"]) == (412, "changed_meanwhile")
    wrong: Any
    for wrong in ([{"start": -1}], [{"start": 0}, {"start": 0}], [{"start": "NaN"}], [{}], "x", [[]]):
        assert put(browser, id, wrong).status_code == 400
    assert browser.get(path).json["revision"] == 1


def test_chapters_move_with_their_transcript(browser: ApiClient, id: str) -> None:
    put(browser, id, [{"start": 0.5, "title": "Costs"}])
    exported = browser.get(f"/api/transcripts/{id}?format=json&download=true").data
    given = {"file": (io.BytesIO(exported), "talk.json")}
    (made,) = browser.post("/api/transcripts/import", data=given).json["imported"]
    moved = browser.get(f"/api/transcripts/{made['id']}/chapters").json
    assert moved["by_hand"]
    assert moved["chapters"][0]["title"] == "Costs"


def test_the_stream_of_changes_sends_chapters(browser: ApiClient, id: str) -> None:
    stream = browser.get(f"/api/transcripts/{id}/changes?since=0")
    parts = (part.decode() if isinstance(part, bytes) else part for part in stream.response)
    frames = (part for part in parts if part.startswith("event: chapters"))
    assert '"by_hand": false' in next(frames)
    assert put(browser, id, [{"start": 0, "title": "Costs"}]).status_code == 200
    assert '"title": "Costs"' in next(frames)
    stream.close()
