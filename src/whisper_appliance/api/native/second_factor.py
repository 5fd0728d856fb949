"""The second factor of the actor: set up with an authenticator app, recovery codes, turned off."""

from flask import Response, jsonify, render_template, request
from pydantic import Field

from whisper_appliance.api.native.account import SIGNED_IN_ERRORS, signed_in_user
from whisper_appliance.core.schema import Schema
from whisper_appliance.web.auth.safe_redirect import safe_next
from whisper_appliance.web.auth.second_factor import is_required
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import ACCOUNT, PAGES, error_responses, page_response

blueprint = LazyBlueprint("second_factor", __name__, abp_tags=[ACCOUNT])


class SecondFactorResponse(Schema):
    """The second factor of an account."""

    since: str | None = Field(description="Since when it is on, UTC, ISO 8601; null: it is off.")
    recovery_codes: int = Field(description="How many recovery codes are left.")
    required: bool = Field(description="Whether this account must have one (SECOND_FACTOR_REQUIRED).")


class EnrolmentResponse(Schema):
    """A new secret, which counts once a code of it was sent."""

    secret: str = Field(description="In base32, to type into an authenticator app.")
    uri: str = Field(description="The same for an app on this device.", examples=["otpauth://totp/…"])
    qr_code: str = Field(description="The same as QR code: a data: address of an image (SVG).")


class CodeBody(Schema):
    """A code of the authenticator app."""

    code: str = Field(description="Six digits.", max_length=100)


class RecoveryCodesResponse(Schema):
    """Recovery codes, shown only in this response. Each works once, in place of a code of the app."""

    recovery_codes: list[str]


class TurnOffBody(Schema):
    """Proof that the caller, who turns the second factor off, is its user."""

    password: str = Field(description="The password of the account.", max_length=1000)
    code: str = Field(description="A code of the app, or a recovery code.", max_length=100)


class SetUpQuery(Schema):
    """Where to go afterwards."""

    next: str = Field("/account", description="Path of a page of this appliance.")


@blueprint.get(
    "/account/second-factor",
    tags=[PAGES],
    responses={**page_response("The set-up of a second factor."), **error_responses(*SIGNED_IN_ERRORS)},
)
def second_factor_page(query: SetUpQuery) -> str:
    """Where a second factor is set up; the only page for people who must have one and have none."""
    _, user = signed_in_user()
    is_on = appliance().accounts.second_factors.is_on(user.id)
    return render_template(
        "second_factor.html", user=user, next=safe_next(query.next), required=is_required(user), is_on=is_on
    )


@blueprint.get(
    "/api/account/second-factor",
    responses={200: SecondFactorResponse, **error_responses(*SIGNED_IN_ERRORS, 503)},
)
def get_second_factor() -> Response:
    """Whether the second factor is on, and how many recovery codes are left."""
    _, user = signed_in_user()
    found = appliance().accounts.second_factors.get(user.id)
    return jsonify(
        SecondFactorResponse(
            since=found.since, recovery_codes=found.recovery_codes, required=is_required(user)
        ).model_dump()
    )


@blueprint.post(
    "/api/account/second-factor",
    responses={200: EnrolmentResponse, **error_responses(*SIGNED_IN_ERRORS, 409, 503, 507)},
)
def enrol() -> Response:
    """Begins the set-up: a secret for an authenticator app. Nothing changes before a code of it is sent."""
    import segno  # only this answer has a code

    _, user = signed_in_user()
    enrolment = appliance().accounts.second_factors.enrol(user)
    qr_code = segno.make(enrolment.uri, error="m").svg_data_uri(scale=4, light="#fff")
    return jsonify(
        EnrolmentResponse(secret=enrolment.secret, uri=enrolment.uri, qr_code=qr_code).model_dump()
    )


@blueprint.post(
    "/api/account/second-factor/activate",
    responses={
        200: RecoveryCodesResponse,
        **error_responses(400, *SIGNED_IN_ERRORS, 404, 409, 429, 503, 507),
    },
)
def activate(body: CodeBody) -> Response:
    """Turns the second factor on, by the first code of the app. Only this response has the recovery codes."""
    actor, user = signed_in_user()
    codes = appliance().accounts.second_factors.activate(user, body.code, by=actor)
    return jsonify(RecoveryCodesResponse(recovery_codes=list(codes)).model_dump())


@blueprint.post(
    "/api/account/second-factor/recovery-codes",
    responses={200: RecoveryCodesResponse, **error_responses(*SIGNED_IN_ERRORS, 409, 503, 507)},
)
def renew_recovery_codes() -> Response:
    """Makes new recovery codes; the earlier ones stop working."""
    actor, user = signed_in_user()
    codes = appliance().accounts.second_factors.renew_recovery_codes(user, by=actor)
    return jsonify(RecoveryCodesResponse(recovery_codes=list(codes)).model_dump())


@blueprint.delete(
    "/api/account/second-factor",
    responses={204: None, **error_responses(400, 401, 403, 409, 429, 503, 507)},
)
def turn_off(body: TurnOffBody) -> tuple[str, int]:
    """Turns the second factor off; needs the password and a code."""
    actor, _ = signed_in_user()
    appliance().accounts.turn_off_second_factor(
        actor, body.password, body.code, address=request.remote_addr or ""
    )
    return "", 204
