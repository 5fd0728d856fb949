"""Admins manage members, owners manage everybody; nobody reads what is not theirs."""

import csv

import pytest
from flask_openapi3 import OpenAPI

from tests.support.client import PASSWORD, ApiClient, an_account, client_of, send, signed_in, with_key
from whisper_appliance.accounts.audit import AuditFilter
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.live.replay import SessionRequest


@pytest.fixture
def owner(app: OpenAPI) -> ApiClient:
    return signed_in(app, "owner")


@pytest.fixture
def admin(app: OpenAPI) -> ApiClient:
    return signed_in(app, "admin")


def test_everybody_is_listed_with_use_and_quota(app: OpenAPI, admin: ApiClient) -> None:
    member = signed_in(app)
    send(member)
    users = {user["id"]: user for user in admin.get("/api/admin/users").json["users"]}
    found = users[member.user.id]
    assert (found["role"], found["manageable"], found["disabled"]) == ("member", True, False)
    assert found["month_seconds"] > 0
    assert found["storage_bytes"] > 0
    assert users[admin.user.id]["manageable"] is False


def test_a_quota_is_set_and_taken_back(app: OpenAPI, admin: ApiClient, appliance: Appliance) -> None:
    member = an_account(appliance)
    path = f"/api/admin/users/{member.id}"
    quota = {"minutes_per_month": 30, "storage_bytes": 10, "waiting_jobs": 2}
    assert admin.patch(path, json={"quota": quota}).json["own_quota"] == quota
    assert admin.patch(path, json={"quota": {}}).json["quota"]["storage_bytes"] == 5 * 2**30
    for bad in ({"minutes_per_month": -1}, {"waiting_jobs": 0}, {"storage_bytes": "x"}):
        assert admin.patch(path, json={"quota": bad}).status_code == 400


def test_admins_manage_members_and_only_owners_make_admins(
    app: OpenAPI, admin: ApiClient, owner: ApiClient, appliance: Appliance
) -> None:
    member = f"/api/admin/users/{an_account(appliance).id}"
    other_admin = f"/api/admin/users/{an_account(appliance, 'admin').id}"
    assert admin.patch(member, json={"role": "admin"}).status_code == 403
    assert admin.patch(f"/api/admin/users/{admin.user.id}", json={"role": "owner"}).status_code == 403
    for request in (
        admin.patch(other_admin, json={"disabled": True}),
        admin.delete(f"{other_admin}/sessions"),
        admin.delete(f"{other_admin}/keys"),
        admin.post(f"{other_admin}/password"),
        admin.delete(other_admin, json={"name": "x"}),
    ):
        assert request.status_code == 403
    assert admin.post("/api/admin/invitations", json={"role": "admin"}).status_code == 403
    assert owner.patch(member, json={"role": "admin"}).json["role"] == "admin"
    assert owner.patch(member, json={"role": "member"}).json["role"] == "member"
    assert owner.post("/api/admin/invitations", json={"role": "admin"}).status_code == 201


def test_a_disabled_user_is_out_at_once_and_back_again(app: OpenAPI, admin: ApiClient) -> None:
    member = signed_in(app)
    key = with_key(app, "read", user=member.user)
    path = f"/api/admin/users/{member.user.id}"
    assert admin.patch(path, json={"disabled": True}).json["disabled"] is True
    assert member.get("/api/account").status_code == 401
    assert key.get("/api/account").status_code == 401
    assert admin.patch(path, json={"disabled": False}).json["disabled"] is False
    assert key.get("/api/account").status_code == 200


def test_an_invitation_creates_an_account(app: OpenAPI, admin: ApiClient) -> None:
    made = admin.post("/api/admin/invitations", json={"note": "For Dora"}).json
    assert made["path"].startswith("/join/")
    token = made["path"].removeprefix("/join/")
    assert token not in admin.get("/api/admin/users").text
    dora = client_of(app)
    joined = dora.post("/api/join", json={"token": token, "name": "Dora", "password": PASSWORD})
    assert joined.json["user"]["role"] == "member"
    assert client_of(app).get(made["path"]).status_code == 404
    ended = admin.post("/api/admin/invitations", json={}).json
    assert admin.delete(f"/api/admin/invitations/{ended['id']}").status_code == 204
    assert client_of(app).get(ended["path"]).status_code == 404


