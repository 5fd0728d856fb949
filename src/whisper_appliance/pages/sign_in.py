"""Sign-in: the page, and the session as a resource (sign in, read, sign out)."""

from collections.abc import Iterable
from typing import Any

from flask import Response, jsonify, redirect, render_template, request
from pydantic import Field
from werkzeug import Response as AnyResponse

from whisper_appliance.accounts.access import AccessMode
from whisper_appliance.accounts.accounts import SignedIn
from whisper_appliance.accounts.identity import SCOPES, Role, User
from whisper_appliance.core.errors import NotAllowed, SignInRequired
from whisper_appliance.core.schema import Schema
from whisper_appliance.web.auth import authentication
from whisper_appliance.web.auth.passkey_site import current_site, site_or_none
from whisper_appliance.web.auth.provider_sign_out import provider_sign_out_url
from whisper_appliance.web.auth.safe_redirect import safe_next
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import PAGES, SIGN_IN, error_responses, text_response
from whisper_appliance.web.schemas.account import WebAuthnOptions

blueprint = LazyBlueprint("sign_in", __name__, abp_tags=[SIGN_IN])


class UserResponse(Schema):
    """A user, as they and admins see them."""

    id: str
    name: str
    role: Role


class SessionResponse(Schema):
    """The caller."""

    user: UserResponse | None = Field(description="null: a visitor, or a program without a key.")
    openness: AccessMode = Field(description="Who may use the appliance.")
    scopes: list[str] = Field(description="What may be done, bounded by the scopes of a key.")
    confirmed: bool = Field(description="Whether dangerous actions are possible without a confirmation.")


class SignInBody(Schema):
    """A name and its password."""

    name: str = Field(description="Name of the account; capitals do not matter.", max_length=200)
    password: str = Field(description="Its password.", max_length=1000)
    code: str = Field(
        "", description="Of the authenticator app, or a recovery code: for a second factor.", max_length=100
    )


class PasskeySignInBody(Schema):
    """A challenge that a passkey has signed."""

    credential: dict[str, Any] = Field(description="The answer of the browser, as JSON of WebAuthn.")


class SignedOutResponse(Schema):
    """The session has ended."""

    provider: str = Field(description="Where the browser signs out at the provider.")


class ConfirmBody(Schema):
    """Proof that the user of the session is there."""

    password: str = Field(description="The password of the account.", max_length=1000)
    code: str = Field(
        "", description="Of the authenticator app, or a recovery code: for a second factor.", max_length=100
    )


class NextQuery(Schema):
    """Where to go after signing in."""

    next: str = Field("/", description="Path of a page of this appliance.")


SIGN_IN_PAGE = {
    200: text_response("The page.", "text/html"),
    302: {"description": "Signed in already: to the page that was wanted."},
    **error_responses(503),
}


@blueprint.get("/sign-in", tags=[PAGES], responses=SIGN_IN_PAGE, operation_id="sign_in_show_sign_in_get")
def sign_in_page(query: NextQuery) -> str | AnyResponse:
    """Where people sign in."""
    target = safe_next(query.next)
    if authentication.current_actor_or_anonymous().user is not None:
        return redirect(target)
    return render_sign_in(target)


def render_sign_in(target: str, sentence: str = "", notice: str = "") -> str:
    """The sign-in page, which goes on to `target`; `sentence` says why an earlier attempt failed, `notice`
    what went well."""
    accounts, site = appliance().accounts, site_or_none()
    return render_template(
        "sign_in.html",
        next=target,
        has_accounts=accounts.users.exist(),
        has_passkeys=site is not None and accounts.passkeys.exist_for(site),
        provider=appliance().settings.oidc_name if appliance().oidc_provider.is_configured else "",
        sentence=sentence,
        notice=notice,
    )


@blueprint.get(
    "/api/session",
    responses={200: SessionResponse, **error_responses(401, 503)},
    operation_id="sign_in_read_api_session_get",
)
def get_session() -> Response:
    """The caller: the user of the session or the key, or nobody."""
    actor = authentication.current_actor()
    is_confirmed = bool(actor.session) and appliance().accounts.sessions.is_confirmed(actor.session)
    return _session_response(actor.user, actor.scopes, is_confirmed=is_confirmed)


