"""Who asks is known from a session or a key; what they may is held on every route."""

from datetime import timedelta

import pytest
from flask_openapi3 import OpenAPI

from tests.support.client import ApiClient, client_of, open_page, send, signed_in, with_key
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.app.appliance import Appliance

NOTHING = "0" * 32


def test_a_user_owns_what_they_make_in_every_browser(app: OpenAPI) -> None:
    client = signed_in(app)
    id = send(client).json["id"]
    elsewhere = signed_in(app, user=client.user)
    assert [each["id"] for each in elsewhere.get("/api/transcripts").json["transcripts"]] == [id]


def test_other_users_get_404_for_a_users_transcript(app: OpenAPI) -> None:
    id = send(signed_in(app)).json["id"]
    for other in (signed_in(app), signed_in(app, "owner"), open_page(app), client_of(app)):
        for address in (f"/api/transcripts/{id}", f"/api/jobs/{id}", f"/api/jobs/{id}/events"):
            assert other.get(address).status_code == 404
        assert other.delete(f"/api/transcripts/{id}").status_code == 404


def test_an_ended_session_is_reported_and_its_cookie_cleared(app: OpenAPI, appliance: Appliance) -> None:
    client = signed_in(app)
    appliance.accounts.users.disable(client.user.id, by=SHELL)
    answer = client.get("/api/transcripts")
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "sign_in_required")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "session=;" in answer.headers["Set-Cookie"]
    assert client.get("/api/transcripts").status_code == 200  # a visitor from now on


@pytest.mark.parametrize("sent", ["", "0" * 64])
def test_a_request_with_a_session_and_without_its_csrf_token_is_refused(app: OpenAPI, sent: str) -> None:
    client = signed_in(app)
    answer = client.delete(f"/api/transcripts/{NOTHING}", headers={"X-CSRF-Token": sent})
    assert answer.status_code == 403
    assert client.delete(f"/api/transcripts/{NOTHING}").status_code == 404


def test_the_csrf_token_of_another_session_is_refused(app: OpenAPI) -> None:
    one, other = signed_in(app), signed_in(app)
    token = other.environ_base["HTTP_X_CSRF_TOKEN"]
    answer = one.delete(f"/api/transcripts/{NOTHING}", headers={"X-CSRF-Token": token})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "header", ["Bearer wa_" + "x" * 43, "Bearer something", "Bearer ", "bearer wa_", "Bearer wa_\xff"]
)
def test_an_invalid_key_is_refused_and_not_treated_as_a_visitor(api_client: ApiClient, header: str) -> None:
    assert api_client.get("/api/transcripts", headers={"Authorization": header}).status_code == 401
    assert api_client.post("/transcribe", headers={"Authorization": header}).status_code == 401


def test_a_key_is_accepted_in_the_header_only(app: OpenAPI) -> None:
    client = with_key(app, "read")
    secret = client.environ_base.pop("HTTP_AUTHORIZATION").removeprefix("Bearer ")
    client.set_cookie("session", secret)
    assert client.get("/api/transcripts").status_code == 401
    assert client.get(f"/api/jobs?key={secret}&access_token={secret}").json["jobs"] == []


def test_a_key_may_do_what_its_scopes_say(app: OpenAPI) -> None:
    reads = with_key(app, "read")
    sends = with_key(app, "transcribe", user=reads.user)
    writes = with_key(app, "read", "write", user=reads.user)
    made = send(sends)
    id = made.json["id"]
    assert send(reads).status_code == 403
    assert reads.get(f"/api/transcripts/{id}").status_code == 200
    assert sends.get(f"/api/transcripts/{id}").status_code == 403
    assert sends.get("/api/transcripts").status_code == 403
    assert reads.patch(f"/api/transcripts/{id}", json={"title": "x"}).status_code == 403
    assert reads.delete(f"/api/transcripts/{id}").status_code == 403
    assert reads.delete(f"/api/jobs/{id}").status_code == 403
    assert writes.patch(f"/api/transcripts/{id}", json={"title": "x"}).status_code == 200
    assert writes.delete(f"/api/transcripts/{id}").status_code == 204


def test_an_admins_key_needs_the_admin_scope_to_administer(app: OpenAPI, appliance: Appliance) -> None:
    boss = signed_in(app, "admin").user
    assert with_key(app, "read", "write", user=boss).get("/admin").status_code == 403
    keyed = with_key(app, "admin", user=boss)
    assert keyed.get("/admin").status_code == 302
    appliance.accounts.users.set_role(boss.id, "member", by=SHELL)
    assert keyed.get("/admin").status_code == 403


def test_a_key_that_ended_or_was_revoked_is_refused(app: OpenAPI, appliance: Appliance) -> None:
    ended = with_key(app, "read", days=timedelta(milliseconds=1) / timedelta(days=1))
    assert ended.get("/api/transcripts").status_code == 401
    revoked = with_key(app, "read")
    assert revoked.get("/api/transcripts").status_code == 200
    appliance.accounts.keys.revoke(revoked.key.id, by=SHELL)
    assert revoked.get("/api/transcripts").status_code == 401
