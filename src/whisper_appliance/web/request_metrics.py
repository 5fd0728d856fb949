"""Request metrics: hooks that time and count every request by route, and /metrics for Prometheus."""

import hmac
import time

import structlog
from flask import Response, g, request
from prometheus_client.exposition import choose_encoder

from whisper_appliance.core.errors import NotAllowed
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import SYSTEM, error_responses, text_response

PROXY_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via")
LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
NO_ROUTE = "none"
log = structlog.get_logger()

blueprint = LazyBlueprint("metrics", __name__, abp_tags=[SYSTEM])


def start_timer() -> None:
    """A hook: starts the clock of this request."""
    g.began = time.monotonic()


def count_request(response: Response) -> Response:
    """A hook: counts and times the request under the pattern of its route."""
    seconds = time.monotonic() - g.get("began", time.monotonic())
    route = request.url_rule.rule if request.url_rule else NO_ROUTE
    status = response.status_code
    error = g.get("error_code", "") if status >= 400 else ""
    appliance().metrics.count_request(request.method, route, status, seconds, error)
    if job_id := g.get("job_id"):
        appliance().job_traces.on_request(job_id, f"{request.method} {route}", seconds, status)
    if request.endpoint != "static":
        appliance().resource_sampler.count_request()
    log.debug("request", route=route, status=status, milliseconds=round(seconds * 1000))
    return response


@blueprint.get(
    "/metrics",
    responses={200: text_response("Numbers, in Prometheus's format.", "text/plain"), **error_responses(403)},
    operation_id="metrics_show_metrics_get",
)
def get_metrics() -> Response:
    """How the appliance does, in numbers, for Prometheus.

    For programs on this machine; from elsewhere with METRICS_TOKEN as `Authorization: Bearer`.
    """
    if not (_is_local() or _has_token()):
        raise NotAllowed(
            "Metrics are for programs on this machine; from elsewhere, send METRICS_TOKEN as a bearer token."
        )
    encode, kind = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(appliance().metrics.registry), content_type=kind)


def _is_local() -> bool:
    """True for a program on this machine; a proxy here adds a header to requests from elsewhere."""
    is_proxied = any(name in request.headers for name in PROXY_HEADERS)
    return request.remote_addr in LOOPBACK and not is_proxied


def _has_token() -> bool:
    token = appliance().settings.metrics_token
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return token is not None and hmac.compare_digest(
        given.encode("utf-8", "replace"), token.get_secret_value().encode()
    )
