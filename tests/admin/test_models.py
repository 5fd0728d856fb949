"""The models in the panel: fetched, loaded, chosen, verified, imported, deleted, and followed."""

import json
import shutil
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from flask_openapi3 import OpenAPI

from tests.support.application import StartAppliance
from tests.support.client import ApiClient, signed_in
from tests.support.hub import HubStandIn, hub_stand_in
from tests.support.wait import wait_until
from whisper_appliance.admin.models import model_events
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.models.hub import Hub

pytestmark = pytest.mark.slow  # downloads, verifies and loads models

PATH = "/api/admin/models"
REPOSITORY = "somebody/little-model"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubStandIn]:
    """A hub on the loopback, with a model of a megabyte."""
    folder = tmp_path_factory.mktemp("hub")
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (folder / name).write_text(name)
    (folder / "model.bin").write_bytes(b"weights " * 2**17)
    with hub_stand_in(folder, REPOSITORY) as hub:
        yield hub


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Path:
    """A folder of models of this test's own."""
    models = tmp_path_factory.mktemp("own models")
    shutil.copytree(tiny_en, models / "tiny.en", copy_function=lambda a, b: Path(b).symlink_to(a))
    return models


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data of models")


@pytest.fixture(scope="module")
def appliance(start_appliance: StartAppliance, hub: HubStandIn, folder: Path, data: Path) -> Appliance:
    """Its default is the setting's own, so that the panel may choose another."""
    return start_appliance(
        hub=Hub(hub.address, pause_seconds=0.01), model_dir=folder, data_dir=data, whisper_model=None
    )


@pytest.fixture
def admin(app: OpenAPI) -> ApiClient:
    return signed_in(app, "admin")


def model(admin: ApiClient, name: str) -> dict[str, Any]:
    """As the panel shows it; nothing when it does not."""
    found: list[dict[str, Any]] = admin.get(PATH).json["models"]
    return next((each for each in found if each["name"] == name), {})


def ended(admin: ApiClient, name: str) -> dict[str, Any]:
    """The errand of a model, once it has ended."""
    wait_until(lambda: (model(admin, name).get("errand") or {}).get("state") in ("done", "failed"))
    errand: dict[str, Any] = model(admin, name)["errand"]
    return errand


def test_the_catalogue_is_shown_with_what_fits_and_what_is_here(admin: ApiClient) -> None:
    seen = admin.get(PATH).json
    names = {each["name"]: each for each in seen["models"]}
    assert (names["tiny.en"]["state"], names["tiny.en"]["source"]) == ("idle", "folder")
    assert names["large-v3"]["state"] == "missing"
    assert names["base"]["default"]
    assert sum(each["recommended"] for each in seen["models"]) == 1
    assert (names["small"]["common"], names["small.en"]["common"]) == (True, False)
    assert seen["memory_bytes"] > 0
    assert seen["default_fixed"] is None
    assert "This machine runs models" in seen["advice"]


def test_a_model_of_the_hub_is_fetched_with_progress_cancelled_and_gone_on_with(
    admin: ApiClient, appliance: Appliance, hub: HubStandIn
) -> None:
    hub.let_go.clear()
    assert admin.post(PATH, json={"hub": REPOSITORY}).status_code == 202
    wait_until(hub.reached_half.is_set)
    wait_until(lambda: model(admin, REPOSITORY)["download"]["progress"] > 0.4)
    assert model(admin, REPOSITORY)["state"] == "downloading"
    assert admin.delete(f"{PATH}/{REPOSITORY}/download").status_code == 200
    hub.let_go.set()
    wait_until(lambda: model(admin, REPOSITORY)["download"]["state"] == "cancelled")
    assert admin.post(f"{PATH}/{REPOSITORY}/download").status_code == 202
    wait_until(lambda: model(admin, REPOSITORY)["state"] == "idle")
    assert [start for name, start in hub.ranges if name == "model.bin"][-1] > 0
    assert appliance.store.find(REPOSITORY)


def test_verifying_a_model_reports_damage(admin: ApiClient, folder: Path) -> None:
    assert admin.post(f"{PATH}/{REPOSITORY}/verify").status_code == 202
    assert ended(admin, REPOSITORY)["message"] == "Every file has the right checksum."
    assert ended(admin, REPOSITORY)["done_bytes"] >= 2**20
    weights = folder / "somebody--little-model/model.bin"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    admin.post(f"{PATH}/{REPOSITORY}/verify")
    wait_until(lambda: model(admin, REPOSITORY).get("errand", {}).get("state") == "failed")
    message = model(admin, REPOSITORY)["errand"]["message"]
    assert "checksum" in message or "arriving" in message


