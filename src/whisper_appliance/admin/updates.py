"""Updates: checks for new versions, and shows the commands to update and roll back. Changes nothing."""

from dataclasses import asdict

from flask import Response, jsonify, render_template
from pydantic import Field

from whisper_appliance import __version__
from whisper_appliance.admin.admin_only import ADMIN, ADMIN_ERRORS, admin_only, admin_page
from whisper_appliance.core.schema import Schema
from whisper_appliance.host import installation, releases
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.context import appliance
from whisper_appliance.web.i18n import translate
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import error_responses

VERSION_PLACEHOLDER = "X.Y.Z"

blueprint = admin_only(LazyBlueprint("admin_updates", __name__, abp_tags=[ADMIN]))


class ReleaseResponse(Schema):
    """One version. `notes` are plain text."""

    version: str
    date: str
    notes: str
    url: str


class UpdatesResponse(Schema):
    """What the feed says, and what to do on this machine."""

    state: releases.UpdateState = Field(
        description="`off`: the feed was not fetched. `broken`: the feed cannot be read."
    )
    message: str
    current: str
    newest: str | None
    releases: list[ReleaseResponse] = Field(description="The versions after this one, newest first.")
    checked: str | None
    installation: str
    update: list[str] = Field(description="Commands that lead to the newest version.")
    rollback: list[str] = Field(description="Commands that lead back, with the data of before the update.")


@blueprint.get(
    "/admin/updates",
    responses=admin_page("New versions, and how to get them."),
    operation_id="admin_updates_page_admin_updates_get",
)
def updates_page() -> str:
    """New versions, and how to get them."""
    settings = appliance().settings
    found = installation.detect(data_dir=settings.data_dir)
    return render_template(
        "admin/updates.html",
        version=__version__,
        installation=_described(found),
        update=found.update_commands(VERSION_PLACEHOLDER),
        rollback=found.rollback_commands(__version__),
        allowed=settings.update_check,
        feed=settings.update_feed_url,
    )


@blueprint.get(
    "/admin/check-updates",
    responses={200: UpdatesResponse, **error_responses(*ADMIN_ERRORS)},
    operation_id="admin_updates_check_admin_check_updates_get",
)
def check_updates() -> Response:
    """Fetches the feed of releases (UPDATE_FEED_URL), if UPDATE_CHECK allows it. Returns how to update."""
    settings = appliance().settings
    found = installation.detect(data_dir=settings.data_dir)
    checked = appliance().update_checks.check(
        settings.update_feed_url, __version__, allowed=settings.update_check
    )
    if checked.checked:
        record("updates.check", state=checked.state)
    newest = checked.newest if checked.releases else None
    response = {
        **asdict(checked),
        "installation": _described(found),
        "update": found.update_commands(newest or VERSION_PLACEHOLDER),
        "rollback": found.rollback_commands(__version__),
    }
    return jsonify(response)


def _described(found: installation.Installation) -> str:
    """How the appliance was installed, in the language of the request."""
    return ", ".join(translate(text, value=value) for text, value in found.facts)
