"""An OpenID Connect provider: authorization code flow with PKCE (OpenID Connect Core 1.0, RFC 7636), sign-out
there (RP-Initiated Logout 1.0) and from there (Back-Channel Logout 1.0).

Authlib checks the claims of ID tokens, joserfc their signatures. Both are imported with the first sign-in,
and so is httpx2.
"""

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode

import structlog

from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import ApplianceError, InvalidRequest, SignInFailed, Unavailable
from whisper_appliance.core.i18n import N_

TIMEOUT_SECONDS = 10.0
SIGN_OUT_TIMEOUT_SECONDS = 3.0
"""Nobody waits longer to sign out because the provider does not answer."""
REQUESTS_AT_ONCE = 8
"""Further sign-ins are refused at once, so that a provider that hangs does not hold all threads."""
METADATA_SECONDS = 3600.0
KEYS_SECONDS = 60.0
CLOCK_SKEW_SECONDS = 60
FRESH_SECONDS = 120
"""A person who should sign in again must have done so within this time."""
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
TIME_CLAIMS = ("exp", "nbf", "iat")
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
SCOPES = "openid profile email groups"
INVALID = N_(
    "The answer of the sign-in provider is not valid ({reason}). Try again; if it stays so, tell the "
    "administrator."
)
CLOCK_WRONG = N_(
    "The answer of the sign-in provider is from another time: the clock of this machine or of the provider "
    "is wrong. Tell the administrator."
)
UNREACHABLE = N_("The sign-in provider cannot be reached. Try again later, or sign in with a password.")
log = structlog.get_logger()

if TYPE_CHECKING:
    from joserfc.jwk import KeySet


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
    sid: str
    """The id of their session at the provider; `""` where it has none."""
    is_fresh: bool
    """They were authenticated just now; otherwise the provider may have remembered them."""
    id_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EndedAtProvider:
    """What ended at the provider: the session `sid`, or if that is `""` all sessions of `subject`."""

    issuer: str
    subject: str
    sid: str


