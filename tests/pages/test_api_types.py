"""The types of the API that the pages' scripts are checked with."""

from typing import Any

from scripts import api_types

from tests.support.client import ApiClient


def test_the_types_are_those_of_the_openapi_document(api_client: ApiClient) -> None:
    """When this fails: .venv/bin/python scripts/api_types.py"""
    document: dict[str, Any] = api_client.get("/openapi.json").json
    assert api_types.declarations(document) == api_types.TARGET.read_text(encoding="utf-8")
