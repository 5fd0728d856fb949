"""The admin panel as a whole: its places, what stands behind them, and who is shown the way."""

from flask import redirect, request
from werkzeug import Response

from whisper_appliance.admin import (
    audit,
    backups,
    certificate,
    invitations,
    jobs,
    live,
    logs,
    models,
    overview,
    restart,
    settings,
    shares,
    statistics,
    updates,
    users,
    workers,
)
from whisper_appliance.admin.admin_only import ADMIN, ADMIN_ERRORS, admin_only
from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.web.auth.authentication import current_actor
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint, LazyOpenAPI
from whisper_appliance.web.openapi import error_responses

MENU: tuple[tuple[str, str], ...] = (
    ("overview", "Overview"),
    ("jobs", "Jobs"),
    ("models", "Models"),
    ("users", "Users"),
    ("shares", "Shares"),
    ("audit", "Audit log"),
    ("statistics", "Statistics"),
    ("settings", "Settings"),
    ("certificate", "HTTPS"),
    ("logs", "Logs"),
    ("backups", "Backups"),
    ("updates", "Updates"),
)
"""The pages of the panel in the order of its menu: address below `/admin` and name."""

_front = admin_only(LazyBlueprint("admin", __name__, abp_tags=[ADMIN]))

BLUEPRINTS: tuple[LazyBlueprint, ...] = (
    _front,
    overview.blueprint,
    jobs.blueprint,
    live.blueprint,
    workers.blueprint,
    statistics.blueprint,
    users.blueprint,
    invitations.blueprint,
    shares.blueprint,
    audit.blueprint,
    models.blueprint,
    settings.blueprint,
    certificate.blueprint,
    restart.blueprint,
    logs.blueprint,
    backups.blueprint,
    updates.blueprint,
)


@_front.get(
    "/admin",
    responses={302: {"description": "To the first page."}, **error_responses(*ADMIN_ERRORS)},
    operation_id="admin_front_admin_get",
)
def index() -> Response:
    """The panel's first page."""
    return redirect(f"/admin/{MENU[0][0]}")


def install(app: LazyOpenAPI) -> None:
    """Hangs the panel into `app`, and tells every template whether to show the way to it."""
    for blueprint in BLUEPRINTS:
        app.register_api(blueprint)
    app.context_processor(_for_every_page)
    app.after_request(_counted)


def _counted(response: Response) -> Response:
    if request.endpoint != "static":
        appliance().resource_sampler.count_request()
    return response


def _for_every_page() -> dict[str, object]:
    place = request.path.removeprefix("/admin/") if request.path.startswith("/admin/") else ""
    return {"shows_admin": _can_see_panel, "admin_places": MENU, "admin_place": place.split("/")[0]}


def _can_see_panel() -> bool:
    """Whether the bar leads to the panel; a page that tells of an error must not raise another."""
    try:
        return current_actor().is_admin
    except ApplianceError:
        return False
