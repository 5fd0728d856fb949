"""Signing in and out over HTTP, the first start, invitations, and an appliance for accounts only."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask_openapi3 import OpenAPI

from tests.support.application import StartAppliance
from tests.support.client import (
    PASSWORD,
    ApiClient,
    Response,
    an_account,
    client_of,
    open_page,
    send,
    signed_in,
    with_key,
)
from whisper_appliance.accounts.accounts import Accounts, SignedIn
from whisper_appliance.accounts.identity import SHELL, User
from whisper_appliance.accounts.invitations import INVITATION_GONE
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.server.application import create_app
from whisper_appliance.web.auth.safe_redirect import safe_next

PAGE = {"Accept": "text/html"}
HTTPS = {"wsgi.url_scheme": "https"}


@pytest.fixture
def accounts(appliance: Appliance, monkeypatch: pytest.MonkeyPatch) -> Accounts:
    """With nobody's earlier attempts."""
    appliance.accounts.throttle.reset()
    return appliance.accounts


@pytest.fixture
def closed(accounts: Accounts) -> Iterator[None]:
    """An appliance for people with an account only."""
    accounts.access_mode.set("accounts", by=SHELL)
    yield
    accounts.access_mode.set("network", by=SHELL)


def sign_in(client: ApiClient, name: str, password: str = PASSWORD, **more: Any) -> Response:
    return client.post("/api/session", json={"name": name, "password": password}, **more)


def test_signing_in_makes_a_session_and_signing_out_ends_it(app: OpenAPI, accounts: Accounts) -> None:
    user = an_account(app.extensions["whisper_appliance"].appliance)
    client = open_page(app)
    answer = sign_in(client, user.name.upper())
    assert answer.json["user"] == {"id": user.id, "name": user.name, "role": "member"}
    page = client.get("/", headers=PAGE).text
    assert f'<span class="account-name">{user.name}</span>' in page
    token = page.split('name="csrf-token" content="')[1].split('"')[0]
    assert client.delete("/api/session").status_code == 403
    assert client.delete("/api/session", headers={"X-CSRF-Token": token}).status_code == 204
    assert client.get("/api/session").json == {
        "user": None, "openness": "network", "scopes": ["admin", "read", "transcribe", "write"],
        "confirmed": False,
    }  # fmt: skip
    assert accounts.sessions.list_sessions(user.id) == ()


