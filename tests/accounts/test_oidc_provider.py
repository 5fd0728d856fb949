"""The answers of an OpenID Connect provider: PKCE is sent, and no forged or foreign token names anybody."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from whisper_appliance.accounts.oidc_provider import Attempt, OidcProvider
from whisper_appliance.config.settings import load
from whisper_appliance.core.errors import SignInFailed, Unavailable

ISSUER = "https://auth.example.org"
CLIENT_ID = "whisper appliance"
CALLBACK = "https://speech.example.org/sign-in/provider/callback"
KEY = RSAKey.generate_key(2048, {"kid": "of the provider"})
STRANGER = RSAKey.generate_key(2048, {"kid": "of the provider"})
ATTEMPT = Attempt.new(fresh=False)


class ScriptedProvider(OidcProvider):
    """A provider that gives these answers, and notes what it is sent."""

    def __init__(self, folder: Path, id_token: str = "") -> None:
        settings = load(
            data_dir=folder, oidc_issuer=ISSUER, oidc_client_id=CLIENT_ID, oidc_client_secret="a%:secret"
        )
        super().__init__(lambda: settings)
        self.sent: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, dict[str, Any]] = {
            f"{ISSUER}/.well-known/openid-configuration": {
                "issuer": ISSUER,
                "authorization_endpoint": f"{ISSUER}/authorize",
                "token_endpoint": f"{ISSUER}/token",
                "userinfo_endpoint": f"{ISSUER}/userinfo",
                "jwks_uri": f"{ISSUER}/keys",
            },
            f"{ISSUER}/keys": {"keys": [KEY.as_dict(private=False)]},
            f"{ISSUER}/token": {"access_token": "opaque", "id_token": id_token},
            f"{ISSUER}/userinfo": {"sub": "s-1", "name": "Ada"},
        }

    def _request(self, method: str, url: str, **given: Any) -> dict[str, Any]:
        self.sent[url] = given
        return self.answers[url]


def claims(**other: Any) -> dict[str, Any]:
    moment = int(time.time())
    usual = {"iss": ISSUER, "sub": "s-1", "aud": CLIENT_ID, "iat": moment, "exp": moment + 300}
    given = usual | {"nonce": ATTEMPT.nonce} | other
    return {name: value for name, value in given.items() if value is not None}


def signed(key: RSAKey = KEY, **other: Any) -> str:
    return jwt.encode({"alg": "RS256", "kid": "of the provider"}, claims(**other), key)


def by_public_key() -> str:
    """HS256, whose secret is what everybody may read."""
    header = encoded(b'{"alg":"HS256","kid":"of the provider"}')
    start = f"{header}.{signed().split('.')[1]}"
    return f"{start}.{encoded(hmac.digest(KEY.as_pem(private=False), start.encode(), 'sha256'))}"


def unsigned() -> str:
    header = encoded(b'{"alg":"none"}')
    return f"{header}.{signed().split('.')[1]}."


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def test_a_token_of_the_provider_names_a_person(tmp_path: Path) -> None:
    found = ScriptedProvider(tmp_path, signed()).identify(ATTEMPT, "a code", CALLBACK)
    assert (found.issuer, found.subject, found.name) == (ISSUER, "s-1", "Ada")


def test_the_verifier_is_that_of_the_challenge_and_goes_with_the_code(tmp_path: Path) -> None:
    provider = ScriptedProvider(tmp_path, signed())
    sent = parse_qs(urlsplit(provider.authorization_url(ATTEMPT, CALLBACK)).query)
    provider.identify(ATTEMPT, "a code", CALLBACK)
    form = provider.sent[f"{ISSUER}/token"]["data"]
    assert sent["code_challenge"] == [encoded(hashlib.sha256(form["code_verifier"].encode()).digest())]
    assert (sent["code_challenge_method"], form["code"]) == (["S256"], "a code")
    assert form["redirect_uri"] == sent["redirect_uri"][0] == CALLBACK


def test_the_secret_is_sent_as_the_standard_wants_it(tmp_path: Path) -> None:
    """RFC 6749, 2.3.1: form-encoded, because ':' separates the id from the secret."""
    provider = ScriptedProvider(tmp_path, signed())
    provider.identify(ATTEMPT, "a code", CALLBACK)
    assert provider.sent[f"{ISSUER}/token"]["auth"] == ("whisper+appliance", "a%25%3Asecret")


FORGED: dict[str, Callable[[], str]] = {
    "unsigned": unsigned,
    "signed with the public key": by_public_key,
    "signed by somebody else": lambda: signed(STRANGER),
    "of another issuer": lambda: signed(iss="https://other.example.org"),
    "for another client": lambda: signed(aud="other"),
    "for several clients and used by another": lambda: signed(aud=[CLIENT_ID, "other"], azp="other"),
    "used by another client": lambda: signed(azp="other"),
    "of another attempt": lambda: signed(nonce="another"),
    "without a nonce": lambda: signed(nonce=None),
    "expired": lambda: signed(exp=int(time.time()) - 600, iat=int(time.time()) - 900),
    "of nobody": lambda: signed(sub=None),
    "changed": lambda: ".".join([*signed().split(".")[:2], signed(sub="s-2").split(".")[2]]),
    "no token": lambda: "no token",
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_a_forged_or_foreign_token_names_nobody(tmp_path: Path, forge: Callable[[], str]) -> None:
    with pytest.raises(SignInFailed):
        ScriptedProvider(tmp_path, forge()).identify(ATTEMPT, "a code", CALLBACK)


def test_facts_about_another_person_are_not_taken(tmp_path: Path) -> None:
    provider = ScriptedProvider(tmp_path, signed())
    provider.answers[f"{ISSUER}/userinfo"]["sub"] = "s-2"
    with pytest.raises(SignInFailed):
        provider.identify(ATTEMPT, "a code", CALLBACK)


def test_a_description_of_another_provider_is_not_taken(tmp_path: Path) -> None:
    provider = ScriptedProvider(tmp_path)
    provider.answers[f"{ISSUER}/.well-known/openid-configuration"]["issuer"] = "https://other.example.org"
    with pytest.raises(Unavailable):
        provider.authorization_url(ATTEMPT, CALLBACK)
