"""The admin panel: its menu, its blueprints, and the globals of its templates."""

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
    usage,
    users,
    workers,
)
from whisper_appliance.admin.admin_only import ADMIN, ADMIN_ERRORS, admin_only
from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.core.i18n import N_
from whisper_appliance.web.auth.authentication import current_actor
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import error_responses

MENU: tuple[tuple[str, str], ...] = (
    ("overview", N_("Overview")),
    ("jobs", N_("Jobs")),
    ("models", N_("Models")),
    ("users", N_("Users")),
    ("shares", N_("Shares")),
    ("audit", N_("Audit log")),
    ("statistics", N_("Statistics")),
    ("settings", N_("Settings")),
    ("certificate", N_("HTTPS")),
    ("logs", N_("Logs")),
    ("backups", N_("Backups")),
    ("updates", N_("Updates")),
)
"""The menu in order: path below `/admin`, and title."""

_index = admin_only(LazyBlueprint("admin", __name__, abp_tags=[ADMIN]))

blueprints: tuple[LazyBlueprint, ...] = (
    _index,
    overview.blueprint,
    jobs.blueprint,
    live.blueprint,
    workers.blueprint,
    statistics.blueprint,
    users.blueprint,
    invitations.blueprint,
    shares.blueprint,
    audit.blueprint,
    usage.blueprint,
    models.blueprint,
    settings.blueprint,
    certificate.blueprint,
    restart.blueprint,
    logs.blueprint,
    backups.blueprint,
    updates.blueprint,
)


@_index.get(
    "/admin",
    responses={302: {"description": "To the first page."}, **error_responses(*ADMIN_ERRORS)},
    operation_id="admin_front_admin_get",
)
def index() -> Response:
    """The panel's first page."""
    return redirect(f"/admin/{MENU[0][0]}")


def template_globals() -> dict[str, object]:
    """What every template may use: the menu, and whether to link to the panel."""
    page = request.path.removeprefix("/admin/") if request.path.startswith("/admin/") else ""
    return {"can_administer": _can_administer, "admin_menu": MENU, "admin_page": page.split("/")[0]}


def _can_administer() -> bool:
    """True for an admin. Never raises, because error pages use it too."""
    try:
        return current_actor().is_admin
    except ApplianceError:
        return False
