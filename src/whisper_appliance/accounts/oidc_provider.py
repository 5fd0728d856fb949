"""An OpenID Connect provider: authorization code flow with PKCE (OpenID Connect Core 1.0, RFC 7636).

Authlib checks the claims of ID tokens, joserfc their signatures. Both are imported with the first sign-in.
"""

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx2
import structlog

from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import SignInFailed, Unavailable
from whisper_appliance.core.i18n import N_

TIMEOUT_SECONDS = 10.0
METADATA_SECONDS = 3600.0
CLOCK_SKEW_SECONDS = 60
FRESH_SECONDS = 120
"""A person who should sign in again must have done so within this time."""
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
TIME_CLAIMS = ("exp", "nbf", "iat")
SCOPES = "openid profile email groups"
INVALID = N_(
    "The answer of the sign-in provider is not valid ({reason}). Try again; if it stays so, tell the "
    "administrator."
)
CLOCK_WRONG = N_(
    "The answer of the sign-in provider is from another time: the clock of this machine or of the provider "
    "is wrong. Tell the administrator."
)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in that has begun: what only the browser that began it has."""

    state: str
    nonce: str
    verifier: str
    fresh: bool = False
    """The person has to sign in again, also where the provider remembers them."""

    @classmethod
    def new(cls, *, fresh: bool) -> "Attempt":
        """A new one, of random values."""
        return cls(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48), fresh)


@dataclass(frozen=True, slots=True)
class Identity:
    """A person at a provider. `subject` identifies them for good; names and addresses may change."""

    issuer: str
    subject: str
    name: str
    verified_email: str
    groups: frozenset[str]


class OidcProvider:
    """The provider of OIDC_ISSUER. Raises `Unavailable` while it cannot be reached."""

    def __init__(self, get_settings: Callable[[], Settings], clock: Callable[[], float] = time.time) -> None:
        self._get_settings = get_settings
        self._clock = clock
        self._lock = threading.Lock()
        self._metadata: tuple[str, float, dict[str, Any]] | None = None

    @property
    def is_configured(self) -> bool:
        """Whether people may sign in with it."""
        settings = self._get_settings()
        return bool(settings.oidc_issuer and settings.oidc_client_id)

    def authorization_url(self, attempt: Attempt, redirect_uri: str) -> str:
        """Where the browser goes to sign in."""
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        query = {
            "response_type": "code",
            "client_id": self._get_settings().oidc_client_id,
            "redirect_uri": redirect_uri,
            "scope": self._scopes(),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": create_s256_code_challenge(attempt.verifier),
            "code_challenge_method": "S256",
        }
        if attempt.fresh:
            query |= {"prompt": "login", "max_age": "0"}
        endpoint = str(self._discovered()["authorization_endpoint"])
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    def identify(self, attempt: Attempt, code: str, redirect_uri: str) -> Identity:
        """Who signed in, by the code that the browser brought back. Raises `SignInFailed`."""
        tokens = self._fetch_tokens(attempt, code, redirect_uri)
        claims = self._checked_claims(str(tokens.get("id_token", "")), attempt, tokens)
        if endpoint := self._discovered().get("userinfo_endpoint"):
            authorization = {"Authorization": f"Bearer {tokens.get('access_token', '')}"}
            more = self._request("GET", str(endpoint), headers=authorization)
            if more.get("sub") != claims["sub"]:
                raise SignInFailed(INVALID, reason="sub")
            claims = {**more, **claims}
        return _identity(claims, self._get_settings().oidc_groups_claim)

    def _fetch_tokens(self, attempt: Attempt, code: str, redirect_uri: str) -> dict[str, Any]:
        settings = self._get_settings()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": attempt.verifier,
        }
        auth = None
        secret = settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else ""
        methods = self._discovered().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if secret and "client_secret_basic" in methods:
            auth = (settings.oidc_client_id, secret)
        else:
            form |= {"client_id": settings.oidc_client_id} | ({"client_secret": secret} if secret else {})
        return self._request("POST", str(self._discovered()["token_endpoint"]), data=form, auth=auth)

    def _checked_claims(self, token: str, attempt: Attempt, tokens: Mapping[str, Any]) -> dict[str, Any]:
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import ExpiredTokenError, JoseError
        from joserfc.jwk import KeySet

        settings = self._get_settings()
        wanted = {
            "iss": {"essential": True, "value": self._discovered()["issuer"]},
            "aud": {"essential": True, "value": settings.oidc_client_id},
        }
        expected = {
            "nonce": attempt.nonce,
            "client_id": settings.oidc_client_id,
            "access_token": tokens.get("access_token", ""),
            "max_age": attempt.fresh,
        }
        try:
            keys = KeySet.import_key_set(self._request("GET", str(self._discovered()["jwks_uri"])))  # type: ignore[arg-type]
            decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
            claims = CodeIDToken(decoded.claims, decoded.header, wanted, expected)
            claims.validate(now=int(self._clock()), leeway=CLOCK_SKEW_SECONDS)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            reason = getattr(error, "claim", None) or type(error).__name__
            if isinstance(error, ExpiredTokenError) or reason in TIME_CLAIMS:
                raise SignInFailed(CLOCK_WRONG) from error
            log.warning("an ID token was refused", reason=f"{type(error).__name__}: {error}"[:200])
            raise SignInFailed(INVALID, reason=reason) from error
        if attempt.fresh and abs(self._clock() - float(claims["auth_time"])) > FRESH_SECONDS:
            raise SignInFailed("The sign-in provider did not ask you to sign in again. Sign out there first.")
        return dict(claims)

    def _scopes(self) -> str:
        """Those of `SCOPES` that the provider knows; `openid` always."""
        known = self._discovered().get("scopes_supported")
        return " ".join(each for each in SCOPES.split() if not known or each in known or each == "openid")

    def _discovered(self) -> dict[str, Any]:
        """The metadata of the provider (OpenID Connect Discovery 1.0), fetched once an hour."""
        issuer = self._get_settings().oidc_issuer
        with self._lock:
            fetched = self._metadata
        if fetched and fetched[0] == issuer and self._clock() - fetched[1] < METADATA_SECONDS:
            return fetched[2]
        found = self._request("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        missing = {"authorization_endpoint", "token_endpoint", "jwks_uri"} - set(found)
        if str(found.get("issuer", "")).rstrip("/") != issuer.rstrip("/") or missing:
            raise Unavailable(
                "The sign-in provider at {issuer} is not the one of OIDC_ISSUER. Tell the administrator.",
                issuer=issuer,
            )
        with self._lock:
            self._metadata = issuer, self._clock(), found
        return found

    def _request(self, method: str, url: str, **given: Any) -> dict[str, Any]:
        try:
            answer = httpx2.request(method, url, timeout=TIMEOUT_SECONDS, follow_redirects=False, **given)
            found = answer.json()
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            log.warning("the sign-in provider does not answer", url=url, reason=str(error)[:200])
            raise Unavailable(
                "The sign-in provider cannot be reached. Try again later, or sign in with a password.",
                retry_after_seconds=30,
            ) from error
        if not answer.is_success or not isinstance(found, dict):
            reason = str(found.get("error", ""))[:60] if isinstance(found, dict) else ""
            log.warning("the sign-in provider refused a request", url=url, status=answer.status_code)
            raise SignInFailed(INVALID, reason=reason or str(answer.status_code))
        return found


def _identity(claims: Mapping[str, Any], groups_claim: str) -> Identity:
    groups = claims.get(groups_claim) or []
    names = (claims.get(each) for each in ("preferred_username", "name", "nickname", "email", "sub"))
    return Identity(
        issuer=str(claims["iss"]),
        subject=str(claims["sub"]),
        name=str(next(name for name in names if name)),
        verified_email=str(claims.get("email") or "") if claims.get("email_verified") is True else "",
        groups=frozenset(map(str, groups if isinstance(groups, list) else [groups])),
    )
