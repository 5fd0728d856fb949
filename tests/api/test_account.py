"""What people do with their own account."""

import io
import json
import zipfile

import pytest
from flask_openapi3 import OpenAPI

from tests.support.client import PASSWORD, ApiClient, client_of, send, signed_in, with_key
from whisper_appliance.accounts.usage import UserQuota
from whisper_appliance.app.appliance import Appliance

NEW = "another four words here"


@pytest.fixture
def ada(app: OpenAPI) -> ApiClient:
    return signed_in(app)


def test_an_account_has_its_usage_and_quota(app: OpenAPI, ada: ApiClient) -> None:
    key = with_key(app, "transcribe", user=ada.user)
    send(ada, words="one two")
    send(key, words="one")
    account = ada.get("/api/account").json
    assert account["month_seconds"] == sum(day["audio_seconds"] for day in account["days"]) > 0
    assert {(day["key"], day["jobs"]) for day in account["days"]} == {(None, 1), ("a program", 1)}
    assert account["quota"] == {"minutes_per_month": None, "storage_bytes": 5 * 2**30, "waiting_jobs": 20}
    assert account["storage_bytes"] > 0


def test_changing_a_password_needs_the_old_one(app: OpenAPI, ada: ApiClient) -> None:
    elsewhere = signed_in(app, user=ada.user)
    wrong = ada.post("/api/account/password", json={"old": "not it", "new": NEW})
    assert (wrong.status_code, wrong.json["error"]["field"]) == (401, "old")
    assert ada.post("/api/account/password", json={"old": PASSWORD, "new": "short"}).status_code == 400
    assert ada.post("/api/account/password", json={"old": PASSWORD, "new": NEW}).status_code == 204
    assert ada.get("/api/account").status_code == 200
    assert elsewhere.get("/api/account").status_code == 401


def test_sessions_are_seen_and_ended(app: OpenAPI, ada: ApiClient) -> None:
    phone, tablet = signed_in(app, user=ada.user), signed_in(app, user=ada.user)
    sessions = ada.get("/api/account/sessions").json["sessions"]
    assert [session["current"] for session in sessions].count(True) == 1
    one = phone.get("/api/account/sessions").json["sessions"]
    (current,) = (session["id"] for session in one if session["current"])
    assert ada.delete(f"/api/account/sessions/{current}").status_code == 204
    assert phone.get("/api/account").status_code == 401
    assert ada.delete("/api/account/sessions").status_code == 204
    assert tablet.get("/api/account").status_code == 401
    assert len(ada.get("/api/account/sessions").json["sessions"]) == 1


def test_nobody_ends_sessions_or_keys_of_others(app: OpenAPI, ada: ApiClient) -> None:
    other = signed_in(app, "owner")
    (session,) = ada.get("/api/account/sessions").json["sessions"]
    key = with_key(app, "read", user=ada.user).key
    assert other.delete(f"/api/account/sessions/{session['id']}").status_code == 404
    assert other.delete(f"/api/account/keys/{key.id}").status_code == 404


def test_a_key_is_shown_once_works_and_is_revoked(app: OpenAPI, ada: ApiClient) -> None:
    made = ada.post("/api/account/keys", json={"name": "batch", "scopes": ["read"], "days": 30})
    assert made.status_code == 201
    token = made.json["token"]
    assert token not in ada.get("/api/account/keys").text
    api_client = client_of(app)
    headers = {"Authorization": f"Bearer {token}"}
    assert api_client.get("/api/account", headers=headers).json["name"] == ada.user.name
    assert ada.delete(f"/api/account/keys/{made.json['id']}").status_code == 204
    assert api_client.get("/api/account", headers=headers).status_code == 401
    assert ada.post("/api/account/keys", json={"name": "x", "scopes": ["admin"]}).status_code in (400, 403)


def test_the_data_export_has_all_transcripts(ada: ApiClient) -> None:
    for number in range(3):
        send(ada, words=f"word{number}", name=f"talk/{number}:.wav")
    answer = ada.get("/api/account/data")
    assert answer.mimetype == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(names) == len(set(names)) == 6
        assert all(name == name.lstrip("/.") and ".." not in name for name in names)
        texts = {archive.read(name).decode().strip() for name in names if name.startswith("2")}
        assert {"word0", "word1", "word2"} <= texts
        whole = next(name for name in names if name.endswith(".json"))
        assert json.loads(archive.read(whole))["segments"]


def test_an_account_is_deleted_with_everything(app: OpenAPI, ada: ApiClient, appliance: Appliance) -> None:
    bob = signed_in(app)
    id = send(ada).json["id"]
    path = ada.post(f"/api/transcripts/{id}/shares", json={}).json["path"]
    ada.post(f"/api/transcripts/{id}/shares", json={"user": bob.user.name})
    assert ada.delete("/api/account", json={"password": "wrong"}).status_code == 401
    assert ada.delete("/api/account", json={"password": PASSWORD}).status_code == 204
    assert bob.get(f"/api/transcripts/{id}").status_code == 404
    assert client_of(app).get(f"/api{path}").status_code == 404
    assert appliance.shares.for_transcript(id) == ()
    assert appliance.usage.rows_for(ada.user.id) == ()
    assert ada.post("/api/session", json={"name": ada.user.name, "password": PASSWORD}).status_code == 401


def test_used_up_minutes_are_refused_before_the_upload_is_read(ada: ApiClient, appliance: Appliance) -> None:
    appliance.usage.set_quota(ada.user.id, UserQuota(minutes_per_month=0.1))
    assert send(ada).status_code == 200
    refused = ada.post("/transcribe", content_type="multipart/form-data; boundary=x", data=b"no form at all")
    assert (refused.status_code, refused.json["error"]["code"]) == (429, "quota_reached")
    assert int(refused.headers["Retry-After"]) > 0


def test_full_storage_is_refused_before_the_upload_is_read(ada: ApiClient, appliance: Appliance) -> None:
    appliance.usage.set_quota(ada.user.id, UserQuota(storage_bytes=10))
    refused = ada.post("/transcribe", content_type="multipart/form-data; boundary=x", data=b"no form at all")
    assert (refused.status_code, refused.json["error"]["code"]) == (507, "storage_quota_reached")


def test_the_trash_can_be_emptied(ada: ApiClient, appliance: Appliance) -> None:
    kept, thrown = send(ada).json["id"], send(ada).json["id"]
    ada.delete(f"/api/transcripts/{thrown}")
    before = appliance.storage_usage.used_by(ada.user.id)
    assert ada.delete("/api/transcripts/trash").status_code == 204
    assert appliance.storage_usage.used_by(ada.user.id) < before
    assert ada.post(f"/api/transcripts/{thrown}/restore").status_code == 404
    assert ada.get(f"/api/transcripts/{kept}").status_code == 200
