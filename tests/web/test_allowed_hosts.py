"""A request is answered only if it is for a name of the appliance, because of DNS rebinding."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask_openapi3 import OpenAPI

from tests.support.application import StartAppliance
from tests.support.client import ApiClient, Response, client_of
from whisper_appliance.config import settings
from whisper_appliance.host import addresses
from whisper_appliance.host.certificates import Certificates
from whisper_appliance.server.application import create_app
from whisper_appliance.web.allowed_hosts import AllowedHosts

Allowed = Callable[..., AllowedHosts]


@pytest.fixture
def allowed(tmp_path: Path) -> Allowed:
    """The rule with these settings and without a certificate."""
    return lambda **given: AllowedHosts(lambda: settings.load(data_dir=tmp_path, **given), None)


def asked(client: ApiClient, host: str, path: str = "/api/transcripts", **headers: str) -> Response:
    return client.get(path, headers={"Host": host, **headers})


def test_a_site_whose_name_leads_here_reads_nothing(app: OpenAPI) -> None:
    """The browser takes the appliance for a part of that site, so Host and Origin agree."""
    client = client_of(app)
    same = {"Origin": "http://evil.example:5001", "Sec-Fetch-Site": "same-origin"}
    refused = asked(client, "evil.example:5001", **same)
    assert (refused.status_code, refused.json["error"]["code"]) == (421, "wrong_host")
    assert "ALLOWED_HOSTS" in refused.json["error"]["message"]
    assert client.post("/transcribe", headers={"Host": "evil.example", **same}).status_code == 421
    polling = "/socket.io/?EIO=4&transport=polling"
    assert asked(client, "evil.example", polling).json["error"]["code"] == "wrong_host"
    assert asked(client, "localhost", polling).status_code == 200


def test_a_person_reads_the_reason_on_a_page(app: OpenAPI) -> None:
    page = asked(client_of(app), "speech.example", "/", Accept="text/html")
    assert page.status_code == 421
    assert "speech.example" in page.text
    assert page.mimetype == "text/html"


def test_health_checks_choose_their_own_name(app: OpenAPI) -> None:
    assert asked(client_of(app), "probe.example", "/health").status_code == 200


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:5001", "127.0.0.1", "192.168.1.20:5001", "[::1]:5001", "[fe80::1]",
     "203.0.113.7", "attic", "attic.local", "attic.local.", "speech.fritz.box", "a.home.arpa", ""],
)  # fmt: skip
def test_names_of_the_appliance_are_answered(allowed: Allowed, host: str) -> None:
    allowed().check({"HTTP_HOST": host, "PATH_INFO": "/"})


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "local.evil.example",
        "notlocal.example",
        "127.0.0.1.nip.io",
        "evil.example:5001",
        "::1.x",
    ],
)
def test_foreign_host_names_are_refused(allowed: Allowed, host: str) -> None:
    assert not allowed().is_allowed(host)


def test_names_can_be_added_one_by_one_below_another_or_all(allowed: Allowed) -> None:
    some = allowed(allowed_hosts="speech.example, *.example.org")
    assert [some.is_allowed(host) for host in ("speech.example", "a.example.org")] == [True, True]
    others = ("a.speech.example", "example.org", "a.b.example.org")
    assert not any(some.is_allowed(host) for host in others)
    assert allowed(allowed_hosts="*").is_allowed("evil.example")
    assert allowed(certificate_names="speech.example").is_allowed("speech.example")


def test_the_names_of_the_machine_and_of_its_certificate_are_its_own(
    allowed: Allowed, tmp_path: Path
) -> None:
    assert allowed().is_allowed(addresses.host_names()[-1])
    certificates = Certificates(tmp_path / "certificates", lambda: ["speech.example"])
    by_certificate = AllowedHosts(lambda: settings.load(data_dir=tmp_path), certificates)
    assert not by_certificate.is_allowed("speech.example"), "there is no certificate yet"
    certificates.ensure()
    assert by_certificate.is_allowed("speech.example")
    assert not by_certificate.is_allowed("other.example")


def test_behind_a_proxy_the_proxy_decides_unless_names_are_set(start_appliance: StartAppliance) -> None:
    forwarded = {"X-Forwarded-Host": "speech.example", "X-Forwarded-Proto": "https"}
    proxied = {"trusted_proxies": 1, "https_enabled": False}
    client = client_of(create_app(start_appliance(**proxied)))
    assert asked(client, "whisper:5001", **forwarded).status_code == 200
    assert asked(client, "speech.example").status_code == 200
    strict = client_of(create_app(start_appliance(**proxied, allowed_hosts="speech.example")))
    assert asked(strict, "whisper:5001", **forwarded).status_code == 200
    assert asked(strict, "whisper:5001", **{"X-Forwarded-Host": "evil.example"}).status_code == 421
