"""The web application: every page and resource, in front of one appliance."""

from typing import Any

from flask.json.provider import DefaultJSONProvider
from pydantic import ValidationError
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter

from whisper_appliance.appliance import Appliance
from whisper_appliance.errors import InvalidRequest
from whisper_appliance.web import (
    account,
    captions,
    certificate,
    cors,
    docs,
    errors,
    events,
    headers,
    jobs,
    join,
    live_wire,
    measuring,
    models,
    options,
    owner,
    pages,
    parts,
    rates,
    records,
    setup,
    shared,
    sharing,
    sign_in,
    static_files,
    status,
    transcribe,
    transcripts,
    who,
)
from whisper_appliance.web.admin import panel
from whisper_appliance.web.documented import Application
from whisper_appliance.web.openapi import INFO, SECURITY_SCHEMES, TAGS, ErrorAnswer

BODY_BYTES = 64 * 1024
"""The most that a request other than an upload may carry."""

BLUEPRINTS = (
    pages.blueprint,
    transcribe.blueprint,
    jobs.blueprint,
    events.blueprint,
    captions.blueprint,
    transcripts.blueprint,
    models.blueprint,
    status.blueprint,
    measuring.blueprint,
    certificate.blueprint,
    sign_in.blueprint,
    setup.blueprint,
    join.blueprint,
    account.blueprint,
    sharing.blueprint,
    shared.blueprint,
    docs.blueprint,
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


def create_app(appliance: Appliance) -> Application:
    """The web application in front of `appliance`, which must be started and outlive it."""
    settings = appliance.settings
    app = Application(
        "whisper_appliance.web",
        info=INFO,
        static_folder=None,
        doc_ui=False,
        security_schemes=SECURITY_SCHEMES,
        validation_error_model=ErrorAnswer,
        validation_error_status=500,  # each route documents it, so nothing more is added to them
        validation_error_callback=_refuse,
    )
    app.tags, app.tag_names = list(TAGS), [tag.name for tag in TAGS]
    app.extensions[parts.KEY] = parts.Parts(appliance)
    app.config.update(
        MAX_CONTENT_LENGTH=BODY_BYTES,
        TEMPLATES_AUTO_RELOAD=settings.flask_env == "development",
    )
    app.json = _Json(app)
    app.url_map.converters["hex32"] = _Hex32
    measuring.install(app, appliance.metrics)
    headers.install(app)
    errors.install(app)
    records.install(app)
    owner.install(app, appliance.secret_key)
    who.install(app)
    cors.install(app, settings.cors_origins)
    rates.install(app, settings)
    static_files.install(app)
    for blueprint in BLUEPRINTS:
        app.register_api(blueprint)
    panel.install(app)
    live_wire.install(app, app.extensions[parts.KEY])
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


def _refuse(error: ValidationError) -> InvalidRequest:
    raise options.invalid(error)