def test_a_forgotten_password_is_replaced_and_its_user_and_the_audit_log_notice(
    app: OpenAPI, appliance: Appliance, admin: ApiClient
) -> None:
    member = signed_in(app)
    password = admin.post(f"/api/admin/users/{member.user.id}/password").json["password"]
    assert member.get("/api/account").status_code == 401
    sign_in = {"name": member.user.name, "password": password}
    assert client_of(app).post("/api/session", json=sign_in | {"password": PASSWORD}).status_code == 401
    assert client_of(app).post("/api/session", json=sign_in).status_code == 200
    (changed,) = appliance.audit.page(AuditFilter(action="user.password", object=member.user.id))
    assert changed.actor == admin.user.id
    signed, *_failed = appliance.audit.page(AuditFilter(action="sign_in", who=member.user.id))
    assert signed.action == "sign_in"
    assert signed.number > changed.number


def test_nobody_manages_their_own_account_without_its_password(owner: ApiClient) -> None:
    path = f"/api/admin/users/{owner.user.id}"
    refused = [
        owner.post(f"{path}/password"),
        owner.delete(f"{path}/second-factor"),
        owner.delete(path, json={"name": owner.user.name}),
    ]
    assert [answer.status_code for answer in refused] == [409] * 3
    assert all("your own account" in answer.json["error"]["message"] for answer in refused)
    assert owner.get("/api/account").status_code == 200


def test_keys_and_sessions_are_ended(app: OpenAPI, admin: ApiClient) -> None:
    member = signed_in(app)
    key = with_key(app, "read", user=member.user)
    path = f"/api/admin/users/{member.user.id}"
    detail = admin.get(path).json
    assert (len(detail["sessions"]), len(detail["keys"])) == (1, 1)
    assert admin.delete(f"{path}/keys").status_code == admin.delete(f"{path}/sessions").status_code == 204
    assert member.get("/api/account").status_code == key.get("/api/account").status_code == 401


def test_an_account_goes_with_its_transcripts(app: OpenAPI, admin: ApiClient, appliance: Appliance) -> None:
    member = signed_in(app)
    id = send(member).json["id"]
    path = f"/api/admin/users/{member.user.id}"
    assert admin.delete(path, json={"name": "somebody else"}).status_code == 400
    assert admin.delete(path, json={"name": member.user.name}).status_code == 204
    assert appliance.transcripts.purged_among([id]) == {id}
    assert admin.get(path).status_code == 404


def test_the_transcripts_of_a_deleted_account_go_to_an_heir(app: OpenAPI, admin: ApiClient) -> None:
    member, heir = signed_in(app), signed_in(app)
    id = send(member).json["id"]
    path = f"/api/admin/users/{member.user.id}"
    body = {"name": member.user.name, "heir": "no such user"}
    assert admin.delete(path, json=body).status_code == 404
    assert admin.delete(path, json={**body, "heir": heir.user.name}).status_code == 204
    assert heir.get(f"/api/transcripts/{id}").json["access"] == "own"
    assert admin.get(f"/api/transcripts/{id}").status_code == 404


def test_open_live_sessions_go_to_the_heir(app: OpenAPI, admin: ApiClient, appliance: Appliance) -> None:
    member, heir = signed_in(app), signed_in(app)
    opened = appliance.live.open(SessionRequest(), owner=member.user.id, connection="a microphone")
    body = {"name": member.user.name, "heir": heir.user.name}
    assert admin.delete(f"/api/admin/users/{member.user.id}", json=body).status_code == 204
    assert [session.info.owner for session in appliance.live.sessions] == [heir.user.id]
    appliance.live.cancel(opened.session, connection="a microphone")


