"""Transcripts are shared with users and by links: to be read and exported, for as long as that is wanted."""

import pytest
from flask_openapi3 import OpenAPI

from tests.support.client import ApiClient, client_of, open_page, send, signed_in, with_key
from whisper_appliance.accounts.audit import AuditFilter
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.app.appliance import Appliance


@pytest.fixture
def ada(app: OpenAPI) -> ApiClient:
    return signed_in(app)


@pytest.fixture
def bob(app: OpenAPI) -> ApiClient:
    return signed_in(app)


def share(client: ApiClient, id: str, **body: object) -> dict[str, str]:
    answer = client.post(f"/api/transcripts/{id}/shares", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, str] = answer.json
    return made


def test_a_user_reads_and_exports_what_was_shared_until_it_is_not(ada: ApiClient, bob: ApiClient) -> None:
    id = send(ada, words="hello there", name="greeting.wav").json["id"]
    share_id = share(ada, id, user=bob.user.name)["id"]
    read = bob.get(f"/api/transcripts/{id}").json
    assert (read["text"], read["access"]) == ("hello there", "read")
    assert bob.get(f"/api/transcripts/{id}?format=srt&download=true").status_code == 200
    (received,) = bob.get("/api/transcripts/shared").json["transcripts"]
    assert (received["title"], received["shared_by"]) == ("greeting", ada.user.name)
    assert bob.get("/api/transcripts").json["transcripts"] == []
    assert ada.delete(f"/api/transcripts/{id}/shares/{share_id}").status_code == 204
    assert bob.get(f"/api/transcripts/{id}").status_code == 404
    assert bob.get("/api/transcripts/shared").json["transcripts"] == []


def test_a_reader_changes_nothing(ada: ApiClient, bob: ApiClient) -> None:
    id = send(ada).json["id"]
    shared = share(ada, id, user=bob.user.name)["id"]
    for answer in (
        bob.patch(f"/api/transcripts/{id}", json={"title": "Mine"}),
        bob.delete(f"/api/transcripts/{id}"),
        bob.get(f"/api/transcripts/{id}/shares"),
        bob.post(f"/api/transcripts/{id}/shares", json={}),
        bob.delete(f"/api/transcripts/{id}/shares/{shared}"),
    ):
        assert answer.status_code == 404


def test_what_is_in_the_trash_is_shared_with_nobody(app: OpenAPI, ada: ApiClient, bob: ApiClient) -> None:
    id = send(ada).json["id"]
    share(ada, id, user=bob.user.name)
    path = share(ada, id)["path"]
    ada.delete(f"/api/transcripts/{id}")
    assert bob.get(f"/api/transcripts/{id}").status_code == 404
    assert bob.get("/api/transcripts/shared").json["transcripts"] == []
    assert client_of(app).get(f"/api{path}").status_code == 404
    ada.post(f"/api/transcripts/{id}/restore")
    assert bob.get(f"/api/transcripts/{id}").status_code == 200
    assert client_of(app).get(f"/api{path}").status_code == 200


def test_a_public_link_opens_one_transcript_only(app: OpenAPI, ada: ApiClient) -> None:
    id = send(ada, words="open words", name="open.wav").json["id"]
    path = share(ada, id, days=1)["path"]
    stranger = client_of(app)
    assert stranger.get(path, headers={"Accept": "text/html"}).status_code == 200
    answer = stranger.get(f"/api{path}")
    assert answer.json["text"] == "open words"
    assert answer.json["expires"]
    assert id not in answer.text + str(answer.headers)
    assert {"id", "provenance", "model"} & set(answer.json) == set()
    saved = stranger.get(f"/api{path}?format=txt&download=true")
    assert saved.headers["Content-Disposition"].startswith('attachment; filename="open.txt"')
    assert id not in str(saved.headers)
    assert stranger.get(f"/api/transcripts/{id}").status_code == 404


def test_a_link_of_a_visitor_does_not_lead_to_the_visitors_rights(app: OpenAPI) -> None:
    nobody = client_of(app)
    id = send(nobody).json["id"]  # whoever knows this id may delete it
    path = share(nobody, id)["path"]
    answer = open_page(app).get(f"/api{path}")
    assert id not in answer.text + str(answer.headers)


def test_a_revoked_link_and_a_made_up_one_are_the_same(app: OpenAPI, ada: ApiClient) -> None:
    id = send(ada).json["id"]
    link = share(ada, id)
    ada.delete(f"/api/transcripts/{id}/shares/{link['id']}")
    gone, made_up = (client_of(app).get(path) for path in (f"/api{link['path']}", "/api/shared/made-up"))
    assert gone.status_code == made_up.status_code == 404
    assert gone.json["error"]["message"] == made_up.json["error"]["message"]


def test_links_of_a_disabled_user_lead_nowhere(app: OpenAPI, ada: ApiClient, appliance: Appliance) -> None:
    path = share(ada, send(ada).json["id"])["path"]
    appliance.accounts.users.disable(ada.user.id, by=SHELL)
    assert client_of(app).get(f"/api{path}").status_code == 404
    appliance.accounts.users.enable(ada.user.id, by=SHELL)
    assert client_of(app).get(f"/api{path}").status_code == 200


def test_only_users_share_with_users(browser: ApiClient, bob: ApiClient) -> None:
    id = send(browser).json["id"]
    answer = browser.post(f"/api/transcripts/{id}/shares", json={"user": bob.user.name})
    assert answer.status_code == 401
    assert share(browser, id)["path"].startswith("/shared/")


