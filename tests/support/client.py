"""Clients of the application in this process: with a session, with a key, or without either."""

import contextlib
import io
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI
from werkzeug.test import TestResponse

from tests.support.wait import wait_until
from whisper_appliance.accounts.identity import SHELL, Role, Scope, User
from whisper_appliance.accounts.keys import ApiKey
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.web.auth import csrf
from whisper_appliance.web.context import EXTENSION


class Response(TestResponse):
    """A response whose JSON a test takes for what it expects; where it is not, the test fails there."""

    @property
    def json(self) -> Any:
        return super().json


class ApiClient(FlaskClient):
    """A client of the application in this process; `user` and `key` are set where it has them."""

    user: User
    key: ApiKey
    application: OpenAPI

    if TYPE_CHECKING:  # the same methods, with the type above

        def open(self, *args: Any, **given: Any) -> Response: ...
        def get(self, *args: Any, **given: Any) -> Response: ...
        def post(self, *args: Any, **given: Any) -> Response: ...
        def put(self, *args: Any, **given: Any) -> Response: ...
        def patch(self, *args: Any, **given: Any) -> Response: ...
        def delete(self, *args: Any, **given: Any) -> Response: ...
        def options(self, *args: Any, **given: Any) -> Response: ...


def client_of(app: OpenAPI) -> ApiClient:
    """A client without a session."""
    return ApiClient(app, app.response_class, use_cookies=True)


PASSWORD = "seven quiet lamps"
_numbers = count(1)


def an_account(appliance: Appliance, role: Role = "member", name: str = "") -> User:
    """A new user of this role, whose password is `PASSWORD`."""
    return appliance.accounts.users.create(name or f"{role} {next(_numbers)}", PASSWORD, role, by=SHELL)


def signed_in(app: OpenAPI, role: Role = "member", *, user: User | None = None) -> ApiClient:
    """The browser of a new user of this role, or of `user`: with a session and its CSRF token.

    `client.user` is the user. Over HTTPS (`base_url="https://localhost"`) the cookie would be another.
    """
    appliance: Appliance = app.extensions[EXTENSION].appliance
    user = user or an_account(appliance, role)
    begun = appliance.accounts.begin_session(user, address="127.0.0.1", agent="a test")
    client = client_of(app)
    client.set_cookie("session", begun.token)
    with app.app_context():
        client.environ_base["HTTP_X_CSRF_TOKEN"] = csrf.csrf_token(begun.session)
    client.user = user
    return client


def with_key(app: OpenAPI, *scopes: Scope, user: User | None = None, days: float | None = None) -> ApiClient:
    """A program with a new key that has these scopes, of a new member or of `user`."""
    appliance: Appliance = app.extensions[EXTENSION].appliance
    user = user or an_account(appliance)
    key, secret = appliance.accounts.keys.create(user, "a program", scopes, days=days, by=SHELL)
    client = client_of(app)
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
    client.user, client.key = user, key
    return client


def open_page(app: OpenAPI) -> ApiClient:
    """Another browser."""
    client = client_of(app)
    assert client.get("/", headers={"Accept": "text/html"}).status_code == 200
    return client


def send(client: ApiClient, words: str = "one two", name: str = "talk.wav", **fields: Any) -> Response:
    return client.post("/transcribe", data={**fields, "file": (io.BytesIO(words.encode()), name)})


def uploads(appliance: Appliance) -> list[Path]:
    """The uploads that are left; a job removes its own a moment after it has ended."""
    folder = appliance.settings.data_dir / "uploads"
    with contextlib.suppress(AssertionError):
        wait_until(lambda: not any(folder.iterdir()))
    return list(folder.iterdir())
