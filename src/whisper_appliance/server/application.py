"""The web application: every page and resource, in front of one appliance."""

from typing import Any

from flask.json.provider import DefaultJSONProvider
from pydantic import ValidationError
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter

from whisper_appliance.admin import blueprint as admin_blueprint
from whisper_appliance.api.native import (
    account,
    job_stream,
    jobs,
    models,
    shared,
    shares,
    status,
    transcribe,
    transcripts,
)
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.pages import api_docs, captions, certificate, join, setup, sign_in, views
from whisper_appliance.protocols import registry
from whisper_appliance.web import context, errors, headers, request_metrics, static_files
from whisper_appliance.web.auth import audit, authentication, cors, visitors
from whisper_appliance.web.lazy_openapi import LazyOpenAPI
from whisper_appliance.web.limits import rates
from whisper_appliance.web.openapi import INFO, SECURITY_SCHEMES, TAGS, ErrorResponse

BODY_BYTES = 64 * 1024
"""The most that a request other than an upload may carry."""

BLUEPRINTS = (
    views.blueprint,
    transcribe.blueprint,
    jobs.blueprint,
    job_stream.blueprint,
    captions.blueprint,
    transcripts.blueprint,
    models.blueprint,
    status.blueprint,
    request_metrics.blueprint,
    certificate.blueprint,
    sign_in.blueprint,
    setup.blueprint,
    join.blueprint,
    account.blueprint,
    shares.blueprint,
    shared.blueprint,
    api_docs.blueprint,
)


class _Json(DefaultJSONProvider):
    """Keys stay in their order; what is nested beyond reason is no JSON."""

    sort_keys = False

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        try:
            return super().loads(s, **kwargs)
        except RecursionError:
            raise ValueError("too deep") from None


class _Hex32(BaseConverter):
    """A 128-bit id; anything else is no address here."""

    regex = "[0-9a-f]{32}"


def create_app(appliance: Appliance) -> LazyOpenAPI:
    """The web application in front of `appliance`, which must be started and outlive it."""
    settings = appliance.settings
    app = LazyOpenAPI(
        "whisper_appliance.pages",
        info=INFO,
        static_folder=None,
        doc_ui=False,
        security_schemes=SECURITY_SCHEMES,
        validation_error_model=ErrorResponse,
        validation_error_status=500,  # each route documents it, so nothing more is added to them
        validation_error_callback=_refuse,
    )
    app.tags, app.tag_names = list(TAGS), [tag.name for tag in TAGS]
    app.extensions[context.EXTENSION] = context.WebContext(appliance)
    app.config.update(
        MAX_CONTENT_LENGTH=BODY_BYTES,
        TEMPLATES_AUTO_RELOAD=settings.flask_env == "development",
    )
    app.json = _Json(app)
    app.url_map.converters["hex32"] = _Hex32
    request_metrics.install(app, appliance.metrics)
    headers.install(app)
    errors.install(app)
    audit.install(app)
    visitors.install(app, appliance.secret_key)
    authentication.install(app)
    cors.install(app, settings.cors_origins)
    rates.install(app, settings)
    static_files.install(app)
    for blueprint in BLUEPRINTS:
        app.register_api(blueprint)
    admin_blueprint.install(app)
    registry.install(app, app.extensions[context.EXTENSION])
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


def _refuse(error: ValidationError) -> InvalidRequest:
    raise errors.invalid_input(error)
