"""The panel's first page: how the appliance is, now and in the last hours."""

from flask import render_template
from flask_openapi3 import APIBlueprint

from whisper_appliance.web.admin.gate import ADMIN, admin_page, gated

blueprint = gated(APIBlueprint("admin_overview", __name__, abp_tags=[ADMIN]))


@blueprint.get("/admin/overview", responses=admin_page("How the appliance is."))
def page() -> str:
    """How the appliance is, now and in the last hours."""
    return render_template("admin/overview.html")
