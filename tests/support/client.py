"""Clients of the application in this process: with a session, with a key, or without either."""

import contextlib
import io
from itertools import count
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI
from werkzeug.test import TestResponse

from tests.support.wait import wait_until
from whisper_appliance.accounts.identity import SHELL, Role, Scope, User
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.web.auth import csrf
from whisper_appliance.web.context import KEY

PASSWORD = "seven lamps beside a quiet river"
_numbers = count(1)


def an_account(appliance: Appliance, role: Role = "member", name: str = "") -> User:
    """A new user of this role, whose password is `PASSWORD`."""
    return appliance.accounts.users.create(name or f"{role} {next(_numbers)}", PASSWORD, role, by=SHELL)


def signed_in(app: OpenAPI, role: Role = "member", *, user: User | None = None) -> FlaskClient:
    """The browser of a new user of this role, or of `user`: with a session and its CSRF token.

    `client.user` is the user. Over HTTPS (`base_url="https://localhost"`) the cookie would be another.
    """
    appliance: Appliance = app.extensions[KEY].appliance
    user = user or an_account(appliance, role)
    begun = appliance.accounts.begin_session(user, address="127.0.0.1", agent="a test")
    client = app.test_client()
    client.set_cookie("session", begun.token)
    with app.app_context():
        client.environ_base["HTTP_X_CSRF_TOKEN"] = csrf.token(begun.session)
    client.user = user  # type: ignore[attr-defined] # handed on to the test
    return client


def with_key(
    app: OpenAPI, *scopes: Scope, user: User | None = None, days: float | None = None
) -> FlaskClient:
    """A program with a new key that has these scopes, of a new member or of `user`."""
    appliance: Appliance = app.extensions[KEY].appliance
    user = user or an_account(appliance)
    key, secret = appliance.accounts.keys.create(user, "a program", scopes, days=days, by=SHELL)
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
    client.user, client.key = user, key  # type: ignore[attr-defined] # handed on to the test
    return client


def open_page(app: OpenAPI) -> FlaskClient:
    """Another browser."""
    client = app.test_client()
    assert client.get("/", headers={"Accept": "text/html"}).status_code == 200
    return client


def send(client: FlaskClient, words: str = "one two", name: str = "talk.wav", **fields: Any) -> TestResponse:
    return client.post("/transcribe", data={**fields, "file": (io.BytesIO(words.encode()), name)})


def uploads(appliance: Appliance) -> list[Path]:
    """The uploads that are left; a job removes its own a moment after it has ended."""
    folder = appliance.settings.data_dir / "uploads"
    with contextlib.suppress(AssertionError):
        wait_until(lambda: not any(folder.iterdir()), 5)
    return list(folder.iterdir())
