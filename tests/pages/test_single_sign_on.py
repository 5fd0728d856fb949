"""Sign-in with an OpenID Connect provider: a real one runs beside the appliance."""

import secrets
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask_openapi3 import OpenAPI
from joserfc.jwk import RSAKey

from tests.support.application import StartAppliance
from tests.support.client import PASSWORD, ApiClient, Response, an_account, client_of, signed_in
from tests.support.oidc import CLIENT_ID, Provider, running_provider
from whisper_appliance.accounts.identity import SHELL, User
from whisper_appliance.accounts.oidc_provider import REQUESTS_AT_ONCE
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.server.application import create_app

PAGE = {"Accept": "text/html"}
SETTINGS = {"oidc_client_id": CLIENT_ID, "oidc_client_secret": "a secret", "oidc_name": "Example Auth"}

# The provider of these tests calls what Authlib is about to remove; the appliance does not.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:get_jwt_config:DeprecationWarning")]


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def issuer(provider: Provider) -> str:
    return provider.issuer


@pytest.fixture(scope="module")
def appliance(start_appliance: StartAppliance, issuer: str) -> Appliance:
    groups = {"oidc_admin_groups": "admins", "oidc_user_groups": "staff"}
    started = start_appliance(oidc_issuer=issuer, **SETTINGS, **groups)
    started.accounts.users.create("boss", PASSWORD, "owner", by=SHELL)
    return started


def to_provider(client: ApiClient, query: str = "") -> str:
    """The address at the provider to which the browser is sent."""
    return str(client.get(f"/sign-in/provider{query}", headers=PAGE).location)


def at_provider(address: str, subject: str) -> str:
    """The person signs in there; the address to which the browser is sent back."""
    return str(requests.post(address, data={"sub": subject}, allow_redirects=False).headers["Location"])


def come_back(client: ApiClient, address: str) -> Response:
    parts = urlsplit(address)
    return client.get(f"{parts.path}?{parts.query}", headers=PAGE)


def sign_in(client: ApiClient, subject: str, query: str = "") -> Response:
    return come_back(client, at_provider(to_provider(client, query), subject))


def user_of(client: ApiClient) -> Any:
    return client.get("/api/session").json["user"]


def test_a_person_of_the_provider_gets_an_account_at_the_first_sign_in(
    app: OpenAPI, appliance: Appliance, provider: Provider, issuer: str
) -> None:
    provider.person("s-1", preferred_username="ada", email="ada@example.org")
    client = client_of(app)
    assert "Sign in with Example Auth" in client.get("/sign-in", headers=PAGE).text
    done = sign_in(client, "s-1", "?next=/history")
    assert (done.status_code, done.location) == (302, "/history")
    user = user_of(client)
    assert (user["name"], user["role"]) == ("ada", "member")
    provider.person("s-1", preferred_username="ada lovelace", email="other@example.org")
    again = client_of(app)
    sign_in(again, "s-1")
    assert user_of(again)["id"] == user["id"], "the subject decides, not the name"
    assert appliance.single_sign_on.providers()[user["id"]] == issuer


def test_the_request_has_pkce_a_nonce_and_a_state(app: OpenAPI, issuer: str) -> None:
    address = to_provider(client_of(app))
    sent = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert address.startswith(f"{issuer}/oauth2/authorize")
    assert (sent["code_challenge_method"], sent["response_type"]) == ("S256", "code")
    assert min(len(sent[name]) for name in ("code_challenge", "nonce", "state")) >= 32
    assert sent["redirect_uri"] == "http://localhost/sign-in/provider/callback"


def test_groups_give_and_take_the_role_of_admins_and_leave_owners(
    app: OpenAPI, appliance: Appliance, provider: Provider
) -> None:
    client = client_of(app)
    for groups, role in ((["admins"], "admin"), (["staff"], "member")):
        provider.person("s-2", preferred_username="grace", groups=groups)
        sign_in(client, "s-2")
        assert user_of(client)["role"] == role
    appliance.accounts.users.set_role(user_of(client)["id"], "owner", by=SHELL)
    sign_in(client, "s-2")
    assert user_of(client)["role"] == "owner"
    appliance.accounts.users.set_role(user_of(client)["id"], "member", by=SHELL)


