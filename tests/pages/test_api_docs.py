"""docs/api.md says what the code does."""

import re
from pathlib import Path

from tests.support.client import ApiClient
from whisper_appliance.api.native.transcribe_form import TranscribeForm
from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.web.errors import HTTP_CODES, status_of

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


def classes(parent: type[ApplianceError]) -> set[type[ApplianceError]]:
    """All errors that a request can meet; those of the command line and of clients are none of them."""
    others = ("whisper_appliance.cli", "whisper_appliance.client")
    children = (each for each in parent.__subclasses__() if not each.__module__.startswith(others))
    return {parent}.union(*(classes(child) for child in children))


def test_every_error_is_on_the_page_with_its_status() -> None:
    rows = re.findall(r"^\| (\d{3}) \| (.+?) \|", PAGE, re.MULTILINE)
    told = {(int(status), code) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    real = {(status_of(each), each.code) for each in classes(ApplianceError)} | set(HTTP_CODES.items())
    at_start_only = {"bad_setting", "already_running", "database_damaged"}
    assert told == {(status, code) for status, code in real if code not in at_start_only}


def test_every_field_of_the_form_is_on_the_page() -> None:
    table = PAGE.split("## A file in")[1].split("## Long")[0]
    for name, field in TranscribeForm.model_fields.items():
        assert f"`{field.alias or name}`" in table


def test_every_address_on_the_page_exists(api_client: ApiClient) -> None:
    routes = {re.sub(r"<[^>]+>", "<id>", rule.rule) for rule in api_client.application.url_map.iter_rules()}
    named = set(re.findall(r"`(?:GET|POST|PATCH|DELETE) (/[^`?]+?)(?:\?[^`]*)?`", PAGE))
    assert named
    assert {re.sub(r"<[^>]+>", "<id>", address) for address in named} <= routes
