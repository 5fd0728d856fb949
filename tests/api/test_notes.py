"""Notes on a transcript: by its owner and those who may comment, changed by their authors only."""

import io
import zipfile
from typing import Any

import pytest
from flask_openapi3 import OpenAPI

from tests.support.client import ApiClient, Response, open_page, send, signed_in
from tests.support.statements import statements
from whisper_appliance.app.appliance import Appliance


@pytest.fixture
def ada(app: OpenAPI) -> ApiClient:
    return signed_in(app)


@pytest.fixture
def bob(app: OpenAPI) -> ApiClient:
    return signed_in(app)


@pytest.fixture
def id(ada: ApiClient) -> str:
    return str(send(ada, words="Kulbna Shavla").json["id"])


def share(owner: ApiClient, id: str, user: ApiClient, role: str) -> None:
    body = {"user": user.user.name, "role": role}
    assert owner.post(f"/api/transcripts/{id}/shares", json=body).status_code == 201


def write(client: ApiClient, id: str, text: str = "Who is that?", start: Any = 0.5) -> Response:
    return client.post(f"/api/transcripts/{id}/notes", json={"start": start, "text": text})


def texts(client: ApiClient, id: str) -> list[str]:
    return [note["text"] for note in client.get(f"/api/transcripts/{id}/notes").json["notes"]]


def test_a_note_is_written_changed_and_deleted(ada: ApiClient, id: str) -> None:
    made = write(ada, id)
    assert made.status_code == 201
    assert (made.json["author"], made.json["mine"], made.json["start"]) == (ada.user.name, True, 0.5)
    path = f"/api/transcripts/{id}/notes/{made.json['id']}"
    changed = ada.put(path, json={"start": 0.25, "text": "It is Gulnara."})
    assert (changed.status_code, changed.json["start"]) == (200, 0.25)
    assert ada.get(f"/api/transcripts/{id}").json["notes"] == [changed.json]
    assert ada.delete(path).status_code == 204
    assert texts(ada, id) == []
    assert ada.delete(path).status_code == 404


def test_a_commenter_writes_notes_and_edits_nothing(ada: ApiClient, bob: ApiClient, id: str) -> None:
    share(ada, id, bob, "commenter")
    assert bob.get(f"/api/transcripts/{id}").json["access"] == "comment"
    note = write(bob, id).json
    operations = {"operations": [{"op": "delete", "segments": ["0"]}]}
    refused = bob.patch(f"/api/transcripts/{id}/segments", json=operations, headers={"If-Match": "*"})
    assert refused.status_code == 404
    assert bob.patch(f"/api/transcripts/{id}", json={"title": "x"}).status_code == 404
    path = f"/api/transcripts/{id}/notes/{note['id']}"
    assert ada.put(path, json={"start": 0, "text": "not mine"}).status_code == 403
    assert ada.get(f"/api/transcripts/{id}").json["notes"][0]["mine"] is False
    assert bob.delete(f"/api/transcripts/{id}/notes/{write(ada, id).json['id']}").status_code == 403
    assert ada.delete(path).status_code == 204


def test_a_reader_reads_notes_and_a_stranger_does_not(
    app: OpenAPI, ada: ApiClient, bob: ApiClient, id: str
) -> None:
    write(ada, id)
    assert bob.get(f"/api/transcripts/{id}/notes").status_code == 404
    share(ada, id, bob, "reader")
    assert texts(bob, id) == ["Who is that?"]
    assert write(bob, id).status_code == 404
    link = ada.post(f"/api/transcripts/{id}/shares", json={"days": 1}).json["path"]
    visitor = open_page(app)
    for format_name in ("json", "md", "html"):
        shown = visitor.get(f"/api{link}?format={format_name}")
        assert shown.status_code == 200
        assert "Who is that?" not in shown.text


@pytest.mark.parametrize(
    "body",
    [
        {"start": -1, "text": "x"},
        {"start": 1e9, "text": "x"},
        {"start": "NaN", "text": "x"},
        {"start": 0, "text": "  "},
        {"start": 0, "text": "x" * 2001},
        {"start": 0},
        {"text": "x"},
    ],
)
def test_a_note_that_is_none_is_refused(ada: ApiClient, id: str, body: dict[str, Any]) -> None:
    assert ada.post(f"/api/transcripts/{id}/notes", json=body).status_code == 400
    assert texts(ada, id) == []


def test_exports_have_notes_unless_they_are_left_out(ada: ApiClient, id: str) -> None:
    write(ada, id, "<b>Who</b> *is* that?")
    address = f"/api/transcripts/{id}?download=true&format="
    assert "\\<b\\>Who" in ada.get(f"{address}md").text
    assert "&lt;b&gt;Who" in ada.get(f"{address}html").text
    assert ada.get(f"{address}json").json["notes"][0]["text"] == "<b>Who</b> *is* that?"
    for format_name in ("md", "html", "json"):
        assert "Who" not in ada.get(f"{address}{format_name}&notes=false").text
    assert "Who" not in ada.get(f"{address}srt").text


def test_an_archive_reads_the_name_of_each_author_once(ada: ApiClient, bob: ApiClient, id: str) -> None:
    ids = [id, str(send(ada, words="Gulnara").json["id"])]
    for each in ids:
        share(ada, each, bob, "commenter")
        write(ada, each)
        write(bob, each)
    with statements() as made:
        archive = ada.post("/api/transcripts/export", json={"ids": ids, "formats": ["html"]}).data
    with zipfile.ZipFile(io.BytesIO(archive)) as read:
        pages = [read.read(name).decode() for name in read.namelist()]
    assert len(pages) == 2
    assert all(ada.user.name in page and bob.user.name in page for page in pages)
    assert sum("users.name FROM users" in " ".join(each.split()) for each in made) == 1


def test_the_stream_of_changes_sends_notes(
    appliance: Appliance, ada: ApiClient, bob: ApiClient, id: str
) -> None:
    stream = ada.get(f"/api/transcripts/{id}/changes?since=0")
    parts = (part.decode() if isinstance(part, bytes) else part for part in stream.response)
    frames = (part for part in parts if part.startswith("event: notes"))
    assert '"notes": []' in next(frames)
    appliance.notes.add(id, 0.0, "Hello", author=bob.user.id)
    frame = next(frames)
    assert '"text": "Hello"' in frame
    assert '"mine": false' in frame
    stream.close()


def test_a_search_leads_to_the_note(ada: ApiClient, id: str) -> None:
    note = write(ada, id, "Zeppelin").json
    (found,) = ada.get("/api/transcripts?q=zeppelin").json["transcripts"]
    assert found["hits"][0]["note"] == note["id"]
    (said,) = ada.get("/api/transcripts?q=kulbna").json["transcripts"]
    assert said["hits"][0]["note"] is None
