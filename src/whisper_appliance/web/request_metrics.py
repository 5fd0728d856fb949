"""Every request is timed and counted, under the pattern of its route; and where its numbers are read."""

import hmac
import time

import structlog
from flask import Flask, Response, g, request
from prometheus_client.exposition import choose_encoder

from whisper_appliance.core.errors import NotAllowed
from whisper_appliance.monitoring.metrics import Metrics
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import SYSTEM, error_responses, text_response

FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via")
LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
NOWHERE = "none"
log = structlog.get_logger()

blueprint = LazyBlueprint("metrics", __name__, abp_tags=[SYSTEM])


def install(app: Flask, metrics: Metrics) -> None:
    """Lets `metrics` know of each request that `app` answers. To be installed before all others."""

    def begin() -> None:
        g.began = time.monotonic()

    def note(response: Response) -> Response:
        seconds = time.monotonic() - g.get("began", time.monotonic())
        route = request.url_rule.rule if request.url_rule else NOWHERE
        status = response.status_code
        error = g.get("error_code", "") if status >= 400 else ""
        metrics.count_request(request.method, route, status, seconds, error)
        log.debug("request", route=route, status=status, milliseconds=round(seconds * 1000))
        return response

    app.before_request(begin)
    app.after_request(note)


@blueprint.get(
    "/metrics",
    responses={200: text_response("Numbers, in Prometheus's format.", "text/plain"), **error_responses(403)},
    operation_id="metrics_show_metrics_get",
)
def get_metrics() -> Response:
    """How the appliance does, in numbers, for Prometheus.

    For programs on this machine; from elsewhere with METRICS_TOKEN as `Authorization: Bearer`.
    """
    if not (_is_near() or _has_token()):
        raise NotAllowed(
            "Metrics are for programs on this machine; from elsewhere, send METRICS_TOKEN as a bearer token."
        )
    encode, kind = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(appliance().metrics.registry), content_type=kind)


def _is_near() -> bool:
    """A proxy on this machine passes on what comes from elsewhere, and says so."""
    passed_on = any(name in request.headers for name in FORWARDED)
    return request.remote_addr in LOOPBACK and not passed_on


def _has_token() -> bool:
    token = appliance().settings.metrics_token
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return token is not None and hmac.compare_digest(
        given.encode("utf-8", "replace"), token.get_secret_value().encode()
    )
