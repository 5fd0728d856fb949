"""The admin panel: its gate, its menu, and the way to it."""

import pytest
from flask_openapi3 import OpenAPI

from tests.support.client import client_of, signed_in, with_key
from whisper_appliance.admin.blueprint import MENU, blueprints

HTML = {"Accept": "text/html"}
HANDLE = "0" * 16


def panel_routes(app: OpenAPI) -> list[tuple[str, str]]:
    """Every address of the panel with one of its methods; ids are some that nothing has."""
    ours = {blueprint.name for blueprint in blueprints}
    return [
        (method, app.url_map.bind("").build(rule.endpoint, dict.fromkeys(rule.arguments, HANDLE * 2), method))
        for rule in app.url_map.iter_rules()
        if rule.endpoint.split(".")[0] in ours
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    ]


def test_the_panel_opens_on_its_first_page(app: OpenAPI) -> None:
    answer = signed_in(app, "admin").get("/admin", headers=HTML)
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/admin/{MENU[0][0]}"


@pytest.mark.parametrize("place", MENU)
def test_every_page_opens_for_admins_and_is_in_the_menu(app: OpenAPI, place: tuple[str, str]) -> None:
    page = signed_in(app, "admin").get(f"/admin/{place[0]}", headers=HTML)
    assert page.status_code == 200
    assert f'<a href="/admin/{place[0]}" aria-current="page">{place[1]}</a>' in page.text


def test_visitors_members_and_keys_without_the_scope_are_kept_out_of_every_route(app: OpenAPI) -> None:
    visitor, member = client_of(app), signed_in(app, "member")
    key = with_key(app, "read", "write", "transcribe", user=signed_in(app, "admin").user)
    routes = panel_routes(app)
    assert ("GET", "/admin") in routes
    for method, address in routes:
        assert visitor.open(address, method=method).status_code == 401, (method, address)
        assert member.open(address, method=method).status_code == 403, (method, address)
        assert key.open(address, method=method).status_code == 403, (method, address)


def test_only_admins_get_links_to_the_panel(app: OpenAPI) -> None:
    assert 'href="/admin"' not in client_of(app).get("/", headers=HTML).text
    assert 'href="/admin"' not in signed_in(app, "member").get("/", headers=HTML).text
    assert 'href="/admin"' in signed_in(app, "owner").get("/", headers=HTML).text