def test_a_folder_is_imported_under_a_name_and_deleted_by_that_name(
    admin: ApiClient, hub: HubStandIn, tmp_path: Path
) -> None:
    assert admin.post(PATH, json={"folder": str(hub.folder), "name": "mine"}).status_code == 202
    assert ended(admin, "mine")["message"] == "The model mine is imported."
    assert model(admin, "mine")["deletable"]
    assert admin.delete(f"{PATH}/mine", query_string={"confirm": "yours"}).status_code == 400
    assert admin.delete(f"{PATH}/mine", query_string={"confirm": "mine"}).status_code == 204
    assert model(admin, "mine") == {}


def test_an_imported_folder_without_a_model_is_refused_and_removed(admin: ApiClient, tmp_path: Path) -> None:
    admin.post(PATH, json={"folder": str(tmp_path), "name": "empty"})
    assert "model.bin is missing" in ended(admin, "empty")["message"]
    assert admin.delete(f"{PATH}/empty", query_string={"confirm": "empty"}).status_code == 204
    assert model(admin, "empty") == {}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"hub": "no-organisation"}, 400),
        ({"hub": "../x"}, 400),
        ({"folder": "relative", "name": "x"}, 400),
        ({"folder": "/x", "name": "../x"}, 400),
        ({"folder": "/x", "hub": "a/b", "name": "x"}, 400),
    ],
)
def test_an_invalid_import_is_refused(admin: ApiClient, body: dict[str, str], status: int) -> None:
    assert admin.post(PATH, json=body).status_code == status


def test_unknown_models_and_impossible_actions_are_refused(admin: ApiClient) -> None:
    assert admin.post(f"{PATH}/no-such-model/load").status_code == 404
    assert admin.post(f"{PATH}/large-v3/verify").status_code == 409
    assert admin.delete(f"{PATH}/large-v3/download").status_code == 404
    refused = admin.delete(f"{PATH}/base", query_string={"confirm": "base"})
    assert (refused.status_code, "default model" in refused.json["error"]["message"]) == (409, True)


def test_a_model_is_made_the_default_loaded_in_use_kept_and_unloaded(
    admin: ApiClient, appliance: Appliance
) -> None:
    assert admin.post(f"{PATH}/tiny.en/default").status_code == 202
    assert ended(admin, "tiny.en")["message"] == "tiny.en is the default model now."
    assert appliance.models.default == "tiny.en"
    row = next(
        each for each in admin.get("/api/admin/settings").json["settings"] if each["name"] == "WHISPER_MODEL"
    )
    assert (row["value"], row["source"]) == ("tiny.en", "panel")
    wait_until(lambda: model(admin, "tiny.en")["state"] == "ready")
    assert model(admin, "tiny.en")["memory_bytes"] > 0
    with appliance.models.engine("tiny.en"):
        refused = admin.post(f"{PATH}/tiny.en/unload")
        assert (refused.status_code, "in use" in refused.json["error"]["message"]) == (409, True)
    assert admin.post(f"{PATH}/tiny.en/unload").status_code == 200
    assert not model(admin, "tiny.en")["loaded"]


def _data(frame: str) -> Any:
    return json.loads(frame.partition("data: ")[2])


def test_the_model_stream_sends_the_whole_list_and_then_changes(
    admin: ApiClient, appliance: Appliance
) -> None:
    stream = model_events(appliance, sleep=lambda _seconds: time.sleep(0.01))
    frames = [next(stream)]
    appliance.overrides.set("model_downloads", "false", "Ada")
    while (
        frames[-1].startswith(":") or _data(frames[-1])["downloads_allowed"]
    ):  # another change may come first
        frames.append(next(stream))
    appliance.overrides.reset("model_downloads")
    assert frames[0].startswith("event: models\n")
    assert _data(frames[0])["downloads_allowed"] is True
    assert all(before != after for before, after in pairwise(frames))
    assert admin.get(f"{PATH}/events").mimetype == "text/event-stream"


def test_the_model_stream_is_in_the_language_of_the_browser(app: OpenAPI, appliance: Appliance) -> None:
    with app.test_request_context(headers={"Accept-Language": "de"}):
        first = next(iter(model_events(appliance)))
    models = json.loads(first.split("data: ")[1])
    assert models["advice"].startswith("Dieser Rechner lässt Modelle auf")
    assert "Eine gute Wahl ist" in models["advice"]
    assert "Das kleinste" in next(each for each in models["models"] if each["name"] == "tiny")["description"]


def test_where_the_default_is_given_at_the_start_it_is_fixed(
    start_appliance: StartAppliance, data: Path
) -> None:
    from whisper_appliance.server.application import create_app

    given = start_appliance(data_dir=data, whisper_model="small")
    admin = signed_in(create_app(given), "admin")
    assert "WHISPER_MODEL" in admin.get(PATH).json["default_fixed"]
    assert admin.post(f"{PATH}/tiny.en/default").status_code == 409
    assert given.models.default == "small"
    later = start_appliance(data_dir=data, whisper_model=None, model_dir=given.settings.model_dir)
    assert later.models.default == "tiny.en"
