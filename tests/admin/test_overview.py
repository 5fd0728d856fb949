"""The overview and the statistics, as the panel asks for them."""

import io
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask_openapi3 import OpenAPI

from tests.support.application import StartAppliance
from tests.support.client import ApiClient, client_of, signed_in
from tests.support.jobs import Script
from tests.support.wait import wait_until
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.app.attention import Attention
from whisper_appliance.config.override_rows import OverrideRows
from whisper_appliance.core.clock import now
from whisper_appliance.server.application import create_app


@pytest.fixture
def admin(app: OpenAPI, appliance: Appliance) -> ApiClient:
    client = signed_in(app, "admin")
    sent = client.post("/transcribe", data={"file": (io.BytesIO(b"one two"), "a.wav"), "async": "true"})
    appliance.queue.wait(sent.json["id"], 60)
    return client


def test_the_overview_has_the_state_of_every_part(admin: ApiClient) -> None:
    seen = admin.get("/api/admin/overview").json
    assert seen["status"]["health"]["status"] == "ok"
    assert seen["status"]["host"]["cpu_count"] > 0
    assert seen["transcripts"]["count"] >= 1
    assert seen["transcripts"]["audio_seconds"] > 0
    assert seen["failures"] == {}
    assert isinstance(seen["gpus"], list)


def test_statistics_are_grouped_by_day_and_kind(admin: ApiClient) -> None:
    told = admin.get("/api/admin/statistics?days=7&zone=Europe/Oslo").json
    assert told["zone"] == "Europe/Oslo"
    (day,) = told["days"]
    assert (day["source"], day["language"]) == ("upload", "en")
    assert day["count"] >= 1
    assert len(day["day"]) == 10


@pytest.mark.parametrize("zone", ["Nowhere/At_All", "../../etc/passwd", "", "\0"])
def test_an_unknown_time_zone_is_utc(admin: ApiClient, zone: str) -> None:
    answer = admin.get("/api/admin/statistics", query_string={"zone": zone})
    assert answer.status_code == 200
    assert answer.json["zone"] == "UTC"


@pytest.mark.parametrize("days", ["0", "-1", "99999", "many"])
def test_a_range_that_cannot_be_is_refused(admin: ApiClient, days: str) -> None:
    answer = admin.get(f"/api/admin/statistics?days={days}")
    assert answer.status_code == 400
    assert answer.json["error"]["field"] == "days"


def test_requests_are_counted(app: OpenAPI, appliance: Appliance, admin: ApiClient) -> None:
    appliance.resource_sampler.sample_once()
    for _ in range(5):
        admin.get("/health")
    sample, _ = appliance.resource_sampler.sample_once()
    assert sample.requests is not None
    assert sample.requests > 0


def test_a_limit_is_counted_where_its_error_is_answered(
    start_appliance: StartAppliance, script: Script
) -> None:
    app = create_app(start_appliance(queue_limit=1, requests_per_minute=12, uploads_per_minute=6))
    admin, other = signed_in(app, "admin"), client_of(app)
    script.window_seconds = 0.5
    for _ in range(6):
        other.post("/transcribe", data={"file": (io.BytesIO(b"a b c d"), "a.wav"), "async": "1"})
    sockets = [app.extensions["socketio"].test_client(app, flask_test_client=other) for _ in range(9)]
    for each in sockets:
        each.emit("live:start", {"v": 1}, callback=True)
    other.post("/transcribe", data={"file": (io.BytesIO(b"a"), "a.wav")})
    while other.get("/api/models").status_code != 429:
        pass
    limits = admin.get("/api/admin/overview", environ_base={"REMOTE_ADDR": "192.0.2.8"}).json["limits"]
    assert {each["name"] for each in limits if each["refused"]} == {
        "queue", "live_sessions_per_user", "uploads_per_minute", "requests_per_minute"
    }  # fmt: skip
    assert limits[0]["text"]


def test_a_daily_copy_that_did_not_come_is_a_problem(start_appliance: StartAppliance) -> None:
    appliance = start_appliance(backup_daily=True)
    later = Attention(
        appliance.overrides, appliance.backups, appliance.store, tuple, lambda: None, lambda: False,
        clock=lambda: now() + timedelta(days=3),
    )  # fmt: skip
    status = replace(appliance.status(), uptime_seconds=700.0)
    wait_until(lambda: bool(appliance.backups.copies.copies()))
    assert [each.code for each in later.problems(status)] == ["backup_failed"]
    assert appliance.attention.problems(status) == ()


def test_a_setting_that_only_the_environment_sets_now_is_a_problem(start_appliance: StartAppliance) -> None:
    appliance = start_appliance()
    OverrideRows(appliance.database).put("watch_folder", "/srv", "Ada")
    again = start_appliance(data_dir=appliance.settings.data_dir)
    (found,) = again.attention.problems(again.status())
    assert (found.code, found.tone) == ("settings_not_applied", "bad")
    assert "WATCH_FOLDER" in found.message


def test_what_is_wrong_comes_first_with_what_to_do(
    start_appliance: StartAppliance, tmp_path: Path, tiny_en: Path
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "tiny.en").symlink_to(tiny_en)
    (models / "small.damaged-20260101-000000").mkdir()
    free = shutil.disk_usage(tmp_path).free
    appliance = start_appliance(model_dir=models, min_free_disk=int(free * 0.7), backup_daily=False)
    admin = signed_in(create_app(appliance), "admin")
    found = {each["code"]: each for each in admin.get("/api/admin/overview").json["problems"]}
    assert found["disk_nearly_full"]["tone"] == "caution"
    assert "larger disk" in found["disk_nearly_full"]["advice"]
    assert found["model_damaged"]["message"] == "The model small was damaged, and was set aside."
    assert found["model_damaged"]["page"] == "models"
    german = admin.get("/api/admin/overview", headers={"Accept-Language": "de"}).json["problems"]
    assert "Platte" in next(each for each in german if each["code"] == "disk_nearly_full")["message"]
