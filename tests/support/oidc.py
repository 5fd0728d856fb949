"""A real OpenID Connect provider, which runs beside the appliance."""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests
from authlib.deprecate import AuthlibDeprecationWarning
from joserfc import jwt
from joserfc.jwk import RSAKey

with warnings.catch_warnings(action="ignore", category=AuthlibDeprecationWarning):
    import oidc_provider_mock
    from oidc_provider_mock._storage import storage

CLIENT_ID = "whisper"
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


@dataclass(frozen=True)
class Provider:
    """A running provider and the key with which it signs."""

    issuer: str
    key: RSAKey

    def person(self, subject: str, **claims: Any) -> None:
        """Makes or changes a person, who has just signed in there."""
        given = {"groups": ["staff"], "auth_time": int(time.time()), **claims}
        requests.put(f"{self.issuer}/users/{quote(subject)}", json=given).raise_for_status()

    def logout_token(self, key: RSAKey | None = None, **claims: Any) -> str:
        """A logout token (OpenID Connect Back-Channel Logout 1.0) with these claims; None leaves one out."""
        moment = int(time.time())
        usual = {"iss": self.issuer, "aud": CLIENT_ID, "iat": moment, "exp": moment + 120, "jti": "a"}
        given = {**usual, "events": {LOGOUT_EVENT: {}}, **claims}
        present = {name: value for name, value in given.items() if value is not None}
        return jwt.encode({"alg": "RS256", "typ": "logout+jwt"}, present, key or self.key)


@contextmanager
def running_provider() -> Iterator[Provider]:
    """A provider that accepts every client."""
    with oidc_provider_mock.run_server_in_thread() as server:
        app: Any = server.app
        with app.test_request_context():
            app.preprocess_request()
            key = RSAKey.import_key(storage.jwk.as_dict(is_private=True))
        yield Provider(f"http://localhost:{server.server_port}", key)
