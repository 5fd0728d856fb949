"""The web application: all pages, APIs and live protocols, in front of one appliance."""

from typing import Any

from flask import request
from flask.json.provider import DefaultJSONProvider
from pydantic import ValidationError
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter

from whisper_appliance import pages
from whisper_appliance.admin import blueprint as admin
from whisper_appliance.api import native
from whisper_appliance.api.registry import APIS
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.core.ids import ID_PATTERN
from whisper_appliance.protocols import registry
from whisper_appliance.web import (
    api_version,
    context,
    errors,
    hooks,
    http_api,
    i18n,
    request_metrics,
    static_files,
    url_prefix,
)
from whisper_appliance.web.auth import authentication, visitors
from whisper_appliance.web.lazy_openapi import LazyOpenAPI
from whisper_appliance.web.limits.running_requests import RunningRequests
from whisper_appliance.web.openapi import INFO, SECURITY_SCHEMES, TAGS, ErrorResponse

MAX_BODY_BYTES = 64 * 1024
"""The limit of the body of a request, except uploads."""

BLUEPRINTS = (
    *pages.blueprints,
    *native.blueprints,
    *(blueprint for api in APIS for blueprint in api.blueprints),
    request_metrics.blueprint,
    *admin.blueprints,
)
"""All routes. The APIs of other programs are listed in `api.registry`, live protocols in theirs."""


class _JsonProvider(DefaultJSONProvider):
    """Keeps the order of keys; JSON nested too deeply for the parser is not valid."""

    sort_keys = False

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        try:
            return super().loads(s, **kwargs)
        except RecursionError:
            raise ValueError("too deep") from None


class _IdConverter(BaseConverter):
    """Matches an id; a URL with anything else is 404."""

    regex = ID_PATTERN


def create_app(appliance: Appliance) -> LazyOpenAPI:
    """Creates the application for `appliance`, which must be started and closed after it."""
    settings = appliance.settings
    app = LazyOpenAPI(
        "whisper_appliance.pages",
        info=INFO,
        static_folder=None,
        doc_ui=False,
        security_schemes=SECURITY_SCHEMES,
        validation_error_model=ErrorResponse,
        validation_error_status=500,  # each route documents it, so nothing is added to the routes
        validation_error_callback=_reject_invalid,
    )
    app.tags, app.tag_names = list(TAGS), [tag.name for tag in TAGS]
    app.extensions[context.EXTENSION] = context.WebContext(appliance)
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        TEMPLATES_AUTO_RELOAD=settings.flask_env == "development",
    )
    app.json = _JsonProvider(app)
    app.url_map.converters["hex32"] = _IdConverter
    visitors.install(app, appliance.secret_key)
    http_api.install(app, APIS)
    hooks.install(app, settings)
    errors.install(app, appliance.metrics.count_limit)
    static_files.install(app)
    i18n.install(app)
    for blueprint in BLUEPRINTS:
        app.register_api(blueprint)
    app.context_processor(authentication.template_globals)
    app.context_processor(admin.template_globals)
    registry.install(app, app.extensions[context.EXTENSION])
    # without a proxy, the server lets the connections of one client wait, which costs no thread
    per_client = settings.requests_at_once_per_address if settings.trusted_proxies else 0
    app.wsgi_app = RunningRequests(app.wsgi_app, per_client, appliance.metrics.count_refused)  # type: ignore[method-assign]
    app.wsgi_app = api_version.VersionedAddresses(app.wsgi_app)  # type: ignore[method-assign]
    if hops := settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    if settings.url_prefix:
        app.wsgi_app = url_prefix.UrlPrefix(app.wsgi_app, settings.url_prefix)  # type: ignore[method-assign]
    return app


def _reject_invalid(error: ValidationError) -> InvalidRequest:
    if request.is_json and request.get_json(silent=True) is None and request.get_data().strip() != b"null":
        raise InvalidRequest("The body is not valid JSON.")
    raise errors.invalid_input(error)
