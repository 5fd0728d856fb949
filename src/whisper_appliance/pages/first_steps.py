"""The first steps after the owner's account is made: devices, a first try, a model."""

from flask import Response, render_template

from whisper_appliance.pages.own_address import network_origin
from whisper_appliance.pages.qr_code import qr_svg
from whisper_appliance.web.auth.authentication import require
from whisper_appliance.web.context import appliance
from whisper_appliance.web.i18n import translate
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import PAGES, error_responses, page_response

blueprint = LazyBlueprint("first_steps", __name__, abp_tags=[PAGES])


@blueprint.before_request
def _require_admin() -> None:
    require("administer")


@blueprint.get("/first-steps", responses=page_response("The first steps of an administrator.", 401, 403))
def first_steps_page() -> str:
    """What one does once, after the account is made; it can be left and come back to."""
    certificates = appliance().certificates
    has_authority = certificates is not None and certificates.ca_pem() is not None
    address = network_origin() + ("/trust" if has_authority else "")
    return render_template(
        "first_steps.html",
        address=address,
        code=qr_svg(address, translate("QR code of {address}", address=address)),
        has_authority=has_authority,
    )


@blueprint.delete(
    "/api/first-steps", responses={204: {"description": "Done."}, **error_responses(401, 403, 503)}
)
def finish_first_steps() -> Response:
    """Ends the first steps: the overview reminds nobody of them any more."""
    appliance().accounts.first_steps.finish()
    return Response(status=204)
