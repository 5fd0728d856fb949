"""Somebody signed in, in front of the panel."""

from collections.abc import Callable

import pytest
from flask import g
from flask_openapi3 import OpenAPI

from whisper_appliance.accounts.people import Actor, Role, User

SignIn = Callable[[Role | None], None]


@pytest.fixture
def sign_in(app: OpenAPI) -> SignIn:
    """From now on every request is that of a user with this role; None signs out."""
    now: list[Actor] = []

    def find() -> None:
        if now:
            g.actor = now[0]

    app.before_request(find)

    def sign(role: Role | None) -> None:
        user = User("a" * 32, "Ada", role, "2026-01-01T00:00:00Z") if role else None
        now[:] = [Actor("a" * 32, user)] if user else []

    return sign
