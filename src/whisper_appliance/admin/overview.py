"""The overview: the status of all parts, and the last 24 hours."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from flask import Response, jsonify, render_template

from whisper_appliance.admin.admin_only import ADMIN, ADMIN_ERRORS, admin_only, admin_page
from whisper_appliance.app.attention import Problem
from whisper_appliance.config.settings import Settings, settings_table
from whisper_appliance.core.schema import RootSchema
from whisper_appliance.host.gpus import GpuUse
from whisper_appliance.monitoring.limits import LIMITS
from whisper_appliance.monitoring.statistics import Amount
from whisper_appliance.monitoring.status_types import Status
from whisper_appliance.web.context import appliance
from whisper_appliance.web.i18n import localized
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import error_responses

DAY_HOURS = 24.0

blueprint = admin_only(LazyBlueprint("admin_overview", __name__, abp_tags=[ADMIN]))


@dataclass(frozen=True, slots=True)
class LimitUse:
    """A limit on clients: its settings with their values, and how often it refused since the start."""

    name: str
    text: str
    settings: dict[str, str]
    refused: int


@dataclass(frozen=True, slots=True)
class Overview:
    """What needs an administrator, the whole state, the graphics cards, and what the last 24 hours brought.

    `failures` counts failed jobs by their error's code; `limits` are all limits on clients.
    """

    problems: tuple[Problem, ...]
    status: Status
    gpus: tuple[GpuUse, ...]
    transcripts: Amount
    failures: dict[str, int]
    limits: tuple[LimitUse, ...]


class OverviewResponse(RootSchema[Overview]):
    """How the appliance is."""


@blueprint.get(
    "/admin/overview",
    responses=admin_page("How the appliance is."),
    operation_id="admin_overview_page_admin_overview_get",
)
def overview_page() -> str:
    """How the appliance is, now and in the last hours."""
    return render_template("admin/overview.html")


@blueprint.get(
    "/api/admin/overview",
    responses={200: OverviewResponse, **error_responses(*ADMIN_ERRORS, 503)},
    operation_id="admin_overview_read_api_admin_overview_get",
)
def get_overview() -> Response:
    """The state of every part, and what the last 24 hours brought. Curves come over the sockets."""
    statistics = appliance().statistics
    status = appliance().status()
    overview = Overview(
        problems=appliance().attention.problems(status),
        status=status,
        gpus=appliance().resource_sampler.gpus(),
        transcripts=statistics.last_hours(DAY_HOURS),
        failures=statistics.failures(DAY_HOURS),
        limits=limits_in_use(appliance().settings, appliance().metrics.refusals),
    )
    return jsonify(localized(asdict(overview)))


def limits_in_use(settings: Settings, refusals: Mapping[str, int]) -> tuple[LimitUse, ...]:
    """All limits, with their values and how often each refused: those that did so most come first."""
    values = {row["name"]: row["value"].removesuffix(".0") for row in settings_table(settings)}
    limits = [
        LimitUse(
            name,
            limit.text,
            {setting.upper(): values[setting.upper()] for setting in limit.settings},
            refusals.get(name, 0),
        )
        for name, limit in LIMITS.items()
    ]
    return tuple(sorted(limits, key=lambda limit: -limit.refused))
