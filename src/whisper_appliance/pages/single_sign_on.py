"""Sign-in with an OpenID Connect provider: to the provider, and back with a code; sign-out."""

import hmac
import json
import time
from dataclasses import asdict

from flask import Response, make_response, redirect, session, url_for
from flask_openapi3.types import ResponseDict
from pydantic import Field
from werkzeug import Response as AnyResponse

from whisper_appliance.accounts.oidc_provider import Attempt
from whisper_appliance.core.errors import ApplianceError, NotFound, SignInFailed
from whisper_appliance.core.schema import Schema
from whisper_appliance.pages.sign_in import client_address, render_sign_in, user_agent
from whisper_appliance.web.auth import authentication
from whisper_appliance.web.auth.provider_sign_out import has_signed_out
from whisper_appliance.web.auth.safe_redirect import safe_next
from whisper_appliance.web.context import appliance
from whisper_appliance.web.errors import status_of
from whisper_appliance.web.i18n import translate, translate_error
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import PAGES, SIGN_IN, error_responses, text_response

blueprint = LazyBlueprint("single_sign_on", __name__, abp_tags=[SIGN_IN])

PENDING = "sign_ins"
"""The field of the signed cookie that holds the attempts."""
MAX_PENDING = 5
MAX_PENDING_BYTES = 2500
"""Browsers store no cookie of more than 4096."""
PENDING_SECONDS = 600
TO_PROVIDER: ResponseDict = {302: {"description": "To the provider, or to the wanted page."}}


class BeginQuery(Schema):
    """Where to go after signing in."""

    next: str = Field("/", description="Path of a page of this appliance.")
    fresh: bool = Field(False, description="The provider requires the password again.")


class CallbackQuery(Schema):
    """What the provider sends."""

    code: str = Field("", max_length=4000, description="Is exchanged for the tokens of the person.")
    state: str = Field("", max_length=200, description="As it was sent to the provider.")
    error: str = Field("", max_length=200, description="Why nobody signed in.")


class SignedOutQuery(Schema):
    """What the provider sends after a sign-out."""

    state: str = Field("", max_length=200, description="As it was sent to the provider.")


class LogoutForm(Schema):
    """What the provider sends when a session ended there."""

    logout_token: str = Field("", max_length=20_000, description="Signed by the provider.")


@blueprint.get(
    "/sign-in/provider",
    tags=[PAGES],
    responses={**TO_PROVIDER, **error_responses(404, 503)},
)
def begin(query: BeginQuery) -> AnyResponse:
    """Sends the browser to the provider of OIDC_ISSUER."""
    _check_configured()
    provider, target = appliance().oidc_provider, safe_next(query.next)
    attempt = Attempt.new(fresh=query.fresh)
    try:
        url = provider.authorization_url(attempt, _callback_url())
    except ApplianceError as error:
        return _failed(error, target)
    _keep_pending({**asdict(attempt), "next": target, "began": time.time()})
    return redirect(url)


@blueprint.get(
    "/sign-in/provider/callback",
    tags=[PAGES],
    responses={**TO_PROVIDER, **error_responses(401, 403, 404, 409, 503)},
)
def callback(query: CallbackQuery) -> AnyResponse:
    """Signs in the person whom the provider names, and makes their account at the first time."""
    _check_configured()
    pending = _take_pending(query.state)
    target = safe_next(str(pending.get("next", "/")))
    try:
        return _signed_in(query, pending, target)
    except ApplianceError as error:
        return _failed(error, target)


@blueprint.get(
    "/sign-in/provider/signed-out",
    tags=[PAGES],
    responses={200: text_response("The page.", "text/html"), **TO_PROVIDER, **error_responses(404, 503)},
)
def signed_out(query: SignedOutQuery) -> AnyResponse:
    """The sign-in page, where the provider sends the browser after a sign-out."""
    _check_configured()
    if not has_signed_out(query.state):
        return redirect(url_for("sign_in.sign_in_page"))
    name = appliance().settings.oidc_name
    return make_response(
        render_sign_in("/", notice=translate("You are signed out, here and at {name}.", name=name))
    )


@blueprint.post(
    "/sign-in/provider/back-channel-logout",
    responses={204: None, **error_responses(400, 404, 503, 507)},
)
def end_sessions(form: LogoutForm) -> Response:
    """Ends the sessions that the provider's logout token names (OpenID Connect Back-Channel Logout 1.0)."""
    _check_configured()
    appliance().provider_sessions.end(appliance().oidc_provider.ended(form.logout_token))
    return Response(status=204, headers={"Cache-Control": "no-store"})


def _check_configured() -> None:
    if not appliance().oidc_provider.is_configured:
        raise NotFound("There is no page or resource at this address.")


def _keep_pending(attempt: dict[str, object]) -> None:
    """Adds an attempt to the cookie. Each tab may have one; the oldest are dropped."""
    kept = [*session.get(PENDING, []), attempt][-MAX_PENDING:]
    while len(kept) > 1 and len(json.dumps(kept)) > MAX_PENDING_BYTES:
        kept.pop(0)
    session[PENDING] = kept


def _take_pending(state: str) -> dict[str, object]:
    """Removes the attempt with this state from the cookie; empty if there is none, and then all stay."""
    kept: list[dict[str, object]] = session.get(PENDING, [])
    for attempt in kept:
        if hmac.compare_digest(str(attempt["state"]), state):
            session[PENDING] = [each for each in kept if each is not attempt]
            return dict(attempt)
    return {}


def _signed_in(query: CallbackQuery, pending: dict[str, object], target: str) -> AnyResponse:
    began = float(str(pending.pop("began", 0)))
    pending.pop("next", None)
    if not pending or time.time() - began > PENDING_SECONDS:
        raise SignInFailed("This sign-in was not begun in this browser, or it took too long. Try again.")
    if query.error or not query.code:
        raise SignInFailed("The sign-in at the provider was cancelled or refused. Try again.")
    accounts, before = appliance().accounts, authentication.current_actor_or_anonymous()
    identity = appliance().oidc_provider.identify(Attempt(**pending), query.code, _callback_url())  # type: ignore[arg-type] # as `begin` stored it
    user = appliance().single_sign_on.user_for(identity)
    begun = accounts.begin_session(
        user,
        address=client_address(),
        agent=user_agent(),
        is_confirmed=identity.is_fresh,
        on_begun=lambda connection, begun: appliance().provider_sessions.add(connection, begun, identity),
    )
    if before.session:
        accounts.sign_out(before)
    return authentication.set_session_cookie(make_response(redirect(target)), begun.token)


def _failed(error: ApplianceError, target: str) -> Response:
    page = render_sign_in(target, translate_error(error))
    response = make_response(page, status_of(type(error)))
    response.headers["Cache-Control"] = "no-store"
    return response


def _callback_url() -> str:
    return url_for("single_sign_on.callback", _external=True)
