"""Settings in the panel: shown with who says so, changed at once, and seen by the running parts."""

import io
import logging
from pathlib import Path

import pytest
from flask_openapi3 import OpenAPI

from tests.support.application import StartAppliance
from tests.support.client import ApiClient, signed_in
from whisper_appliance.app.appliance import Appliance

PATH = "/api/admin/settings"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("adjusted")


@pytest.fixture(scope="module")
def appliance(start_appliance: StartAppliance, folder: Path) -> Appliance:
    return start_appliance(data_dir=folder, queue_limit=50)


@pytest.fixture
def admin(app: OpenAPI) -> ApiClient:
    return signed_in(app, "admin")


def setting(admin: ApiClient, name: str) -> dict[str, object]:
    rows: list[dict[str, object]] = admin.get(PATH).json["settings"]
    return next(row for row in rows if row["name"] == name)


def change(admin: ApiClient, name: str, value: str, status: int = 200) -> dict[str, object]:
    answer = admin.put(f"{PATH}/{name}", json={"value": value})
    assert answer.status_code == status, answer.json
    row: dict[str, object] = answer.json
    return row


def send(client: ApiClient, size: int) -> int:
    body = {"file": (io.BytesIO(b"hello" + b" " * size), "a.wav")}
    return client.post("/transcribe", data=body).status_code


def test_every_setting_is_listed_with_its_origin(admin: ApiClient) -> None:
    rows = {row["name"]: row for row in admin.get(PATH).json["settings"]}
    assert (rows["DATA_DIR"]["source"], rows["DATA_DIR"]["changeable"]) == ("command line", False)
    assert (rows["TRASH_DAYS"]["value"], rows["TRASH_DAYS"]["source"]) == ("30", "default")
    assert rows["TRASH_DAYS"]["effect"] == "at once"
    assert rows["MAX_WEBSOCKETS"]["effect"] == "after a restart"


def test_a_smaller_upload_limit_refuses_the_next_upload(admin: ApiClient) -> None:
    assert send(admin, 3000) == 200
    change(admin, "MAX_UPLOAD_SIZE", "1KB")
    assert send(admin, 300_000) == 413
    assert admin.get("/api/status").json["limits"]["max_upload_bytes"] == 1024
    assert admin.delete(f"{PATH}/MAX_UPLOAD_SIZE").status_code == 200
    assert send(admin, 300_000) == 200


def test_running_parts_see_their_limits_change(admin: ApiClient, appliance: Appliance) -> None:
    change(admin, "LIVE_SESSIONS", "3")
    assert appliance.live.counts().limit == 3
    change(admin, "QUEUE_LIMIT_PER_USER", "2")
    assert appliance.queue.limits.per_owner == 2
    change(admin, "WAIT_SECONDS", "7")
    assert admin.get("/api/status").json["limits"]["wait_seconds"] == 7
    change(admin, "MODEL_DOWNLOADS", "false")
    assert not appliance.store.downloads_allowed
    change(admin, "TRASH_DAYS", "3")
    assert "for 3 days" in admin.get("/history").text
    for name in ("LIVE_SESSIONS", "QUEUE_LIMIT_PER_USER", "WAIT_SECONDS", "MODEL_DOWNLOADS", "TRASH_DAYS"):
        assert admin.delete(f"{PATH}/{name}").status_code == 200
    assert appliance.live.counts().limit == 8


def test_the_level_of_the_log_changes_at_once(admin: ApiClient) -> None:
    before = logging.getLogger().level
    try:
        change(admin, "LOG_LEVEL", "ERROR")
        assert logging.getLogger().level == logging.ERROR
        change(admin, "LOG_LEVEL", "DEBUG")
        assert logging.getLogger().level == logging.DEBUG
    finally:
        admin.delete(f"{PATH}/LOG_LEVEL")
        logging.getLogger().setLevel(before)


def test_settings_pending_a_restart_are_marked(admin: ApiClient) -> None:
    answer = change(admin, "MAX_WEBSOCKETS", "60")
    assert answer["restart"]["waiting"] == ["MAX_WEBSOCKETS"]  # type: ignore[index] # JSON
    assert setting(admin, "MAX_WEBSOCKETS")["waiting"] == "60"
    assert setting(admin, "MAX_WEBSOCKETS")["value"] == "100"
    admin.delete(f"{PATH}/MAX_WEBSOCKETS")
    assert admin.get("/api/admin/restart").json["waiting"] == []


def test_bad_values_names_and_what_is_given_at_the_start_are_refused(admin: ApiClient) -> None:
    assert "Write 1 or more." in str(change(admin, "LIVE_SESSIONS_PER_USER", "0", 400))
    assert "no host name" in str(change(admin, "CERTIFICATE_NAMES", "no name at all", 400))
    assert "command line" in str(change(admin, "QUEUE_LIMIT", "5", 409))
    assert "where the appliance is started" in str(change(admin, "DATABASE_URL", "sqlite://", 409))
    change(admin, "NO_SUCH_SETTING", "1", 404)


def test_changes_are_in_the_audit_log(admin: ApiClient) -> None:
    change(admin, "KEEP_AUDIO", "everyone")
    admin.delete(f"{PATH}/KEEP_AUDIO")
    records = admin.get("/api/admin/audit", query_string={"action": "setting"}).json["records"]
    assert [record["action"] for record in records[:2]] == ["setting.reset", "setting.change"]
    assert records[1]["details"] == {"value": "everyone"}


def test_a_restart_without_supervisor_is_refused_with_the_reason(admin: ApiClient) -> None:
    seen = admin.get("/api/admin/restart").json
    assert not seen["possible"]
    assert admin.post("/api/admin/restart").status_code == 409
    german = admin.get("/api/admin/restart", headers={"Accept-Language": "de"}).json
    assert german["reason"].startswith("Ein anderes Programm")


def test_changes_survive_a_restart(admin: ApiClient, start_appliance: StartAppliance, folder: Path) -> None:
    change(admin, "TRASH_DAYS", "4")
    change(admin, "MAX_WEBSOCKETS", "70")
    again = start_appliance(data_dir=folder, max_upload_size="9MB")
    assert (again.settings.trash_days, again.settings.max_websockets) == (4, 70)
    assert again.settings.max_upload_size == 9 * 2**20


def test_the_first_page_has_the_settings_that_people_change(admin: ApiClient) -> None:
    plain = {row["name"]: row for row in admin.get(PATH).json["settings"] if row["plain_name"]}
    assert len(plain) == 9  # the tenth is who may use it
    assert plain["MAX_UPLOAD_SIZE"]["plain_name"] == "Largest file"
    assert {"big", "files"} <= set(plain["MAX_UPLOAD_SIZE"]["search_words"].split())
    german = admin.get(PATH, headers={"Accept-Language": "de"}).json["settings"]
    assert "Größte Datei" in {row["plain_name"] for row in german}


def test_the_page_begins_with_the_language_of_the_settings(admin: ApiClient) -> None:
    change(admin, "DEFAULT_LANGUAGE", "de")
    assert '<option value="de" selected>' in admin.get("/").text
    admin.delete(f"{PATH}/DEFAULT_LANGUAGE")
    assert '<option value="de" selected>' not in admin.get("/").text