def test_who_is_in_no_group_or_disabled_reads_the_reason_and_gets_no_session(
    app: OpenAPI, appliance: Appliance, provider: Provider
) -> None:
    provider.person("s-3", preferred_username="eve", groups=["others"])
    client = client_of(app)
    refused = sign_in(client, "s-3")
    assert (refused.status_code, user_of(client)) == (403, None)
    assert "in no group that may use this appliance" in refused.text
    provider.person("s-3", preferred_username="eve")
    sign_in(client, "s-3")
    appliance.accounts.users.disable(user_of(client)["id"], by=SHELL)
    other = client_of(app)
    assert "disabled" in sign_in(other, "s-3").text
    assert user_of(other) is None


def test_who_is_in_no_group_any_more_is_signed_out_and_no_admin(
    app: OpenAPI, appliance: Appliance, provider: Provider
) -> None:
    provider.person("s-16", preferred_username="dorothy", groups=["admins"])
    client = client_of(app)
    sign_in(client, "s-16")
    user = user_of(client)
    assert user["role"] == "admin"
    provider.person("s-16", preferred_username="dorothy", groups=["others"])
    assert sign_in(client_of(app), "s-16").status_code == 403
    assert user_of(client) is None
    assert appliance.accounts.users.get(user["id"]).role == "member"


def test_two_tabs_sign_in_and_a_foreign_link_cancels_no_attempt(app: OpenAPI, provider: Provider) -> None:
    provider.person("s-17", preferred_username="katherine")
    client = client_of(app)
    tabs = [to_provider(client, f"?next=/{page}") for page in ("history", "account")]
    assert client.get("/sign-in/provider/callback?code=x&state=x", headers=PAGE).status_code == 401
    back = [come_back(client, at_provider(address, "s-17")) for address in tabs]
    assert [each.location for each in back] == ["/history", "/account"]


def test_the_cookie_of_attempts_stays_small(app: OpenAPI) -> None:
    client = client_of(app)
    for _ in range(9):
        began = client.get(f"/sign-in/provider?next=/{secrets.token_hex(250)}", headers=PAGE)
        cookies = began.headers.getlist("Set-Cookie")
        assert cookies
        assert max(len(cookie) for cookie in cookies) < 4000


def test_a_name_that_is_taken_gives_no_right_to_its_account(app: OpenAPI, provider: Provider) -> None:
    provider.person("s-4", preferred_username="boss", email="boss", email_verified=True)
    client = client_of(app)
    sign_in(client, "s-4")
    assert (user_of(client)["name"], user_of(client)["role"]) == ("boss 2", "member")


def test_an_answer_for_another_browser_or_a_wrong_state_is_refused(app: OpenAPI, provider: Provider) -> None:
    provider.person("s-5", preferred_username="alan")
    attacker, victim = client_of(app), client_of(app)
    address = at_provider(to_provider(attacker), "s-5")
    assert "not begun in this browser" in come_back(victim, address).text
    to_provider(victim)
    assert come_back(victim, address).status_code == 401
    assert user_of(victim) is None
    assert come_back(attacker, address).status_code == 302
    assert come_back(attacker, address).status_code == 401, "a code works once"


