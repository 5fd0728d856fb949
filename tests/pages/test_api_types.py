"""The types of the API that the pages' scripts are checked with."""

from typing import Any

from flask.testing import FlaskClient
from scripts import api_types


def test_the_types_are_those_of_the_openapi_document(program: FlaskClient) -> None:
    """When this fails: .venv/bin/python scripts/api_types.py"""
    document: dict[str, Any] = program.get("/openapi.json").get_json()
    assert api_types.declarations(document) == api_types.TARGET.read_text(encoding="utf-8")
