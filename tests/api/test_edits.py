"""A transcript is corrected: by several editors, with undo, and with versions that can be restored."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask_openapi3 import OpenAPI

from tests.support.client import ApiClient, Response, open_page, send, signed_in
from tests.support.statements import statements, transcript_reads
from tests.support.wait import wait_until
from whisper_appliance.app.appliance import Appliance


def edit(client: ApiClient, id: str, *operations: dict[str, Any], seen: str = "*") -> Response:
    return client.patch(
        f"/api/transcripts/{id}/segments", json={"operations": operations}, headers={"If-Match": seen}
    )


def replaced(key: str, text: str) -> dict[str, Any]:
    return {"op": "replace_text", "segment": key, "text": text}


def read(client: ApiClient, id: str) -> list[str]:
    return [each["text"].strip() for each in client.get(f"/api/transcripts/{id}").json["segments"]]


@pytest.fixture
def id(browser: ApiClient) -> str:
    """A transcript of two segments, a word each."""
    return str(send(browser, words="Kulbna Shavla").json["id"])


def test_an_edit_is_in_the_transcript_the_exports_and_the_search(browser: ApiClient, id: str) -> None:
    assert browser.get(f"/api/transcripts/{id}").json["revision"] == 0
    answer = edit(browser, id, replaced("0", "Gulnara"), seen='"0"')
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"1"')
    (change,) = answer.json["changes"]
    assert change["hunks"][0]["removed"] == ["0"]
    assert change["hunks"][0]["added"][0]["text"] == " Gulnara"
    assert read(browser, id) == ["Gulnara", "Shavla"]
    assert "Gulnara" in browser.get(f"/api/transcripts/{id}?format=srt").text
    assert len(browser.get("/api/transcripts?q=gulnara").json["transcripts"]) == 1


def test_an_edit_must_name_what_it_changes(browser: ApiClient, id: str) -> None:
    path = f"/api/transcripts/{id}/segments"
    body = {"operations": [replaced("0", "x")]}
    assert browser.patch(path, json=body).status_code == 428
    assert browser.patch(path, json=body, headers={"If-Match": "abc"}).status_code == 400
    assert read(browser, id) == ["Kulbna", "Shavla"]


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        ({"op": "replace_text", "segment": "0", "text": "x" * 10_001}, 400),
        ({"op": "replace_text", "segment": "../0", "text": "x"}, 400),
        ({"op": "replace_text", "segment": "99", "text": "x"}, 404),
        ({"op": "set_speaker", "segments": ["0"], "speaker": "x" * 101}, 400),
        ({"op": "set_times", "segment": "0", "start": -1, "end": 1}, 400),
        ({"op": "set_times", "segment": "0", "start": 0, "end": 1e9}, 400),
        ({"op": "split", "segment": "0", "at": 0}, 400),
        ({"op": "merge", "segment": "1", "following": "0"}, 400),
        ({"op": "format_disk"}, 400),
        ("delete", 400),
    ],
)
def test_an_operation_that_cannot_be_done_changes_nothing(
    browser: ApiClient, id: str, operation: Any, status: int
) -> None:
    answer = edit(browser, id, replaced("1", "x"), operation)
    assert answer.status_code == status
    assert answer.json["error"]["message"]
    assert read(browser, id) == ["Kulbna", "Shavla"]


def test_no_or_too_many_operations_are_refused(browser: ApiClient, id: str) -> None:
    assert edit(browser, id).status_code == 400
    assert edit(browser, id, *[{"op": "delete", "segments": []}] * 5001).status_code == 400
    answer = edit(browser, id, *[replaced("0", "x" * 9000)] * 300)
    assert answer.status_code == 413
    assert edit(browser, id, *[replaced("0", "x" * 900)] * 300).status_code == 200


def test_the_second_editor_keeps_other_segments_and_is_refused_the_same(browser: ApiClient, id: str) -> None:
    edit(browser, id, replaced("0", "Gulnara"), seen='"0"')
    merged = edit(browser, id, replaced("1", "Shavlan"), seen='"0"')
    assert [each["revision"] for each in merged.json["changes"]] == [1, 2]
    refused = edit(browser, id, replaced("0", "Kalbna"), seen='"0"')
    assert (refused.status_code, refused.headers["ETag"]) == (412, '"2"')
    assert refused.json["error"]["code"] == "changed_meanwhile"
    assert [each["revision"] for each in refused.json["changes"]] == [1, 2]
    assert read(browser, id) == ["Gulnara", "Shavlan"]


def test_undo_goes_back_to_the_first_edit_and_redo_forward(browser: ApiClient, id: str) -> None:
    headers = {"If-Match": "*"}
    for text in ("a", "b", "c"):
        edit(browser, id, replaced("0", text))
    for text in ("b", "a", "Kulbna"):
        answer = browser.post(f"/api/transcripts/{id}/undo", headers=headers)
        assert read(browser, id)[0] == text
    assert (answer.json["can_undo"], answer.json["can_redo"]) == (False, True)
    assert browser.post(f"/api/transcripts/{id}/undo", headers=headers).status_code == 409
    for text in ("a", "b", "c"):
        browser.post(f"/api/transcripts/{id}/redo", headers=headers)
        assert read(browser, id)[0] == text


def test_versions_have_an_author_a_readable_difference_and_can_be_restored(app: OpenAPI) -> None:
    ada = signed_in(app)
    id = str(send(ada, words="Kulbna Shavla").json["id"])
    assert ada.get(f"/api/transcripts/{id}/versions").json["versions"] == []
    edit(ada, id, replaced("0", "Gulnara"), {"op": "set_speaker", "segments": ["0"], "speaker": "Bo"})
    newest, original = ada.get(f"/api/transcripts/{id}/versions").json["versions"]
    assert (newest["author"], newest["mine"], original["kind"]) == (ada.user.name, True, "original")
    (line,) = ada.get(f"/api/transcripts/{id}/versions/1").json["lines"]
    assert (line["before"], line["after"], line["speaker_after"]) == ("Kulbna", "Gulnara", "Bo")
    restored = ada.post(f"/api/transcripts/{id}/versions/0/restore", headers={"If-Match": '"1"'})
    assert restored.json["revision"] == 2
    assert read(ada, id) == ["Kulbna", "Shavla"]
    assert ada.get(f"/api/transcripts/{id}/versions/99").status_code == 404


def test_a_deleted_transcript_is_not_found_and_its_edits_come_back_with_it(
    browser: ApiClient, id: str
) -> None:
    edit(browser, id, replaced("0", "Gulnara"))
    browser.delete(f"/api/transcripts/{id}")
    assert edit(browser, id, replaced("0", "x")).status_code == 404
    assert browser.post(f"/api/transcripts/{id}/undo", headers={"If-Match": "*"}).status_code == 404
    browser.post(f"/api/transcripts/{id}/restore")
    assert read(browser, id) == ["Gulnara", "Shavla"]


def test_a_stranger_edits_nothing(app: OpenAPI, id: str) -> None:
    stranger = open_page(app)
    assert edit(stranger, id, replaced("0", "x")).status_code == 404
    assert stranger.get(f"/api/transcripts/{id}/versions").status_code == 404
    assert stranger.get(f"/api/transcripts/{id}/changes").status_code == 404


def test_another_editor_gets_the_changes_as_they_happen(
    browser: ApiClient, id: str, appliance: Appliance
) -> None:
    edit(browser, id, replaced("0", "Gulnara"))
    stream = browser.get(f"/api/transcripts/{id}/changes?since=0")
    frames = _frames(stream)
    assert '"revision": 1' in next(frames)
    assert '"title": "talk"' in next(frames)
    wait_until(lambda: appliance.edit_notifier.subscriber_count() == 1)
    edit(browser, id, replaced("1", "Shavlan"))
    edit(browser, id, {"op": "delete", "segments": ["0"]})
    first, second = next(frames), next(frames)
    assert "Shavlan" in first
    assert "paragraphs" not in first
    assert '"paragraphs": [0]' in second
    browser.patch(f"/api/transcripts/{id}", json={"title": "Names"})
    assert '"title": "Names"' in next(frames)
    stream.close()
    resumed = browser.get(f"/api/transcripts/{id}/changes?since=0", headers={"Last-Event-ID": "2"})
    assert '"revision": 3' in next(_frames(resumed))
    resumed.close()


def test_the_stream_of_changes_ends_with_the_transcript(
    browser: ApiClient, id: str, appliance: Appliance
) -> None:
    stream = browser.get(f"/api/transcripts/{id}/changes?since=0")
    frames = _frames(stream)
    assert '"title": "talk"' in next(frames)
    browser.delete(f"/api/transcripts/{id}")
    appliance.edit_notifier.wake(id)
    assert list(frames) == []
    stream.close()


def test_a_stream_decodes_no_transcript_for_a_client_that_has_all_of_it(
    browser: ApiClient, id: str, appliance: Appliance
) -> None:
    edit(browser, id, replaced("0", "Gulnara"))
    read = browser.get(f"/api/transcripts/{id}")
    known = f"since=1&chapters={read.json['chapters']['revision']}&aligned={read.headers['X-Words-Aligned']}"
    stream = browser.get(f"/api/transcripts/{id}/changes?{known}")
    parts = (part.decode() for part in stream.response if isinstance(part, bytes))
    with statements() as made:
        sent = [next(parts) for _ in range(5)]
        assert [each.split("\n")[0] for each in sent[1:]] == [
            "event: title", "event: notes", "event: recording", "event: translation"
        ]  # fmt: skip
        wait_until(lambda: appliance.edit_notifier.subscriber_count() == 1)
        appliance.edit_notifier.wake(id)
        browser.patch(f"/api/transcripts/{id}", json={"title": "Names"})
        made.clear()
        assert '"title": "Names"' in next(parts)
    assert transcript_reads(made) == 0
    assert not any("FROM users" in each for each in made)
    edit(browser, id, replaced("1", "Shavlan"))
    assert "event: change" in next(parts)
    assert "event: chapters" in next(parts)
    stream.close()


def test_what_a_client_has_is_named_by_whole_numbers(browser: ApiClient, id: str) -> None:
    address = f"/api/transcripts/{id}/changes"
    for wrong in ("aligned=-1", "aligned=x", "chapters=-1"):
        assert browser.get(f"{address}?{wrong}").status_code == 400
    assert browser.get(f"/api/transcripts/{id}").headers["X-Words-Aligned"] == "0"


def _frames(response: Response) -> Iterator[str]:
    for each in response.response:
        text = each.decode() if isinstance(each, bytes) else each
        if text.startswith(("id:", "event: title")):
            yield text
