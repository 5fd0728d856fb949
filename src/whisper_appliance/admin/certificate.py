"""HTTPS: the certificate in use, its names, its renewal, and an uploaded certificate instead."""

from dataclasses import asdict, dataclass

from flask import Response, jsonify, render_template
from pydantic import Field

from whisper_appliance.admin.admin_only import ADMIN, ADMIN_ERRORS, admin_only, admin_page
from whisper_appliance.config.overrides import SettingOverrides
from whisper_appliance.core.clock import written
from whisper_appliance.core.errors import Conflict
from whisper_appliance.core.schema import RootSchema, Schema
from whisper_appliance.host.certificates import CertificateInfo, Certificates
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import current_actor
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import error_responses

blueprint = admin_only(LazyBlueprint("admin_certificate", __name__, abp_tags=[ADMIN]))
NAMES_SETTING = "certificate_names"
CHANGE_ERRORS = error_responses(400, *ADMIN_ERRORS, 404, 409, 503, 507)


@dataclass(frozen=True, slots=True)
class CertificateView:
    """The certificate in use. `names_fixed` and `own_fixed` say why something cannot be changed here."""

    kind: str
    uploaded: bool
    issuer: str
    names: tuple[str, ...]
    not_after: str
    fingerprint: str
    authority_fingerprint: str | None
    warnings: tuple[str, ...]
    more_names: tuple[str, ...]
    names_fixed: str | None
    own_fixed: str | None


@dataclass(frozen=True, slots=True)
class HttpsView:
    """HTTPS as it is; no certificate where it is off."""

    https: bool
    certificate: CertificateView | None


class HttpsResponse(RootSchema[HttpsView]):
    """Whether HTTPS is on, and the certificate in use."""


class MoreNames(Schema):
    """Names that the machine does not know of itself."""

    names: list[str] = Field(max_length=50, description="Host names and addresses; all there are to be.")


class OwnCertificate(Schema):
    """A certificate of one's own."""

    chain: str = Field(max_length=40_000, description="PEM: the server's certificate and those above it.")
    key: str = Field(max_length=20_000, description="PEM: its private key, without a passphrase.")


@blueprint.get(
    "/admin/certificate",
    responses=admin_page("HTTPS and its certificate."),
    operation_id="admin_certificate_page_admin_certificate_get",
)
def certificate_page() -> str:
    """HTTPS: the certificate, its renewal, one's own."""
    return render_template("admin/certificate.html")


@blueprint.get(
    "/api/admin/certificate",
    responses={200: HttpsResponse, **error_responses(*ADMIN_ERRORS)},
    operation_id="admin_certificate_look_api_admin_certificate_get",
)
def get_certificate() -> Response:
    """The certificate in use: names, end, fingerprints, warnings."""
    return _https_response()


@blueprint.post(
    "/api/admin/certificate/renew",
    responses={200: HttpsResponse, **CHANGE_ERRORS},
    operation_id="admin_certificate_renew_api_admin_certificate_renew_post",
)
def renew_certificate() -> Response:
    """Makes a new server certificate now. Devices that trust the authority go on; open connections stay."""
    if not _certificates().renew_if_due(force=True):
        raise Conflict("This certificate was uploaded: upload a new one instead.")
    record("certificate.renew")
    return _https_response()


@blueprint.put(
    "/api/admin/certificate/names",
    responses={200: HttpsResponse, **CHANGE_ERRORS},
    operation_id="admin_certificate_name_api_admin_certificate_names_put",
)
def set_names(body: MoreNames) -> Response:
    """Names for the certificate beside those that the machine knows; it is made anew at once if need be."""
    certificates = _certificates()
    appliance().overrides.set(
        NAMES_SETTING, ",".join(each.strip() for each in body.names), current_actor().name
    )
    certificates.renew_if_due()
    record("certificate.names", names=", ".join(body.names))
    return _https_response()


@blueprint.put(
    "/api/admin/certificate/own",
    responses={200: HttpsResponse, **CHANGE_ERRORS},
    operation_id="admin_certificate_put_own_api_admin_certificate_own_put",
)
def upload_certificate(body: OwnCertificate) -> Response:
    """Takes a certificate of one's own, which new connections get from now on."""
    certificates = _certificates()
    certificates.put_own(body.chain.encode(), body.key.encode())
    record("certificate.upload", fingerprint=certificates.info().fingerprint)
    return _https_response()


@blueprint.delete(
    "/api/admin/certificate/own",
    responses={200: HttpsResponse, **CHANGE_ERRORS},
    operation_id="admin_certificate_remove_own_api_admin_certificate_own_delete",
)
def remove_uploaded_certificate() -> Response:
    """Goes back to the certificate that the appliance makes."""
    _certificates().remove_own()
    record("certificate.remove")
    return _https_response()


def _certificates() -> Certificates:
    certificates = appliance().certificates
    if certificates is None:
        raise Conflict("HTTPS is off (HTTPS_ENABLED=false). The reverse proxy has the certificate.")
    return certificates


def _https_response() -> Response:
    certificates = appliance().certificates
    info = certificates.info() if certificates else None
    view = _view(info, appliance().overrides) if info else None
    return jsonify(asdict(HttpsView(info is not None, view)))


def _view(info: CertificateInfo, adjustments: SettingOverrides) -> CertificateView:
    given = info.kind == "own" and not info.uploaded
    return CertificateView(
        kind=info.kind,
        uploaded=info.uploaded,
        issuer=info.issuer,
        names=info.names,
        not_after=written(info.not_after),
        fingerprint=info.fingerprint,
        authority_fingerprint=info.authority_fingerprint,
        warnings=info.warnings,
        more_names=tuple(adjustments.settings.certificate_names),
        names_fixed=_reason_fixed(adjustments),
        own_fixed="SSL_CERT_PATH is set in the environment. Change it there." if given else None,
    )


def _reason_fixed(adjustments: SettingOverrides) -> str | None:
    try:
        adjustments.check_changeable(NAMES_SETTING)
    except Conflict as error:
        return error.message
    return None
