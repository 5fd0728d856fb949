"""The certificate of the local CA, for devices to trust."""

from flask import Response

from whisper_appliance.core.errors import NotFound
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import SYSTEM, error_responses, text_response

blueprint = LazyBlueprint("certificate", __name__, abp_tags=[SYSTEM])
MEDIA_TYPE = "application/x-x509-ca-cert"


@blueprint.get(
    "/ca.crt",
    responses={200: text_response("PEM", MEDIA_TYPE), **error_responses(404)},
    operation_id="certificate_authority_ca_crt_get",
)
def get_ca_certificate() -> Response:
    """The authority that signed this appliance's certificate; the page `/trust` explains its use."""
    certificates = appliance().certificates
    pem = certificates.ca_pem() if certificates else None
    if pem is None:
        raise NotFound("This appliance has no local CA: it uses an uploaded certificate, or no HTTPS.")
    headers = {"Content-Disposition": 'attachment; filename="whisper-appliance-ca.crt"'}
    return Response(pem, mimetype=MEDIA_TYPE, headers=headers)