class OidcProvider:
    """The provider of OIDC_ISSUER. Raises `Unavailable` while it cannot be reached."""

    def __init__(self, get_settings: Callable[[], Settings], clock: Callable[[], float] = time.time) -> None:
        self._get_settings = get_settings
        self._clock = clock
        self._lock = threading.Lock()
        self._metadata: tuple[str, float, dict[str, Any]] | None = None
        self._keys: tuple[str, float, KeySet] | None = None
        self._places = threading.BoundedSemaphore(REQUESTS_AT_ONCE)

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
        return _with_query(str(self._discovered()["authorization_endpoint"]), query)

    def identify(self, attempt: Attempt, code: str, redirect_uri: str) -> Identity:
        """Who signed in, by the code that the browser brought back. Raises `SignInFailed`."""
        tokens = self._fetch_tokens(attempt, code, redirect_uri)
        id_token = str(tokens.get("id_token", ""))
        claims = self._checked_claims(id_token, attempt, tokens)
        is_fresh = self._is_fresh(claims)
        if attempt.fresh and not is_fresh:
            raise SignInFailed("The sign-in provider did not ask you to sign in again. Sign out there first.")
        if endpoint := self._discovered().get("userinfo_endpoint"):
            authorization = {"Authorization": f"Bearer {tokens.get('access_token', '')}"}
            more = self._request("GET", str(endpoint), headers=authorization)
            if more.get("sub") != claims["sub"]:
                raise SignInFailed(INVALID, reason="sub")
            claims = {**more, **claims}
        groups = self._get_settings().oidc_groups_claim
        return _identity(claims, groups, is_fresh=is_fresh, id_token=id_token)

    def sign_out_url(self, id_token: str, state: str, return_uri: str) -> str | None:
        """Where the browser signs out at the provider; None if it cannot, or does not answer now."""
        try:
            metadata = self._fetch_metadata(self._get_settings().oidc_issuer, SIGN_OUT_TIMEOUT_SECONDS)
        except ApplianceError:
            return None
        endpoint = str(metadata.get("end_session_endpoint") or "")
        if not endpoint.startswith(("https://", "http://")):
            return None
        query = {
            "client_id": self._get_settings().oidc_client_id,
            "post_logout_redirect_uri": return_uri,
            "state": state,
        } | ({"id_token_hint": id_token} if id_token else {})
        return _with_query(endpoint, query)

    def ended(self, logout_token: str) -> EndedAtProvider:
        """What a logout token of the provider ends. Raises `InvalidRequest` if it is not a valid one."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        issuer, now = str(self._discovered()["issuer"]), int(self._clock())
        try:
            claims = jwt.decode(logout_token, self._key_set(), algorithms=ALGORITHMS).claims
            jwt.JWTClaimsRegistry(
                now=now,
                leeway=CLOCK_SKEW_SECONDS,
                iss={"essential": True, "value": issuer},
                aud={"essential": True, "value": self._get_settings().oidc_client_id},
                exp={"essential": True},
                iat={"essential": True},
                jti={"essential": True},
            ).validate(claims)
            _check_logout(claims)
        except (SignInFailed, JoseError, ValueError, KeyError, TypeError) as error:
            log.warning("a logout token was refused", reason=f"{type(error).__name__}: {error}"[:200])
            raise InvalidRequest("This is not a valid logout token of the sign-in provider.") from error
        return EndedAtProvider(issuer, str(claims.get("sub") or ""), str(claims.get("sid") or ""))

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
            auth = (quote_plus(settings.oidc_client_id), quote_plus(secret))  # RFC 6749, 2.3.1
        else:
            form |= {"client_id": settings.oidc_client_id} | ({"client_secret": secret} if secret else {})
        return self._request("POST", str(self._discovered()["token_endpoint"]), data=form, auth=auth)

    def _checked_claims(self, token: str, attempt: Attempt, tokens: Mapping[str, Any]) -> dict[str, Any]:
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import ExpiredTokenError, JoseError

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
            decoded = jwt.decode(token, self._key_set(), algorithms=ALGORITHMS)
            claims = CodeIDToken(decoded.claims, decoded.header, wanted, expected)
            claims.validate(now=int(self._clock()), leeway=CLOCK_SKEW_SECONDS)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            reason = getattr(error, "claim", None) or type(error).__name__
            if isinstance(error, ExpiredTokenError) or reason in TIME_CLAIMS:
                raise SignInFailed(CLOCK_WRONG) from error
            log.warning("an ID token was refused", reason=f"{type(error).__name__}: {error}"[:200])
            raise SignInFailed(INVALID, reason=reason) from error
        return dict(claims)

    def _is_fresh(self, claims: Mapping[str, Any]) -> bool:
        moment = claims.get("auth_time")
        return isinstance(moment, int | float) and abs(self._clock() - moment) <= FRESH_SECONDS

    def _key_set(self) -> "KeySet":
        """The keys of the provider, fetched once a minute. Raises errors of `joserfc` for a bad answer."""
        from joserfc.jwk import KeySet

        address, now = str(self._discovered()["jwks_uri"]), self._clock()
        with self._lock:
            fetched = self._keys
        if fetched and fetched[0] == address and 0 <= now - fetched[1] < KEYS_SECONDS:
            return fetched[2]
        keys = KeySet.import_key_set(self._request("GET", address))  # type: ignore[arg-type]
        with self._lock:
            self._keys = address, now, keys
        return keys

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
        return self._fetch_metadata(issuer)

    def _fetch_metadata(self, issuer: str, timeout_seconds: float = TIMEOUT_SECONDS) -> dict[str, Any]:
        address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        found = self._request("GET", address, timeout=timeout_seconds)
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
        """The JSON object that the provider answers. Raises `SignInFailed` if it refuses, `Unavailable`."""
        import httpx2

        if not self._places.acquire(blocking=False):
            raise Unavailable(UNREACHABLE, retry_after_seconds=5)
        try:
            answer = httpx2.request(
                method, url, follow_redirects=False, **{"timeout": TIMEOUT_SECONDS} | given
            )
            found = answer.json()
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            log.warning("the sign-in provider does not answer", url=url, reason=str(error)[:200])
            raise Unavailable(UNREACHABLE, retry_after_seconds=30) from error
        finally:
            self._places.release()
        if not answer.is_success or not isinstance(found, dict):
            reason = str(found.get("error", ""))[:60] if isinstance(found, dict) else ""
            log.warning("the sign-in provider refused a request", url=url, status=answer.status_code)
            raise SignInFailed(INVALID, reason=reason or str(answer.status_code))
        return found


def _check_logout(claims: Mapping[str, Any]) -> None:
    """Raises `ValueError` for the claims of another token, such as those of an ID token."""
    is_logout = isinstance(claims.get("events"), dict) and LOGOUT_EVENT in claims["events"]
    if not is_logout or "nonce" in claims or not (claims.get("sub") or claims.get("sid")):
        raise ValueError("not a logout token")


def _with_query(address: str, query: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"


def _identity(claims: Mapping[str, Any], groups_claim: str, *, is_fresh: bool, id_token: str) -> Identity:
    groups = claims.get(groups_claim) or []
    names = (claims.get(each) for each in ("preferred_username", "name", "nickname", "email", "sub"))
    return Identity(
        issuer=str(claims["iss"]),
        subject=str(claims["sub"]),
        name=str(next(name for name in names if name)),
        verified_email=str(claims.get("email") or "") if claims.get("email_verified") is True else "",
        groups=frozenset(map(str, groups if isinstance(groups, list) else [groups])),
        sid=str(claims.get("sid") or ""),
        is_fresh=is_fresh,
        id_token=id_token,
    )
