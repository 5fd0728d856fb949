"""Presets: named sets of options of an account, and what requests make of them."""

import pytest
from flask_openapi3 import OpenAPI

from tests.support.client import ApiClient, client_of, send, signed_in, with_key
from whisper_appliance.app.appliance import Appliance

OPTIONS = {"language": "en", "hotwords": "Ødegaard", "format": "srt", "quality": "fast"}


@pytest.fixture
def ada(app: OpenAPI) -> ApiClient:
    return signed_in(app)


def make(client: ApiClient, name: str = "Interviews", **more: object) -> dict[str, object]:
    answer = client.post("/api/account/presets", json={"name": name, "options": OPTIONS, **more})
    assert answer.status_code == 201
    return dict(answer.json)


def test_a_preset_is_made_changed_and_deleted(ada: ApiClient) -> None:
    made = make(ada)
    assert ada.get("/api/account/presets").json["presets"] == [made]
    assert made["options"] == OPTIONS
    changed = {"name": "Talks", "options": {"task": "translate"}, "default": True}
    assert ada.put(f"/api/account/presets/{made['id']}", json=changed).json == {"id": made["id"], **changed}
    assert ada.delete(f"/api/account/presets/{made['id']}").status_code == 204
    assert ada.get("/api/account/presets").json["presets"] == []


def test_a_request_takes_the_options_of_a_preset_and_its_own_first(
    app: OpenAPI, ada: ApiClient, appliance: Appliance
) -> None:
    make(ada, default=True)
    key = with_key(app, "transcribe", user=ada.user)
    answer = send(key, preset="interviews")
    assert answer.mimetype == "application/x-subrip"
    made = send(key, preset="default", format="json", quality="accurate").json
    assert made["segments"]
    newest = appliance.queue.get(ada.get("/api/jobs").json["jobs"][0]["id"])
    assert (newest.options.hotwords, newest.options.language) == ("Ødegaard", "en")
    assert newest.options.quality == "accurate"


def test_a_new_default_preset_replaces_the_old_one(ada: ApiClient) -> None:
    make(ada, "a", default=True)
    make(ada, "b", default=True)
    assert [each["default"] for each in ada.get("/api/account/presets").json["presets"]] == [False, True]


def test_what_cannot_be_a_preset_is_refused(app: OpenAPI, ada: ApiClient) -> None:
    made = make(ada)
    for body, field in (
        ({"name": "interviews", "options": {}}, "name"), ({"name": " ", "options": {}}, "name"),
        ({"name": "Default", "options": {}}, "name"),
        ({"name": "x", "options": {"quality": "best"}}, "quality"),
        ({"name": "x", "options": {"nothing": 1}}, "nothing"),
        ({"name": "x", "options": {"language": "tlh"}}, "language"),
    ):  # fmt: skip
        answer = ada.post("/api/account/presets", json=body)
        assert answer.status_code in (400, 409)
        assert str(answer.json["error"]["field"]).endswith(field)
    refused = send(ada, preset="unknown")
    assert (refused.status_code, refused.json["error"]["field"]) == (400, "preset")
    assert send(client_of(app), preset="interviews").status_code == 401
    other = signed_in(app)
    assert send(other, preset=str(made["id"])).status_code == 400
    assert other.delete(f"/api/account/presets/{made['id']}").status_code == 404
