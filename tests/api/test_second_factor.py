"""The second factor over HTTP: sign-in, set-up, reset, and an appliance that requires it."""

from collections.abc import Iterator

import pyotp
import pytest
from flask_openapi3 import OpenAPI

from tests.support.client import PASSWORD, ApiClient, client_of, signed_in, with_key
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.clock import now

PAGE = {"Accept": "text/html"}
ACCOUNT = "/api/account/second-factor"


@pytest.fixture(autouse=True)
def no_earlier_attempts(appliance: Appliance) -> None:
    appliance.accounts.throttle.reset()


@pytest.fixture
def required_of_admins(appliance: Appliance) -> Iterator[None]:
    appliance.overrides.set("second_factor_required", "admins", "a test")
    yield
    appliance.overrides.reset("second_factor_required")


def turn_on(client: ApiClient) -> tuple[pyotp.TOTP, list[str]]:
    """Sets it up with a new app; returns the app and the recovery codes."""
    app = pyotp.TOTP(client.post(ACCOUNT).json["secret"])
    made = client.post(f"{ACCOUNT}/activate", json={"code": app.at(now())})
    assert made.status_code == 200
    return app, made.json["recovery_codes"]


def test_the_second_factor_is_set_up_used_and_turned_off(app: OpenAPI) -> None:
    ada = signed_in(app)
    assert ada.get(ACCOUNT).json == {"since": None, "recovery_codes": 0, "required": False}
    enrolment = ada.post(ACCOUNT).json
    assert enrolment["uri"].startswith("otpauth://totp/Whisper%20Appliance:")
    assert enrolment["qr_code"].startswith("data:image/svg+xml")
    _, codes = turn_on(ada)
    assert ada.get(ACCOUNT).json["recovery_codes"] == 10
    credentials = {"name": ada.user.name, "password": PASSWORD}
    asked = client_of(app).post("/api/session", json=credentials)
    assert (asked.status_code, asked.json["error"]["code"]) == (401, "second_factor_required")
    assert "Set-Cookie" not in asked.headers
    wrong = client_of(app).post("/api/session", json={**credentials, "code": "000000"})
    assert (wrong.json["error"]["code"], wrong.json["error"]["field"]) == ("sign_in_failed", "code")
    assert client_of(app).post("/api/session", json={**credentials, "code": codes[0]}).status_code == 200
    off = {"password": PASSWORD, "code": codes[1]}
    assert ada.delete(ACCOUNT, json={**off, "password": "wrong"}).status_code == 401
    assert ada.delete(ACCOUNT, json=off).status_code == 204
    assert client_of(app).post("/api/session", json=credentials).status_code == 200


def test_an_admin_resets_the_second_factor_of_a_member_only(app: OpenAPI, appliance: Appliance) -> None:
    member, admin, other = signed_in(app), signed_in(app, "admin"), signed_in(app, "admin")
    for client in (member, other):
        turn_on(client)
    path = f"/api/admin/users/{member.user.id}"
    assert admin.get(path).json["second_factor"] is True
    assert admin.delete(f"{path}/second-factor").status_code == 204
    assert admin.get(path).json["second_factor"] is False
    assert admin.delete(f"/api/admin/users/{other.user.id}/second-factor").status_code == 403
    records = admin.get("/api/admin/audit", query_string={"object": member.user.id}).json["records"]
    assert [(each["action"], each["actor_name"]) for each in records][:2] == [
        ("second_factor.off", admin.user.name),
        ("second_factor.on", member.user.name),
    ]


@pytest.mark.usefixtures("required_of_admins")
def test_who_must_have_a_second_factor_can_only_set_it_up(app: OpenAPI) -> None:
    admin, member = signed_in(app, "admin"), signed_in(app)
    key = with_key(app, "read", "admin", user=admin.user)
    for address in ("/api/transcripts", "/api/admin/users", "/api/account", "/api/status", "/openapi.json"):
        refused = admin.get(address)
        assert (refused.status_code, refused.json["error"]["code"]) == (403, "second_factor_missing"), address
    assert admin.post("/transcribe").status_code == 403
    assert admin.post("/api/account/keys", json={"name": "x", "scopes": ["read"]}).status_code == 403
    led = admin.get("/admin/users?a=b", headers=PAGE)
    assert (led.status_code, led.headers["Location"]) == (
        302,
        "/account/second-factor?next=/admin/users?a%3Db",
    )
    page = admin.get(led.headers["Location"], headers=PAGE)
    assert "asks you for a second factor" in page.text
    assert "model-chip" not in page.text
    assert member.get("/api/transcripts").status_code == 200
    assert key.get("/api/admin/users").status_code == 200  # keys go on
    turn_on(admin)
    assert admin.get("/api/admin/users").status_code == 200
    assert admin.get("/", headers=PAGE).status_code == 200


@pytest.mark.usefixtures("required_of_admins")
def test_who_has_no_second_factor_yet_can_sign_out(app: OpenAPI) -> None:
    assert signed_in(app, "owner").delete("/api/session").status_code == 204
