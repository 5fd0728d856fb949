"""URL_PREFIX: addresses on the way in and out."""

from collections.abc import Iterable
from typing import Any

import pytest
from flask import Flask, redirect, request
from werkzeug.test import Client

from whisper_appliance.web import url_prefix

PAGE = '<a href="/history">x</a> <a href="//other/">y</a> data-x="/text"'


@pytest.fixture
def site() -> Client:
    app = Flask(__name__)
    app.after_request(url_prefix.prefix_links)
    app.add_url_rule("/page", "page", lambda: PAGE)
    app.add_url_rule("/json", "json", lambda: {"link": ' href="/history"'})
    app.add_url_rule("/there", "there", lambda: redirect("/page"))
    app.add_url_rule("/path", "path", lambda: request.path)

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return app.wsgi_app(environ, start_response)

    return Client(url_prefix.UrlPrefix(application, "/stt"))


@pytest.mark.parametrize("address", ["/stt/path", "/path"], ids=["kept by the proxy", "taken away by it"])
def test_a_route_knows_no_prefix(site: Client, address: str) -> None:
    assert site.get(address).text == "/path"


def test_a_longer_name_is_not_the_prefix(site: Client) -> None:
    assert site.get("/sttx/path").status_code == 404


def test_a_redirect_stays_below_the_prefix(site: Client) -> None:
    assert site.get("/stt/there").headers["Location"] == "/stt/page"


def test_links_of_a_page_stay_below_the_prefix_and_nothing_else_changes(site: Client) -> None:
    assert site.get("/stt/page").text == PAGE.replace("/history", "/stt/history")
    assert site.get("/stt/json").json == {"link": ' href="/history"'}
