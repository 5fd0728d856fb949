"""The model that a user chose, for recordings whose request names none."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask_openapi3 import OpenAPI

from tests.support.client import ApiClient, Response, client_of, send, signed_in, with_key
from whisper_appliance.app.appliance import Appliance

HTML = {"Accept": "text/html"}


@pytest.fixture
def own(appliance: Appliance, tiny_en: Path) -> Iterator[str]:
    """A second model on this machine; the default one is tiny.en."""
    folder = appliance.settings.model_dir / "own"
    folder.symlink_to(tiny_en)
    yield "own"
    folder.unlink(missing_ok=True)


@pytest.fixture
def ada(app: OpenAPI, own: str) -> ApiClient:
    ada = signed_in(app)
    assert ada.put("/api/account/model", json={"model": own}).status_code == 204
    return ada


def model_of_newest(appliance: Appliance, client: ApiClient) -> str | None:
    return appliance.queue.get(client.get("/api/jobs").json["jobs"][0]["id"]).wanted_model


def test_recordings_get_the_model_of_their_user(app: OpenAPI, ada: ApiClient, appliance: Appliance) -> None:
    assert ada.get("/api/account").json["model"] == "own"
    key = with_key(app, "transcribe", user=ada.user)
    for client in (ada, key):
        assert send(client).status_code == 200
        assert model_of_newest(appliance, ada) == "own"
    file = (io.BytesIO(b"one two"), "talk.wav")
    assert key.post("/v1/audio/transcriptions", data={"model": "whisper-1", "file": file}).status_code == 200
    assert model_of_newest(appliance, ada) == "own"
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
    assert model_of_newest(appliance, ada) == "own"


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


def test_a_repeated_request_gets_its_first_answer_after_another_choice(
    ada: ApiClient, appliance: Appliance
) -> None:
    repeated = {"Idempotency-Key": "once"}

    def sent() -> Response:
        file = (io.BytesIO(b"one two"), "talk.wav")
        return ada.post("/transcribe", data={"file": file}, headers=repeated)

    first = sent()
    appliance.accounts.users.set_model(ada.user.id, None)
    again = sent()
    assert (again.status_code, again.json["id"]) == (200, first.json["id"])


def test_a_model_that_failed_is_still_wanted_but_not_for_live_speech(
    ada: ApiClient, appliance: Appliance, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = appliance.models.get_model("own")
    assert own
    failed = replace(own, state="failed")
    monkeypatch.setattr(appliance.models, "get_model", lambda name: failed)
    submit = appliance.submit_recording
    assert submit.model_for(ada.user.id, None, "transcribe") == "own"
    assert submit.live_model_for(ada.user.id, None, "transcribe") is None


def test_live_speech_gets_the_model_of_its_user(app: OpenAPI, ada: ApiClient, appliance: Appliance) -> None:
    socket = app.extensions["socketio"].test_client(app, flask_test_client=ada)
    opened = socket.emit("live:start", {"v": 1}, callback=True)
    assert opened["ok"], opened
    (session,) = (each for each in appliance.live.sessions if each.id == opened["session"])
    assert session.info.model == "own"
    socket.emit("live:cancel", {"session": opened["session"]}, callback=True)


def test_only_a_model_of_this_machine_can_be_chosen(ada: ApiClient) -> None:
    for name in ("small", "../x", ""):
        refused = ada.put("/api/account/model", json={"model": name})
        assert (refused.status_code, refused.json["error"]["field"]) == (400, "model")
    assert ada.get("/api/account").json["model"] == "own"
    assert ada.put("/api/account/model", json={"model": None}).status_code == 204
    assert ada.get("/api/account").json["model"] is None


def test_the_pages_show_the_chosen_model(app: OpenAPI, ada: ApiClient) -> None:
    assert "<option selected>own</option>" in ada.get("/account", headers=HTML).text
    assert 'data-own="own"' in ada.get("/", headers=HTML).text
    assert "data-own" not in client_of(app).get("/", headers=HTML).text