def test_the_cookie_is_for_this_host_over_tls_and_for_no_script(app: OpenAPI, accounts: Accounts) -> None:
    user = accounts.users.create("cookie taster", PASSWORD, "member", by=SHELL)
    secure = sign_in(client_of(app), user.name, environ_overrides=HTTPS).headers["Set-Cookie"]
    assert secure.startswith("__Host-session=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(secure.split("; "))
    assert "Domain" not in secure
    plain = sign_in(client_of(app), user.name).headers["Set-Cookie"]
    assert plain.startswith("session=")
    assert "HttpOnly" in plain


def test_signing_in_twice_at_once_is_no_error(
    app: OpenAPI, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other request has ended the session before, after this one read it."""
    client = signed_in(app)
    body = {"name": client.user.name, "password": PASSWORD}
    begin = accounts.begin_session

    def begin_twice(user: User, *, address: str, agent: str, password_hash: str) -> SignedIn:
        accounts.sessions.end_others(user.id, by=SHELL)
        return begin(user, address=address, agent=agent, password_hash=password_hash)

    monkeypatch.setattr(accounts, "begin_session", begin_twice)
    assert client.post("/api/session", json=body).status_code == 200
    assert client.get("/api/account").status_code == 200


def test_signing_in_again_ends_the_session_before(app: OpenAPI, accounts: Accounts) -> None:
    client = signed_in(app)
    assert sign_in(client, client.user.name).status_code == 200
    assert len(accounts.sessions.list_sessions(client.user.id)) == 1


@pytest.mark.parametrize("body", [{}, {"name": "x"}, {"name": 1, "password": []}, {"name": "x" * 999}])
def test_a_body_that_is_no_sign_in_is_refused(api_client: ApiClient, body: object) -> None:
    assert api_client.post("/api/session", json=body).status_code == 400


def test_another_site_cannot_sign_anybody_in(app: OpenAPI) -> None:
    answer = sign_in(client_of(app), "x", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_guessing_is_slowed_down_whatever_address_the_client_claims(
    app: OpenAPI, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = time.time()
    monkeypatch.setattr(accounts.throttle, "_clock", lambda: moment)  # on a slow machine the delay was over
    user = accounts.users.create("guessed", PASSWORD, "member", by=SHELL)
    statuses = []
    for number in range(12):
        claims = {"X-Forwarded-For": f"198.51.100.{number}", "Forwarded": f"for=198.51.100.{number}"}
        client = client_of(app)
        statuses.append(sign_in(client, user.name, f"guess number {number}", headers=claims).status_code)
    assert statuses == [401] * 5 + [429] * 7
    refused = sign_in(client_of(app), user.name)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    elsewhere = sign_in(client_of(app), user.name, environ_overrides={"REMOTE_ADDR": "192.0.2.9"})
    assert elsewhere.status_code == 200


def test_one_address_has_twenty_attempts_a_minute(app: OpenAPI, accounts: Accounts) -> None:
    statuses = [sign_in(client_of(app), f"user {number}", "x").status_code for number in range(25)]
    assert statuses == [401] * 20 + [429] * 5


@pytest.mark.usefixtures("closed")
def test_if_accounts_are_required_visitors_reach_public_pages_only(app: OpenAPI) -> None:
    visitor = client_of(app)
    for address in ("/", "/history", "/docs", "/admin", "/transcripts/" + "0" * 32):
        answer = visitor.get(address, headers=PAGE)
        assert (answer.status_code, answer.headers["Location"][:8]) == (302, "/sign-in"), address
    for address in ("/api/transcripts", "/api/jobs", "/api/status", "/api/models", "/openapi.json"):
        answer = visitor.get(address)
        assert (answer.status_code, answer.json["error"]["code"]) == (401, "sign_in_required"), address
    assert send(visitor).status_code == 401
    for address in ("/health", "/sign-in", "/trust", "/api/session"):
        assert visitor.get(address, headers=PAGE).status_code == 200, address
    assert visitor.get("/captions/nothing").status_code == 404
    assert visitor.get("/join/nothing").status_code == 404
    assert visitor.get("/nowhere").status_code == 404


@pytest.mark.usefixtures("closed")
def test_if_accounts_are_required_users_and_keys_have_access(app: OpenAPI) -> None:
    client = signed_in(app)
    assert send(client).status_code == 200
    assert send(with_key(app, "transcribe", user=client.user)).status_code == 200
    assert len(client.get("/api/transcripts").json["transcripts"]) == 2


@pytest.mark.usefixtures("closed")
def test_signing_in_leads_to_the_requested_page(app: OpenAPI) -> None:
    asked = client_of(app).get("/history?q=a%26b", headers=PAGE)
    assert asked.headers["Location"] == "/sign-in?next=/history?q%3Da%2526b"
    page = client_of(app).get(asked.headers["Location"], headers=PAGE)
    assert 'data-next="/history?q=a%26b"' in page.text
    assert signed_in(app).get(asked.headers["Location"]).headers["Location"] == "/history?q=a%26b"


@pytest.mark.parametrize(
    "bad",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)",
     "", "evil", "\\\\evil", "/x\nSet-Cookie: a=b", "/" + "x" * 600, "///evil.example", "/\u2028/evil"],
)  # fmt: skip
def test_the_redirect_after_sign_in_stays_on_this_site(app: OpenAPI, bad: str) -> None:
    assert safe_next(bad) == "/"
    page = client_of(app).get("/sign-in", query_string={"next": bad})
    assert 'data-next="/"' in page.text


def test_an_invited_user_signs_up_over_http(app: OpenAPI, appliance: Appliance) -> None:
    _, token = appliance.accounts.invitations.create("member", by=SHELL)
    browser = client_of(app)
    assert "You are invited" in browser.get(f"/join/{token}", headers=PAGE).text
    body = {"token": token, "name": "Invited", "password": PASSWORD}
    assert browser.post("/api/join", json={**body, "token": token[:-1]}).status_code == 404
    assert browser.post("/api/join", json=body).json["user"]["name"] == "Invited"
    assert browser.get("/api/session").json["user"]["role"] == "member"
    assert client_of(app).post("/api/join", json={**body, "name": "Second"}).status_code == 404


def test_nobody_learns_whether_an_invitation_existed(app: OpenAPI, appliance: Appliance) -> None:
    invitations = appliance.accounts.invitations
    _, used = invitations.create("member", by=SHELL)
    invitations.accept(used, "Invited before", PASSWORD)
    revoked, revoked_token = invitations.create("member", by=SHELL)
    invitations.revoke(revoked.id, by=SHELL)
    _, expired = invitations.create("member", days=1e-9, by=SHELL)
    answers = set()
    for token in (used, revoked_token, expired, "made-up"):
        body = {"token": token, "name": "Eve", "password": PASSWORD}
        refused = client_of(app).post("/api/join", json=body)
        page = client_of(app).get(f"/join/{token}")
        answers.add((refused.status_code, refused.json["error"]["message"], page.status_code))
    assert answers == {(404, str(INVITATION_GONE), 404)}


def test_a_deleted_user_leaves_nothing_or_an_heir(app: OpenAPI, appliance: Appliance) -> None:
    gone, given, heir = (signed_in(app) for _ in range(3))
    erased, kept = send(gone).json["id"], send(given).json["id"]
    appliance.accounts.remove_user(gone.user.id, heir=None, by=SHELL)
    appliance.accounts.remove_user(given.user.id, heir=heir.user.id, by=SHELL)
    assert heir.get(f"/api/transcripts/{erased}").status_code == 404
    assert [each["id"] for each in heir.get("/api/transcripts").json["transcripts"]] == [kept]
    assert heir.get(f"/api/jobs/{kept}").status_code == 200
    assert heir.get(f"/api/jobs/{erased}").status_code == 404


def test_the_owner_is_set_up_over_http(start_appliance: StartAppliance) -> None:
    """Comes last: the appliance of the other tests is closed by it."""
    appliance = start_appliance()
    app = create_app(appliance)
    browser = open_page(app)
    id = send(browser).json["id"]
    address = (appliance.settings.data_dir / "setup-token").read_text().strip()
    assert "Set up this appliance" in browser.get(address, headers=PAGE).text
    assert "There is no account yet" in browser.get("/sign-in", headers=PAGE).text
    body = {"token": address.partition("=")[2], "name": "Ada", "password": PASSWORD, "openness": "accounts"}
    assert browser.post("/api/setup", json={**body, "token": "x"}).status_code == 404
    weak = browser.post("/api/setup", json={**body, "password": "password1234"})
    assert (weak.status_code, weak.json["error"]["field"]) == (400, "password")
    done = browser.post("/api/setup", json=body)
    assert (done.status_code, done.json["user"]["role"]) == (200, "owner")
    assert [each["id"] for each in browser.get("/api/transcripts").json["transcripts"]] == [id]
    assert browser.get("/admin").status_code == 302
    assert open_page_status(app, address) == open_page_status(app, "/setup") == 404
    assert client_of(app).post("/api/setup", json=body).status_code == 404
    assert client_of(app).get("/api/transcripts").status_code == 401


def open_page_status(app: OpenAPI, address: str) -> int:
    return client_of(app).get(address, headers=PAGE).status_code


def test_the_first_page_says_that_nobody_has_set_the_appliance_up(start_appliance: StartAppliance) -> None:
    appliance = start_appliance()
    client = client_of(create_app(appliance))
    assert "Not set up yet" in client.get("/", headers=PAGE).text
    an_account(appliance)
    assert "Not set up yet" not in client.get("/", headers=PAGE).text