def test_the_last_owner_cannot_be_deleted(app: OpenAPI, owner: ApiClient, appliance: Appliance) -> None:
    for user in appliance.accounts.users.list_users():
        if user.role == "owner" and user.id != owner.user.id:
            appliance.accounts.users.delete(user.id, by=SHELL)
    path = f"/api/admin/users/{owner.user.id}"
    assert owner.patch(path, json={"role": "member"}).status_code == 409
    assert owner.patch(path, json={"disabled": True}).status_code == 409
    assert owner.delete(path, json={"name": owner.user.name}).status_code == 409
    assert owner.delete("/api/account", json={"password": PASSWORD}).status_code == 409


def test_shares_are_seen_without_words_and_ended(app: OpenAPI, admin: ApiClient) -> None:
    member = signed_in(app)
    id = send(member, name="secret title.wav").json["id"]
    link = member.post(f"/api/transcripts/{id}/shares", json={}).json
    listed = admin.get("/api/admin/shares")
    assert "secret" not in listed.text
    assert link["path"].removeprefix("/shared/") not in listed.text
    (share,) = (each for each in listed.json["shares"] if each["id"] == link["id"])
    assert (share["by"], share["user"]) == (member.user.name, None)
    assert admin.delete(f"/api/admin/shares/{link['id']}").status_code == 204
    assert client_of(app).get(f"/api{link['path']}").status_code == 404


def test_the_users_api_has_the_access_mode(app: OpenAPI, admin: ApiClient) -> None:
    assert admin.put("/api/admin/openness", json={"openness": "accounts"}).status_code == 204
    assert client_of(app).get("/api/transcripts").status_code == 401
    assert admin.put("/api/admin/openness", json={"openness": "anybody"}).status_code == 400
    assert admin.put("/api/admin/openness", json={"openness": "network"}).status_code == 204
    assert client_of(app).get("/api/transcripts").status_code == 200


def test_the_audit_log_is_filtered_paged_and_exported(app: OpenAPI, admin: ApiClient) -> None:
    member = signed_in(app)
    for number in range(3):
        admin.patch(f"/api/admin/users/{member.user.id}", json={"quota": {"waiting_jobs": number + 1}})
    query = {"action": "user.quota", "object": member.user.id, "limit": 2}
    first = admin.get("/api/admin/audit", query_string=query).json
    assert [each["details"]["waiting_jobs"] for each in first["records"]] == [3, 2]
    second = admin.get("/api/admin/audit", query_string={**query, "before": first["next"]}).json
    assert [each["details"]["waiting_jobs"] for each in second["records"]] == [1]
    assert second["next"] is None
    assert "user.quota" in first["actions"]
    today = first["records"][0]["time"][:10]
    of_today = admin.get("/api/admin/audit", query_string={**query, "since": today, "until": today})
    assert len(of_today.json["records"]) == 2
    assert admin.get("/api/admin/audit", query_string={"since": "1 May"}).status_code == 400
    table = admin.get("/api/admin/audit.csv", query_string={"object": member.user.id})
    rows = list(csv.DictReader(table.text.splitlines()))
    assert {row["action"] for row in rows} >= {"user.quota"}
    assert rows[0]["actor_name"] == admin.user.name


def test_usage_is_a_table_that_no_name_can_turn_into_a_formula(
    app: OpenAPI, admin: ApiClient, appliance: Appliance
) -> None:
    member = signed_in(app, user=an_account(appliance, name="=1+1"))
    send(member)
    lines = admin.get("/api/admin/usage?by=day").json["usage"]
    assert [line["jobs"] for line in lines if line["user"] == member.user.id] == [1]
    table = list(csv.DictReader(admin.get("/api/admin/usage.csv").text.splitlines()))
    assert [row["user_name"] for row in table if row["user"] == member.user.id] == ["'=1+1"]
    assert admin.get("/api/admin/usage?by=week").status_code == 400
