"""What a proxy says of the client is believed only as far as the settings trust proxies."""

from tests.support.application import StartAppliance
from tests.support.client import client_of
from whisper_appliance.server.application import create_app

FORWARDED = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "speech.example"}


def test_forwarded_headers_of_an_untrusted_client_are_ignored(start_appliance: StartAppliance) -> None:
    client = client_of(create_app(start_appliance()))
    assert client.get("/", headers=FORWARDED).headers["Set-Cookie"].startswith("appliance=")


def test_behind_a_trusted_proxy_the_session_is_that_of_https(start_appliance: StartAppliance) -> None:
    client = client_of(create_app(start_appliance(trusted_proxies=1, https_enabled=False)))
    assert client.get("/", headers=FORWARDED).headers["Set-Cookie"].startswith("__Host-appliance=")
    same = {**FORWARDED, "Origin": "https://speech.example"}
    assert client.delete(f"/api/transcripts/{'0' * 32}", headers=same).status_code == 404


def test_without_https_there_is_no_authority_to_trust(start_appliance: StartAppliance) -> None:
    client = client_of(create_app(start_appliance(https_enabled=False)))
    assert client.get("/ca.crt").status_code == 404
    assert client.get("/trust", headers={"Accept": "text/html"}).status_code == 200