def test_a_token_for_another_attempt_or_from_another_time_is_refused(
    app: OpenAPI, appliance: Appliance, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.person("s-6", preferred_username="joan")
    client = client_of(app)
    first = parse_qs(urlsplit(at_provider(to_provider(client), "s-6")).query)["code"][0]
    state = parse_qs(urlsplit(to_provider(client)).query)["state"][0]
    mixed = client.get(f"/sign-in/provider/callback?code={first}&state={state}", headers=PAGE)
    assert mixed.status_code == 401
    assert "nonce" in mixed.text, mixed.text[mixed.text.index("problem-text") :][:200]
    monkeypatch.setattr(appliance.oidc_provider, "_clock", lambda: time.time() + 7200)
    late = sign_in(client, "s-6")
    assert late.status_code == 401
    assert "clock" in late.text
    assert user_of(client) is None


def test_a_refusal_at_the_provider_is_told_in_words(app: OpenAPI) -> None:
    client = client_of(app)
    address = to_provider(client)
    back = requests.post(address, data={"action": "deny"}, allow_redirects=False).headers["Location"]
    state = parse_qs(urlsplit(address).query)["state"][0]
    parts = urlsplit(back)
    refused = client.get(f"{parts.path}?{parts.query}&state={state}", headers=PAGE)
    assert refused.status_code == 401
    assert "cancelled or refused" in refused.text


def test_people_without_a_password_confirm_by_a_new_sign_in(
    app: OpenAPI, appliance: Appliance, provider: Provider
) -> None:
    provider.person("s-7", preferred_username="mary")
    client = client_of(app)
    sign_in(client, "s-7")
    user = appliance.accounts.users.get(user_of(client)["id"])
    assert not user.has_password
    assert client_of(app).post("/api/session", json={"name": "mary", "password": ""}).status_code == 401
    fresh = to_provider(client, "?fresh=true")
    assert {"prompt=login", "max_age=0"} <= set(urlsplit(fresh).query.split("&"))
    provider.person("s-7", preferred_username="mary", auth_time=int(time.time()) - 3600)
    assert "did not ask you to sign in again" in come_back(client, at_provider(fresh, "s-7")).text
    provider.person("s-7", preferred_username="mary")
    before = client.get_cookie("session")
    assert sign_in(client, "s-7", "?fresh=true").status_code == 302
    assert client.get_cookie("session") != before


def test_a_required_second_factor_is_the_providers_business_for_people_without_a_password(
    app: OpenAPI, appliance: Appliance, provider: Provider
) -> None:
    provider.person("s-11", preferred_username="emmy", groups=["admins"])
    emmy, boss = client_of(app), client_of(app)
    appliance.overrides.set("second_factor_required", "everyone", "a test")
    try:
        assert sign_in(emmy, "s-11").location == "/"
        assert emmy.get("/admin/users", headers=PAGE).status_code == 200
        assert emmy.get("/api/transcripts").status_code == 200
        boss.post("/api/session", json={"name": "boss", "password": PASSWORD})
        refused = boss.get("/api/transcripts")
        assert (refused.status_code, refused.json["error"]["code"]) == (403, "second_factor_missing")
    finally:
        appliance.overrides.reset("second_factor_required")


def test_a_person_whom_the_provider_remembers_confirms_no_dangerous_action(
    app: OpenAPI, provider: Provider
) -> None:
    client = client_of(app)
    for auth_time, is_confirmed in (
        (int(time.time()) - 3600, False),
        (None, False),
        (int(time.time()), True),
    ):
        provider.person("s-12", preferred_username="hedy", auth_time=auth_time)
        sign_in(client, "s-12")
        assert client.get("/api/session").json["confirmed"] is is_confirmed


def csrf(client: ApiClient) -> dict[str, str]:
    page = client.get("/", headers=PAGE).text
    return {"X-CSRF-Token": page.split('name="csrf-token" content="')[1].split('"')[0]}


def test_signing_out_goes_on_at_the_provider_and_comes_back(app: OpenAPI, provider: Provider) -> None:
    provider.person("s-13", preferred_username="lise")
    client = client_of(app)
    sign_in(client, "s-13")
    address = urlsplit(client.delete("/api/session", headers=csrf(client)).json["provider"])
    assert user_of(client) is None
    sent = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{provider.issuer}/oauth2/end_session"
    assert sent["post_logout_redirect_uri"] == "http://localhost/sign-in/provider/signed-out"
    assert (sent["client_id"], sent["id_token_hint"].count(".")) == (CLIENT_ID, 2)
    back = f"/sign-in/provider/signed-out?state={sent['state']}"
    assert client_of(app).get(back, headers=PAGE).location == "/sign-in", "another browser signed out nobody"
    assert "signed out, here and at Example Auth" in client.get(back, headers=PAGE).text
    assert client.get(back, headers=PAGE).location == "/sign-in"


def test_signing_out_needs_no_provider(start_appliance: StartAppliance) -> None:
    with running_provider() as leaving:
        appliance = start_appliance(oidc_issuer=leaving.issuer, **SETTINGS)
        user = an_account(appliance, "owner")
        app = create_app(appliance)
        by_password, by_provider = client_of(app), client_of(app)
        by_password.post("/api/session", json={"name": user.name, "password": PASSWORD})
        token = csrf(by_password)
        assert by_password.delete("/api/session", headers=token).status_code == 204
        leaving.person("s-14", preferred_username="maria")
        sign_in(by_provider, "s-14")
        token = csrf(by_provider)
    assert by_provider.delete("/api/session", headers=token).status_code == 204
    assert user_of(by_provider) is None


def test_the_provider_ends_the_sessions_of_a_person_who_signed_out_there(
    app: OpenAPI, appliance: Appliance, provider: Provider
) -> None:
    def ended(token: str) -> int:
        form = {"logout_token": token}
        return client_of(app).post("/sign-in/provider/back-channel-logout", data=form).status_code

    clients = {sid: client_of(app) for sid in ("one", "two")}
    for sid, client in clients.items():
        provider.person("s-15", preferred_username="barbara", sid=sid)
        sign_in(client, "s-15")
    with_password, _ = appliance.accounts.sessions.begin(
        appliance.accounts.users.by_name("barbara"), address="", agent=""
    )
    stranger = RSAKey.generate_key(2048, {"kid": str(provider.key.kid)})
    moment = int(time.time())
    for token in (
        "not a token",
        provider.logout_token(stranger, sub="s-15"),
        provider.logout_token(sub="s-15", iss="https://other.example.org"),
        provider.logout_token(sub="s-15", aud="other"),
        provider.logout_token(sub="s-15", events=None),
        provider.logout_token(sub="s-15", nonce="that of an ID token"),
        provider.logout_token(sub="s-15", iat=moment - 900, exp=moment - 600),
        provider.logout_token(),
    ):
        assert ended(token) == 400, token
    assert all(user_of(client) for client in clients.values())
    assert ended(provider.logout_token(sub="s-15", sid="one")) == 204
    assert [bool(user_of(client)) for client in clients.values()] == [False, True]
    assert ended(provider.logout_token(sub="s-15")) == 204
    assert user_of(clients["two"]) is None
    assert appliance.accounts.sessions.get(with_password.id), "it did not begin at the provider"


def test_no_admin_can_name_another_provider(app: OpenAPI, appliance: Appliance) -> None:
    boss = client_of(app)
    name = "boss"
    boss.post("/api/session", json={"name": name, "password": PASSWORD})
    for each in ("OIDC_ISSUER", "OIDC_ADMIN_GROUPS", "OIDC_LINK_VERIFIED_EMAIL"):
        changed = boss.put(f"/api/admin/settings/{each}", json={"value": "true"}, headers=csrf(boss))
        assert changed.status_code == 409


def test_a_provider_that_hangs_holds_few_threads(app: OpenAPI, appliance: Appliance) -> None:
    places = appliance.oidc_provider._places
    while places.acquire(blocking=False):
        pass
    try:
        appliance.oidc_provider._metadata = None
        refused = client_of(app).get("/sign-in/provider", headers=PAGE)
        assert (refused.status_code, "cannot be reached" in refused.text) == (503, True)
    finally:
        places.release(REQUESTS_AT_ONCE)


def test_admins_see_how_a_user_signs_in(
    app: OpenAPI, appliance: Appliance, provider: Provider, issuer: str
) -> None:
    provider.person("s-8", preferred_username="rosa")
    sign_in(client_of(app), "s-8")
    boss = client_of(app)
    name = "boss"
    boss.post("/api/session", json={"name": name, "password": PASSWORD})
    shown = {each["name"]: each for each in boss.get("/api/admin/users").json["users"]}
    assert (shown["rosa"]["provider"], shown["rosa"]["has_password"]) == (issuer, False)
    assert (shown["boss"]["provider"], shown["boss"]["has_password"]) == (None, True)


def test_the_provider_does_not_answer_and_passwords_still_work(start_appliance: StartAppliance) -> None:
    appliance = start_appliance(oidc_issuer="http://localhost:9", **SETTINGS)
    user: User = an_account(appliance, "owner")
    client = client_of(create_app(appliance))
    failed = client.get("/sign-in/provider", headers=PAGE)
    assert failed.status_code == 503
    assert "cannot be reached" in failed.text
    assert client.post("/api/session", json={"name": user.name, "password": PASSWORD}).status_code == 200


def test_a_verified_address_links_an_account_only_where_a_setting_says_so(
    start_appliance: StartAppliance, provider: Provider, issuer: str
) -> None:
    appliance = start_appliance(oidc_issuer=issuer, **SETTINGS, oidc_link_verified_email=True)
    user = an_account(appliance, "owner", "ada@example.org")
    app = create_app(appliance)
    provider.person("s-9", email="ada@example.org", email_verified=False)
    provider.person("s-10", email="ada@example.org", email_verified=True)
    unverified, verified = client_of(app), client_of(app)
    sign_in(unverified, "s-9")
    sign_in(verified, "s-10")
    assert user_of(unverified)["id"] != user.id
    assert user_of(verified)["id"] == user.id
    provider.person("s-18", email="ada@example.org", email_verified=True)
    another = client_of(app)
    sign_in(another, "s-18")
    assert user_of(another)["id"] != user.id, "it has its person already"


def test_nobody_is_linked_to_an_account_whose_name_was_chosen_by_its_user(
    start_appliance: StartAppliance, provider: Provider, issuer: str
) -> None:
    appliance = start_appliance(oidc_issuer=issuer, **SETTINGS, oidc_link_verified_email=True)
    an_account(appliance, "owner")
    app = create_app(appliance)
    provider.person("s-19", email="victim@example.org", email_verified=False)
    provider.person("s-20", email="victim@example.org", email_verified=True)
    unverified, verified = client_of(app), client_of(app)
    sign_in(unverified, "s-19")
    assert user_of(unverified)["name"] == "victim@example.org"
    sign_in(verified, "s-20")
    assert user_of(verified)["id"] != user_of(unverified)["id"]
    member, admin = signed_in(app, "member"), signed_in(app, "admin")
    renamed = member.patch("/api/account", json={"name": "boss＠example.org"})
    assert (renamed.status_code, renamed.json["error"]["field"]) == (400, "name")
    assert admin.patch("/api/account", json={"name": "boss@example.org"}).status_code == 400
    owner = signed_in(app, "owner")
    assert owner.patch("/api/account", json={"name": "boss@example.org"}).status_code == 204
    _, token = appliance.accounts.invitations.create("member", by=SHELL)
    body = {"token": token, "name": "chief@example.org", "password": PASSWORD}
    assert client_of(app).post("/api/join", json=body).status_code == 400
    assert client_of(app).post("/api/join", json=body | {"name": "Boss"}).status_code == 200


def test_below_a_prefix_the_provider_sends_back_there(start_appliance: StartAppliance, issuer: str) -> None:
    settings = {"url_prefix": "/stt", "trusted_proxies": 1, "https_enabled": False}
    appliance = start_appliance(oidc_issuer=issuer, **SETTINGS, **settings)
    an_account(appliance, "owner")
    client = client_of(create_app(appliance))
    forwarded = {**PAGE, "X-Forwarded-Proto": "https", "X-Forwarded-Host": "example.org"}
    began = client.get("/stt/sign-in/provider?next=/history", headers=forwarded)
    sent = parse_qs(urlsplit(str(began.location)).query)
    assert sent["redirect_uri"] == ["https://example.org/stt/sign-in/provider/callback"]
