"""The passkeys of the actor: listed, registered and removed."""

from typing import Any

from flask import Response, jsonify
from pydantic import Field

from whisper_appliance.accounts.passkeys import Passkey
from whisper_appliance.api.native.account import SIGNED_IN_ERRORS, IdPath, signed_in_user
from whisper_appliance.core.schema import Schema
from whisper_appliance.web.auth.passkey_site import current_site
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import ACCOUNT, error_responses
from whisper_appliance.web.schemas.account import WebAuthnOptions
from whisper_appliance.web.schemas.transcript import UtcTime

blueprint = LazyBlueprint("passkeys", __name__, abp_tags=[ACCOUNT])


class PasskeyResponse(Schema):
    """A passkey."""

    id: str
    name: str
    host: str = Field(description="The host name that it is for.")
    created: str = UtcTime
    last_used: str | None


class PasskeyList(Schema):
    """Passkeys, the oldest first."""

    passkeys: list[PasskeyResponse]


class PasskeyBody(Schema):
    """A passkey that the browser made."""

    name: str = Field(description="Where it is.", max_length=200, examples=["Phone"])
    credential: dict[str, Any] = Field(description="The answer of the browser, as JSON of WebAuthn.")


@blueprint.get(
    "/api/account/passkeys", responses={200: PasskeyList, **error_responses(*SIGNED_IN_ERRORS, 503)}
)
def list_passkeys() -> Response:
    """The user's passkeys."""
    _, user = signed_in_user()
    found = appliance().accounts.passkeys.list_passkeys(user.id)
    return jsonify({"passkeys": [_passkey_response(each) for each in found]})


@blueprint.post(
    "/api/account/passkeys/options",
    responses={200: WebAuthnOptions, **error_responses(*SIGNED_IN_ERRORS, 409, 503, 507)},
)
def begin_registration() -> Response:
    """The options with which the browser makes a passkey for the host name in use."""
    _, user = signed_in_user()
    options = appliance().accounts.passkeys.begin_registration(user, current_site())
    return jsonify({"public_key": options})


@blueprint.post(
    "/api/account/passkeys",
    responses={201: PasskeyResponse, **error_responses(400, *SIGNED_IN_ERRORS, 409, 503, 507)},
)
def register_passkey(body: PasskeyBody) -> tuple[Response, int]:
    """Registers the passkey that the browser made."""
    actor, user = signed_in_user()
    passkey = appliance().accounts.passkeys.register(
        user, current_site(), body.name, body.credential, by=actor
    )
    return jsonify(_passkey_response(passkey)), 201


@blueprint.delete(
    "/api/account/passkeys/<hex32:id>",
    responses={204: None, **error_responses(*SIGNED_IN_ERRORS, 404, 503, 507)},
)
def remove_passkey(path: IdPath) -> tuple[str, int]:
    """Removes a passkey; its device does not sign in with it any more."""
    actor, user = signed_in_user()
    appliance().accounts.passkeys.remove(user, path.id, by=actor)
    return "", 204


def _passkey_response(passkey: Passkey) -> dict[str, object]:
    return PasskeyResponse(
        id=passkey.id,
        name=passkey.name,
        host=passkey.host,
        created=passkey.created,
        last_used=passkey.last_used,
    ).model_dump()
