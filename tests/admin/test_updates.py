"""Updates in the panel: asked when allowed, told with the way there and back."""

import json
from collections.abc import Iterator

import pytest
from flask_openapi3 import OpenAPI

from tests.support.application import StartAppliance
from tests.support.client import client_of, signed_in
from tests.support.releases import OURS, Feed
from whisper_appliance import __version__
from whisper_appliance.server.application import create_app


@pytest.fixture(scope="module")
def feed() -> Iterator[Feed]:
    import threading

    server = Feed()
    server.body = json.dumps(OURS).encode()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_nothing_leaves_the_machine_by_default(app: OpenAPI) -> None:
    found = signed_in(app, "admin").get("/admin/check-updates").json
    assert (found["state"], found["current"]) == ("off", __version__)
    assert found["update"]
    assert found["rollback"]


def test_only_admins_check_for_updates(app: OpenAPI) -> None:
    assert client_of(app).get("/admin/check-updates").status_code == 401
    assert signed_in(app, "member").get("/admin/check-updates").status_code == 403


def test_no_admin_makes_the_appliance_fetch_another_address(app: OpenAPI) -> None:
    address = {"value": "http://127.0.0.1:1/"}
    assert signed_in(app, "admin").put("/api/admin/settings/UPDATE_FEED_URL", json=address).status_code == 409


def test_newer_versions_are_listed_with_the_update_commands(
    start_appliance: StartAppliance, feed: Feed
) -> None:
    app = create_app(start_appliance(update_check=True, update_feed_url=feed.url))
    admin = signed_in(app, "admin")
    found = admin.get("/admin/check-updates").json
    assert (found["state"], found["newest"]) == ("newer", "0.10.0")
    assert any("0.10.0" in command for command in found["update"])
    assert found["releases"][1]["notes"] == "Speakers."
    page = admin.get("/admin/updates", headers={"Accept": "text/html"})
    assert "Look for new versions" in page.text