@pytest.mark.parametrize("body", [{"days": 0}, {"days": -1}, {"days": 1e9}, {"days": "x"}, {"user": 5}, []])
def test_a_share_with_contradicting_options_is_refused(ada: ApiClient, body: object) -> None:
    id = send(ada).json["id"]
    assert ada.post(f"/api/transcripts/{id}/shares", json=body).status_code == 400


def test_a_share_of_one_transcript_is_not_ended_through_another(ada: ApiClient) -> None:
    one, other = send(ada).json["id"], send(ada).json["id"]
    link = share(ada, one)
    assert ada.delete(f"/api/transcripts/{other}/shares/{link['id']}").status_code == 404
    assert ada.get(f"/api/transcripts/{one}/shares").json["shares"] == [link]


def test_a_reader_leaves_a_share(ada: ApiClient, bob: ApiClient) -> None:
    id = send(ada).json["id"]
    share(ada, id, user=bob.user.name)
    assert bob.delete(f"/api/transcripts/shared/{id}").status_code == 204
    assert bob.get(f"/api/transcripts/{id}").status_code == 404
    assert ada.get(f"/api/transcripts/{id}/shares").json["shares"] == []


def test_shares_and_exports_are_recorded_without_words(
    ada: ApiClient, bob: ApiClient, appliance: Appliance
) -> None:
    id = send(ada, words="secret words", name="secret title.wav").json["id"]
    share(ada, id, user=bob.user.name)
    bob.get(f"/api/transcripts/{id}?format=txt")
    ada.delete(f"/api/transcripts/{id}")
    records = appliance.audit.page(AuditFilter(object=id))
    assert [record.action for record in records] == ["transcript.delete", "transcript.export", "share.user"]
    assert records[1].actor_name == bob.user.name
    assert records[1].address == "127.0.0.1"
    assert "secret" not in str(records)


def test_an_editor_edits_and_renames_but_neither_deletes_nor_shares(ada: ApiClient, bob: ApiClient) -> None:
    id = send(ada, words="private words").json["id"]
    share(ada, id, user=bob.user.name, role="editor")
    transcript = bob.get(f"/api/transcripts/{id}").json
    assert transcript["access"] == "edit"
    edit = {
        "operations": [{"op": "replace_text", "segment": transcript["segments"][0]["key"], "text": "public"}]
    }
    edited = bob.patch(f"/api/transcripts/{id}/segments", json=edit, headers={"If-Match": '"0"'})
    assert edited.status_code == 200
    assert bob.post(f"/api/transcripts/{id}/undo", headers={"If-Match": "*"}).status_code == 200
    assert bob.patch(f"/api/transcripts/{id}", json={"title": "Theirs"}).json["title"] == "Theirs"
    assert bob.delete(f"/api/transcripts/{id}").status_code == 404
    assert bob.post(f"/api/transcripts/{id}/shares", json={}).status_code == 404
    assert bob.delete(f"/api/transcripts/{id}/audio").status_code == 404
    share(ada, id, user=bob.user.name, role="reader")
    assert bob.get(f"/api/transcripts/{id}").json["access"] == "read"
    assert bob.patch(f"/api/transcripts/{id}", json={"title": "Again"}).status_code == 404
    assert ada.post(f"/api/transcripts/{id}/shares", json={"role": "editor"}).status_code == 400


def test_what_is_in_a_shared_folder_is_read_searched_and_cited_until_the_reader_leaves(
    app: OpenAPI, appliance: Appliance, ada: ApiClient, bob: ApiClient
) -> None:
    folder = ada.post("/api/library/folders", json={"name": "Work"}).json["id"]
    body = {"user": bob.user.name}
    assert ada.post(f"/api/library/folders/{folder}/shares", json=body).json["role"] == "reader"
    id = send(ada, words="zebra crossing").json["id"]
    assert bob.get(f"/api/transcripts/{id}").status_code == 404
    ada.post("/api/library/actions", json={"action": "move", "ids": [id], "folder": folder})
    assert bob.get(f"/api/transcripts/{id}").json["access"] == "read"
    (received,) = bob.get("/api/library").json["shared_folders"]
    assert received == {"id": folder, "name": "Work", "shared_by": ada.user.name, "role": "reader"}
    for query in ("shared=too&q=zebra", "shared=only", f"shared=only&folder={folder}"):
        (found,) = bob.get(f"/api/transcripts?{query}").json["transcripts"]
        assert (found["id"], found["shared_by"], found["folder"]) == (id, ada.user.name, None)
    assert bob.get("/api/transcripts?q=zebra").json["total"] == 0
    assert bob.get("/api/library/folders/" + folder + "/shares").status_code == 404
    call = {"name": "search", "arguments": {"query": "zebra"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    program = with_key(app, "read", user=bob.user)
    assert id in program.post("/mcp", json=message).text
    reading = bob.get(f"/api/transcripts/{id}/changes")
    assert reading.status_code == 200
    reading.close()
    assert bob.delete(f"/api/library/shared-folders/{folder}").status_code == 204
    assert bob.get(f"/api/transcripts/{id}").status_code == 404
    assert id not in program.post("/mcp", json=message).text
    assert bob.get("/api/transcripts?shared=too&q=zebra").json["total"] == 0
    actions = {each.action for each in appliance.audit.page(AuditFilter(object=folder))}
    assert actions == {"share.folder", "share.give_up"}