@blueprint.post(
    "/api/session",
    responses={200: SessionResponse, **error_responses(400, 401, 403, 429, 503)},
    operation_id="sign_in_begin_api_session_post",
)
def create_session(body: SignInBody) -> Response:
    """Signs in; the answer sets the cookie of the session. One that the browser had before ends.

    401 `second_factor_required`: the password is right; send all again, with a code.
    """
    signed_in = appliance().accounts.sign_in(
        body.name, body.password, body.code, address=client_address(), agent=user_agent()
    )
    return signed_in_response(signed_in)


@blueprint.post(
    "/api/session/passkey/options",
    responses={200: WebAuthnOptions, **error_responses(403, 409, 429, 503, 507)},
)
def begin_passkey_sign_in() -> Response:
    """The options with which the browser signs in by a passkey for the host name in use."""
    options = appliance().accounts.begin_passkey_sign_in(current_site(), address=client_address())
    return jsonify({"public_key": options})


@blueprint.post(
    "/api/session/passkey",
    responses={200: SessionResponse, **error_responses(400, 401, 403, 409, 429, 503, 507)},
)
def create_session_with_passkey(body: PasskeySignInBody) -> Response:
    """Signs in with a passkey, in place of password and code."""
    signed_in = appliance().accounts.sign_in_with_passkey(
        current_site(), body.credential, address=client_address(), agent=user_agent()
    )
    return signed_in_response(signed_in)


@blueprint.post(
    "/api/session/confirm",
    responses={204: None, **error_responses(400, 401, 403, 429, 503, 507)},
)
def confirm_session(body: ConfirmBody) -> tuple[str, int]:
    """Confirms by password that the user is there; dangerous actions are possible for ten minutes.

    Before that they are answered with 403 `confirmation_required`. Signing in confirms as well.
    401 `second_factor_required`: the password is right; send all again, with a code.
    """
    actor = authentication.current_actor()
    if actor.key:
        raise NotAllowed("Keys cannot do this. Sign in to the appliance's page instead.")
    if not actor.session:
        raise SignInRequired("Sign in to do this.")
    appliance().accounts.confirm(actor, body.password, body.code, address=client_address())
    return "", 204


@blueprint.delete(
    "/api/session",
    responses={200: SignedOutResponse, 204: None, **error_responses(401, 403, 503)},
    operation_id="sign_in_end_api_session_delete",
)
def delete_session() -> Response:
    """Signs out. 200: the session began at a provider, and the browser is to end it there too."""
    actor, issuer = authentication.current_actor(), appliance().settings.oidc_issuer
    id_token = appliance().provider_sessions.id_token(actor.session, issuer) if issuer else None
    appliance().accounts.sign_out(actor)
    url = provider_sign_out_url(id_token) if id_token else None
    response = jsonify(SignedOutResponse(provider=url).model_dump()) if url else Response(status=204)
    return authentication.clear_session_cookie(response)


def signed_in_response(signed_in: SignedIn) -> Response:
    """The response to a sign-in: the session, and its cookie. One that the browser had before ends."""
    before = authentication.current_actor_or_anonymous()
    if before.session:
        appliance().accounts.sign_out(before)
    return authentication.set_session_cookie(
        _session_response(signed_in.user, SCOPES, is_confirmed=True), signed_in.token
    )


def client_address() -> str:
    """The raw client address; X-Forwarded-For counts only from trusted proxies (`ProxyFix`)."""
    return request.remote_addr or ""


def user_agent() -> str:
    """The User-Agent of the client."""
    return request.headers.get("User-Agent", "")


def _session_response(user: User | None, scopes: Iterable[str], *, is_confirmed: bool) -> Response:
    session = SessionResponse(
        user=UserResponse(id=user.id, name=user.name, role=user.role) if user else None,
        openness=authentication.access_mode(),
        scopes=sorted(scopes),
        confirmed=is_confirmed,
    )
    return jsonify(session.model_dump())
