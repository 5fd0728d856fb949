"""The appliance says how it is, at once, whatever state it is in."""

import io
import sqlite3
import threading
from pathlib import Path

import pytest

from tests.support.application import StartAppliance
from tests.support.client import ApiClient, client_of
from tests.support.wait import wait_until
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.timed_probe import TimedProbe
from whisper_appliance.server.application import create_app


def test_with_a_model_health_is_ok(api_client: ApiClient) -> None:
    answer = api_client.get("/health")
    assert answer.status_code == 200
    assert answer.json["status"] == "ok"
    assert answer.json["reasons"] == []


def test_the_status_has_what_the_pages_show(api_client: ApiClient) -> None:
    status = api_client.get("/api/status").json
    assert status["model"]["name"] == "tiny.en"
    assert status["model"]["state"] == "idle"
    assert status["queue"] == {"waiting": 0, "running": 0}
    assert status["limits"]["max_upload_bytes"] == 100 * 2**20
    assert status["host"]["disk_free_bytes"] > 0
    assert status["versions"]["faster-whisper"]


def test_models_are_listed_with_what_is_installed_and_what_fits(api_client: ApiClient) -> None:
    answer = api_client.get("/api/models").json
    models = {model["name"]: model for model in answer["models"]}
    assert answer["default"] == "tiny.en"
    assert models["tiny.en"]["installed"]
    assert not models["large-v3"]["installed"]
    assert models["large-v3"]["state"] == "unavailable"
    assert models["base"]["fits"]


def test_without_a_model_health_is_degraded_with_the_reason(start_appliance: StartAppliance) -> None:
    api_client = client_of(create_app(start_appliance(whisper_model="large-v3", model_downloads=False)))
    health = api_client.get("/health")
    assert health.status_code == 200
    assert health.json["status"] == "degraded"
    assert health.json["reasons"][0]["code"] == "model_unavailable"
    assert api_client.get("/api/status").json["model"]["reason"]


def test_health_reports_a_full_disk(start_appliance: StartAppliance) -> None:
    api_client = client_of(create_app(start_appliance(min_free_disk="900TiB")))
    assert [reason["code"] for reason in api_client.get("/health").json["reasons"]] == ["disk_full"]


def test_without_the_shared_folder_health_is_degraded_and_uploads_are_refused(
    start_appliance: StartAppliance, tmp_path: Path
) -> None:
    api_client = client_of(create_app(start_appliance(storage_url=tmp_path)))
    assert api_client.get("/health").json["reasons"] == []
    (tmp_path / "storage-id").rename(tmp_path / "unmounted")
    sent = api_client.post("/transcribe", data={"file": (io.BytesIO(b"to be"), "talk.wav")})
    assert sent.status_code == 503
    assert int(sent.headers["Retry-After"]) > 0
    assert str(tmp_path) not in sent.text
    away = client_of(create_app(start_appliance(storage_url=tmp_path)))
    (tmp_path / "storage-id").unlink()
    assert [reason["code"] for reason in away.get("/health").json["reasons"]] == ["disk"]


@pytest.fixture
def locked(start_appliance: StartAppliance) -> Appliance:
    return start_appliance()


def test_health_and_status_do_not_wait_for_a_locked_database(locked: Appliance) -> None:
    api_client = client_of(create_app(locked))
    api_client.get("/api/status")
    with sqlite3.connect(locked.settings.data_dir / "appliance.sqlite") as other:
        other.execute("BEGIN IMMEDIATE")
        assert api_client.get("/health").status_code == 200
        assert api_client.get("/api/status").status_code == 200
        assert api_client.get("/api/transcripts").status_code == 200
        other.rollback()


def test_a_probe_that_hangs_returns_the_last_value() -> None:
    go_on = threading.Event()
    answers = iter(["first"])

    def ask() -> str:
        for answer in answers:
            return answer
        go_on.wait(60)
        return "later"

    glance = TimedProbe(ask, timeout_seconds=0.05)
    assert glance.result().value == "first"
    assert [glance.result().value for _ in range(3)] == ["first"] * 3, "while the second probe still runs"
    assert glance.result().seconds_ago > 0
    go_on.set()
    wait_until(lambda: glance.result().value == "later")


def test_several_probes_run_in_parallel() -> None:
    both = threading.Barrier(2)
    glances = [TimedProbe(lambda: both.wait(60), timeout_seconds=10) for _ in range(2)]
    answers = [glance.start() for glance in glances]
    assert {answer().value for answer in answers} == {0, 1}


def test_the_first_answer_is_waited_for_longer() -> None:
    go_on = threading.Event()
    threading.Timer(0.2, go_on.set).start()

    def ask() -> str:
        go_on.wait(60)
        return "seen"

    assert TimedProbe(ask, timeout_seconds=0).result().value == "seen"
