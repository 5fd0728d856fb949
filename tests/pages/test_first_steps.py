"""The first steps: from the set-up until somebody finishes them."""

import pytest

from tests.support.application import StartAppliance
from tests.support.client import PASSWORD, open_page
from whisper_appliance.app.model_suggestions import ModelSuggestions
from whisper_appliance.server.application import create_app

PAGE = {"Accept": "text/html"}


def test_the_first_steps_follow_the_setup_until_they_are_finished(start_appliance: StartAppliance) -> None:
    appliance = start_appliance()
    client = open_page(create_app(appliance))
    token = appliance.accounts.setup.create().partition("token=")[2]
    german = client.get("/setup", query_string={"token": token, "language": "de"}, headers=PAGE).text
    assert '<html lang="de"' in german
    body = {"token": token, "name": "Ada", "password": PASSWORD, "openness": "network", "language": "de"}
    assert client.post("/api/setup", json=body).status_code == 200
    assert appliance.accounts.users.by_name("Ada").language == "de"
    page = client.get("/first-steps", headers=PAGE).text
    assert '<html lang="de"' in page
    assert 'class="qr"' in page
    csrf = page.split('name="csrf-token" content="')[1].split('"')[0]

    def codes() -> list[str]:
        return [each["code"] for each in client.get("/api/admin/overview").json["problems"]]

    assert "first_steps" in codes()
    assert client.delete("/api/first-steps", headers={"X-CSRF-Token": csrf}).status_code == 204
    assert "first_steps" not in codes()


def test_an_installation_from_before_is_not_reminded(start_appliance: StartAppliance) -> None:
    assert not start_appliance().accounts.first_steps.are_open


@pytest.mark.slow  # decodes with a real model
def test_the_machine_is_measured_with_the_model_that_is_there(start_appliance: StartAppliance) -> None:
    appliance = start_appliance()
    measuring = ModelSuggestions(appliance.models, lambda: appliance.settings, seconds=0.0)
    assert measuring.suggestions() == ()
    yours, better = measuring.measure()
    assert (yours.kind, yours.model, yours.installed) == ("yours", "tiny.en", True)
    assert (better.kind, better.model) == ("better", "base.en")
    assert yours.hour_seconds
    assert better.hour_seconds
    assert better.hour_seconds > yours.hour_seconds > 0
    assert measuring.suggestions() == (yours, better)
