"""The model that a user chose, for recordings whose request names none."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask_openapi3 import OpenAPI

from tests.support.client import ApiClient, client_of, send, signed_in, with_key
from whisper_appliance.app.appliance import Appliance

HTML = {"Accept": "text/html"}


@pytest.fixture
def house(appliance: Appliance, tiny_en: Path) -> Iterator[str]:
    """A second model on this machine; the default one is tiny.en."""
    folder = appliance.settings.model_dir / "house"
    folder.symlink_to(tiny_en)
    yield "house"
    folder.unlink(missing_ok=True)


@pytest.fixture
def ada(app: OpenAPI, house: str) -> ApiClient:
    ada = signed_in(app)
    assert ada.put("/api/account/model", json={"model": house}).status_code == 204
    return ada


def model_of_newest(appliance: Appliance, client: ApiClient) -> str | None:
    return appliance.queue.get(client.get("/api/jobs").json["jobs"][0]["id"]).model


def test_recordings_get_the_model_of_their_user(app: OpenAPI, ada: ApiClient, appliance: Appliance) -> None:
    assert ada.get("/api/account").json["model"] == "house"
    key = with_key(app, "transcribe", user=ada.user)
    for client in (ada, key):
        assert send(client).status_code == 200
        assert model_of_newest(appliance, ada) == "house"
    file = (io.BytesIO(b"one two"), "talk.wav")
    assert key.post("/v1/audio/transcriptions", data={"model": "whisper-1", "file": file}).status_code == 200
    assert model_of_newest(appliance, ada) == "house"
    assert send(signed_in(app)).status_code == 200
    assert send(client_of(app)).status_code == 200


def test_a_request_and_its_preset_go_before_the_model_of_the_user(
    ada: ApiClient, appliance: Appliance
) -> None:
    send(ada, model="tiny.en")
    assert model_of_newest(appliance, ada) == "tiny.en"
    for name, options in (("named", {"model": "tiny.en"}), ("open", {"language": "en"})):
        ada.post("/api/account/presets", json={"name": name, "options": options})
    send(ada, preset="named")
    assert model_of_newest(appliance, ada) == "tiny.en"
    send(ada, preset="open")
    assert model_of_newest(appliance, ada) == "house"


def test_a_model_that_cannot_do_it_leaves_the_choice_to_the_appliance(
    ada: ApiClient, appliance: Appliance
) -> None:
    appliance.accounts.users.set_model(ada.user.id, "tiny.en")
    assert appliance.submit_recording.model_for(ada.user.id, "en", "transcribe") == "tiny.en"
    assert appliance.submit_recording.model_for(ada.user.id, "de", "transcribe") is None
    assert appliance.submit_recording.model_for(ada.user.id, "en", "translate") is None
    appliance.accounts.users.set_model(ada.user.id, "gone")
    assert appliance.submit_recording.model_for(ada.user.id, "en", "transcribe") is None
    assert send(ada).status_code == 200
    page = ada.get("/account", headers=HTML).text
    assert "gone is not on this machine any more" in page


def test_only_a_model_of_this_machine_can_be_chosen(ada: ApiClient) -> None:
    for name in ("small", "../x", ""):
        refused = ada.put("/api/account/model", json={"model": name})
        assert (refused.status_code, refused.json["error"]["field"]) == (400, "model")
    assert ada.get("/api/account").json["model"] == "house"
    assert ada.put("/api/account/model", json={"model": None}).status_code == 204
    assert ada.get("/api/account").json["model"] is None


def test_the_pages_show_the_chosen_model(app: OpenAPI, ada: ApiClient) -> None:
    assert "<option selected>house</option>" in ada.get("/account", headers=HTML).text
    assert 'data-own="house"' in ada.get("/", headers=HTML).text
    assert "data-own" not in client_of(app).get("/", headers=HTML).text
