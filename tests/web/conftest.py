"""A started appliance in a folder of its own, and a browser and a program in front of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI

from whisper_appliance import settings
from whisper_appliance.appliance import Appliance
from whisper_appliance.web import create_app


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    """With no model and no engine."""
    chosen = settings.load(data_dir=tmp_path / "data", model_dir=tmp_path / "models", min_free_disk=0)
    with Appliance(chosen) as appliance:
        yield appliance


@pytest.fixture
def app(appliance: Appliance) -> OpenAPI:
    return create_app(appliance)


@pytest.fixture
def program(app: OpenAPI) -> FlaskClient:
    """A client without a session."""
    return app.test_client()


@pytest.fixture
def browser(app: OpenAPI) -> FlaskClient:
    """A client that opened a page."""
    client = app.test_client()
    assert client.get("/", headers={"Accept": "text/html"}).status_code == 200
    return client
