"""The hooks of every request in two ordered lists: what runs before and after a view, and why there."""

from flask import Flask, request

from whisper_appliance.config.settings import Settings
from whisper_appliance.web import (
    api_version,
    headers,
    http_api,
    i18n,
    program_requests,
    request_metrics,
    url_prefix,
)
from whisper_appliance.web.auth import audit, authentication, cors, csrf
from whisper_appliance.web.context import appliance, web_context
from whisper_appliance.web.limits import rates
from whisper_appliance.web.limits.running_requests import REFUSED


def reject_excess() -> None:
    """Raises `Busy` if too many requests run."""
    if refusal := request.environ.get(REFUSED):
        raise refusal


def reject_foreign_host() -> None:
    """Raises `WrongHost` if the request is for a name that is not the appliance's."""
    web_context().hosts.check(request.environ)


def reject_switched_off() -> None:
    """Raises `NotFound` if PROTOCOLS switches the requested API off."""
    if api := http_api.requested_api():
        http_api.check_served(api.name, appliance().settings.protocols)


BEFORE_REQUEST = (
    request_metrics.start_timer,  # first, because the time of all other hooks counts
    headers.assign_request_id,  # before anything can fail, because every error carries the id
    reject_excess,  # before anything takes time
    audit.bind_client_address,  # before authentication, because failed sign-ins are recorded
    reject_foreign_host,  # before a page of another site gets anything
    reject_switched_off,  # before authentication: what is not served is 404 for everybody
    csrf.reject_cross_origin,  # before authentication, because it needs no database
    authentication.check_access,
    # The rate limits follow: they count by user and API key, so they need the actor.
)
AFTER_REQUEST = (
    # CORS headers come first. A hook also runs for the error response of a hook above.
    authentication.clear_ended_session,
    i18n.add_language,  # after CORS, because Flask keeps only the first of two Vary headers
    api_version.keep_version,
    url_prefix.prefix_links,
    headers.add_headers,
    program_requests.note_request,
    request_metrics.count_request,  # last, because the time and status of everything else count
)


def install(app: Flask, settings: Settings) -> None:
    """Registers the hooks. Raises `BadSetting` for a bad REDIS_URL."""
    for before in BEFORE_REQUEST:
        app.before_request(before)
    for after in reversed(AFTER_REQUEST):  # Flask runs the last registered hook first
        app.after_request(after)
    app.teardown_request(headers.unbind_request_id)
    cors.install(app, settings.cors_origins)
    rates.install(
        app, settings, authentication.current_actor, lambda limit: appliance().metrics.count_refused(limit)
    )
