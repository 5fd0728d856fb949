"""The admin panel: its gate, its menu, and the way to it."""

import pytest
from flask_openapi3 import OpenAPI

from tests.web.admin.conftest import SignIn
from whisper_appliance.web.admin.panel import BLUEPRINTS, PLACES

HTML = {"Accept": "text/html"}


def panel_rules(app: OpenAPI) -> list[str]:
    ours = {blueprint.name for blueprint in BLUEPRINTS}
    return [rule.rule for rule in app.url_map.iter_rules() if rule.endpoint.split(".")[0] in ours]


def test_the_panel_opens_on_its_first_page(app: OpenAPI, sign_in: SignIn) -> None:
    sign_in("admin")
    answer = app.test_client().get("/admin", headers=HTML)
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/admin/{PLACES[0][0]}"


@pytest.mark.parametrize("place", PLACES)
def test_every_place_opens_for_admins_and_is_in_the_menu(
    app: OpenAPI, sign_in: SignIn, place: tuple[str, str]
) -> None:
    sign_in("admin")
    page = app.test_client().get(f"/admin/{place[0]}", headers=HTML)
    assert page.status_code == 200
    assert f'<a href="/admin/{place[0]}" aria-current="page">{place[1]}</a>' in page.text


def test_members_and_visitors_are_kept_out_of_every_place(app: OpenAPI, sign_in: SignIn) -> None:
    visitor = app.test_client()
    rules = [rule for rule in panel_rules(app) if "<" not in rule]
    assert "/admin" in rules
    for rule in rules:
        assert visitor.open(rule, method="GET").status_code in (401, 405), rule
    sign_in("member")
    for rule in rules:
        assert app.test_client().get(rule).status_code in (403, 405), rule


def test_only_admins_are_shown_the_way(app: OpenAPI, sign_in: SignIn) -> None:
    assert 'href="/admin"' not in app.test_client().get("/", headers=HTML).text
    sign_in("owner")
    assert 'href="/admin"' in app.test_client().get("/", headers=HTML).text
