"""Passkeys over HTTP: made in the account, used at the sign-in, and only where WebAuthn is possible."""

from flask_openapi3 import OpenAPI

from tests.support.client import ApiClient, client_of, signed_in
from tests.support.passkeys import Device
from whisper_appliance.accounts.passkeys import Site
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.web.auth.passkey_site import current_site

HERE = "http://localhost"


def make_passkey(client: ApiClient) -> Device:
    device = Device(HERE)
    options = client.post("/api/account/passkeys/options").json["public_key"]
    assert (options["rp"]["id"], options["user"]["name"]) == ("localhost", client.user.name)
    made = client.post("/api/account/passkeys", json={"name": "Phone", "credential": device.create(options)})
    assert (made.status_code, made.json["host"]) == (201, "localhost")
    return device


def sign_in(client: ApiClient, device: Device) -> int:
    options = client.post("/api/session/passkey/options").json["public_key"]
    assert options["userVerification"] == "required"
    assert "allowCredentials" not in options  # so that nobody learns who has a passkey
    return client.post("/api/session/passkey", json={"credential": device.sign(options)}).status_code


def test_a_passkey_is_made_in_the_account_and_signs_in(app: OpenAPI, appliance: Appliance) -> None:
    ada, browser = signed_in(app), client_of(app)
    assert 'id="passkey"' not in browser.get("/sign-in").text  # nobody has one
    device = make_passkey(ada)
    assert 'id="passkey"' in browser.get("/sign-in").text
    assert sign_in(browser, device) == 200
    assert browser.get("/api/session").json["user"]["id"] == ada.user.id
    assert browser.get("/api/session").json["confirmed"] is True
    (passkey,) = ada.get("/api/account/passkeys").json["passkeys"]
    assert passkey["last_used"] is not None
    assert ada.delete(f"/api/account/passkeys/{passkey['id']}").status_code == 204
    assert sign_in(client_of(app), device) == 401


def test_signing_in_by_passkey_ends_the_session_before(app: OpenAPI, appliance: Appliance) -> None:
    ada = signed_in(app)
    assert sign_in(ada, make_passkey(ada)) == 200
    assert len(appliance.accounts.sessions.list_sessions(ada.user.id)) == 1


def test_addresses_have_no_passkeys(app: OpenAPI) -> None:
    """WebAuthn takes names only, and plain HTTP on this machine only."""
    for url in ("http://127.0.0.1", "https://[::1]:5001"):
        refused = client_of(app).post("/api/session/passkey/options", base_url=url)
        assert (refused.status_code, refused.json["error"]["code"]) == (409, "conflict"), url


def test_a_name_with_umlauts_is_the_one_that_browsers_sign(app: OpenAPI) -> None:
    name = "https://xn--mller-kva.example:5001"
    with app.test_request_context("/", base_url=name):
        assert current_site() == Site("xn--mller-kva.example", name)


def test_nobody_removes_passkeys_of_others(app: OpenAPI) -> None:
    ada, bob = signed_in(app), signed_in(app, "owner")
    make_passkey(ada)
    (passkey,) = ada.get("/api/account/passkeys").json["passkeys"]
    assert bob.delete(f"/api/account/passkeys/{passkey['id']}").status_code == 404
