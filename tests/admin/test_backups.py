"""Backups in the panel: made and fetched, laid ready, put in place at the next start."""

import io
import tarfile
from urllib.parse import quote

import pytest
from flask_openapi3 import OpenAPI

from tests.support.application import StartAppliance
from tests.support.client import ApiClient, client_of, send, signed_in
from whisper_appliance.accounts.audit import AuditFilter
from whisper_appliance.accounts.identity import Role
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.backups import age_format
from whisper_appliance.server.application import create_app

ROUTES = (
    ("GET", "/api/admin/backup"),
    ("GET", "/api/admin/backups/appliance-20260101T000000Z.sqlite"),
    ("PUT", "/api/admin/restore"),
    ("DELETE", "/api/admin/restore"),
)


@pytest.fixture
def owner(app: OpenAPI) -> ApiClient:
    return signed_in(app, "owner")


def test_a_copy_is_made_listed_and_fetched(owner: ApiClient) -> None:
    made = owner.post("/api/admin/backups")
    assert made.status_code == 200
    listed = owner.get("/api/admin/backups").json
    assert made.json in listed["copies"]
    assert listed["is_owner"]
    fetched = owner.get(f"/api/admin/backups/{made.json['name']}")
    assert fetched.data.startswith(b"SQLite format 3\x00")
    assert "attachment" in fetched.headers["Content-Disposition"]


def test_a_full_backup_has_the_announced_length(owner: ApiClient) -> None:
    send(owner, "one two")
    answer = owner.get("/api/admin/backup", buffered=True)
    assert answer.status_code == 200
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    with tarfile.open(fileobj=io.BytesIO(answer.data)) as archive:
        assert {"appliance.sqlite", "secret.key", "SHA256SUMS"} <= set(archive.getnames())


def test_a_download_that_is_broken_off_leaves_nothing(owner: ApiClient, appliance: Appliance) -> None:
    answer = owner.get("/api/admin/backup", buffered=False)
    next(iter(answer.response))
    answer.close()
    assert list((appliance.settings.data_dir / "backups").glob("making-*")) == []


def test_a_restore_is_staged_and_discarded(owner: ApiClient, appliance: Appliance) -> None:
    content = owner.get("/api/admin/backup", buffered=True).data
    laid = owner.put("/api/admin/restore", data=content, content_type="application/x-tar")
    assert laid.status_code == 200
    assert laid.json["whole"]
    assert owner.get("/api/admin/backups").json["ready"] == laid.json
    assert owner.delete("/api/admin/restore").status_code == 204
    assert owner.get("/api/admin/backups").json["ready"] is None
    assert owner.delete("/api/admin/restore").status_code == 404
    assert list((appliance.settings.data_dir / "restore").iterdir()) == []


def test_a_file_that_is_no_backup_is_refused_with_a_reason(owner: ApiClient) -> None:
    refused = owner.put("/api/admin/restore", data=b"hello" * 1000, content_type="application/x-tar")
    assert refused.status_code == 400
    assert "not a backup" in refused.json["error"]["message"]
    assert owner.get("/api/admin/backups").json["ready"] is None


def test_an_encrypted_backup_is_restored_with_its_passphrase_only(
    owner: ApiClient, appliance: Appliance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appliance.backups, "passphrase", "grüne Wiese im Mai")
    fetched = owner.get("/api/admin/backup", buffered=True)
    assert fetched.content_type == "application/age"
    assert int(fetched.headers["Content-Length"]) == len(fetched.data)
    assert owner.get("/api/admin/backups").json["encrypted"]
    for given, status in (("", 400), ("another passphrase", 400), ("grüne Wiese im Mai", 200)):
        answer = owner.put(
            "/api/admin/restore",
            data=fetched.data,
            content_type="application/age",
            headers={"Backup-Passphrase": quote(given)},
        )
        assert answer.status_code == status, answer.json
        assert (owner.get("/api/admin/backups").json["ready"] is None) == (status == 400)


def test_copy_names_cannot_leave_the_folder(owner: ApiClient) -> None:
    for name in ("secret.key", "..%2fsecret.key", "%2e%2e%2fsecret.key", "appliance-x.sqlite"):
        assert owner.get(f"/api/admin/backups/{name}").status_code == 404


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_only_the_owner_downloads_and_restores_backups(app: OpenAPI, method: str, path: str) -> None:
    roles: tuple[Role, ...] = ("admin", "member")
    for role in roles:
        assert signed_in(app, role).open(path, method=method).status_code == 403
    assert client_of(app).open(path, method=method).status_code in (401, 403)


def test_admins_may_list_and_create_copies(app: OpenAPI) -> None:
    admin = signed_in(app, "admin")
    assert admin.post("/api/admin/backups").status_code == 200
    assert not admin.get("/api/admin/backups").json["is_owner"]


def test_backup_actions_are_in_the_audit_log(owner: ApiClient, appliance: Appliance) -> None:
    owner.get("/api/admin/backup", buffered=True)
    actions = [record.action for record in appliance.audit.page(AuditFilter())]
    assert "backup.download" in actions


def test_with_a_passphrase_backups_and_copies_are_encrypted(start_appliance: StartAppliance) -> None:
    appliance = start_appliance(backup_passphrase="correct horse battery")
    owner = signed_in(create_app(appliance), "owner")
    assert owner.get("/api/admin/backups").json["encrypted"]
    whole = owner.get("/api/admin/backup", buffered=True)
    assert whole.mimetype == "application/age"
    copied = owner.get(f"/api/admin/backups/{owner.post('/api/admin/backups').json['name']}")
    assert copied.mimetype == "application/age"
    for content in (whole.data, copied.data):
        assert content.startswith(age_format.MAGIC)
        assert b"SQLite format 3" not in content
        for passphrase, status in (("", 400), ("another one", 400), ("correct horse battery", 200)):
            headers = {"Backup-Passphrase": quote(passphrase)}
            answer = owner.put("/api/admin/restore", data=content, headers=headers)
            assert answer.status_code == status
        assert owner.delete("/api/admin/restore").status_code == 204
