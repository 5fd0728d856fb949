"""New versions: whether there is one, and the commands that lead to it and back. Nothing is changed here."""

from dataclasses import asdict

from flask import Response, jsonify, render_template
from pydantic import BaseModel, Field

from whisper_appliance import __version__
from whisper_appliance.admin.admin_only import ADMIN, GATE, admin_page, gated
from whisper_appliance.host import installation, releases
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import Blueprint
from whisper_appliance.web.openapi import failures

SOME_VERSION = "X.Y.Z"

blueprint = gated(Blueprint("admin_updates", __name__, abp_tags=[ADMIN]))


class ReleaseAnswer(BaseModel):
    """One version. `notes` are plain text."""

    version: str
    date: str
    notes: str
    url: str


class UpdatesAnswer(BaseModel):
    """What the feed says, and what to do on this machine."""

    state: releases.State = Field(description="`off`: nothing was asked. `broken`: the feed cannot be read.")
    message: str
    current: str
    newest: str | None
    releases: list[ReleaseAnswer] = Field(description="The versions after this one, newest first.")
    checked: str | None
    installation: str
    update: list[str] = Field(description="Commands that lead to the newest version.")
    rollback: list[str] = Field(description="Commands that lead back, with the data of before the update.")


@blueprint.get("/admin/updates", responses=admin_page("New versions, and how to get them."))
def page() -> str:
    """New versions, and how to get them."""
    settings = appliance().settings
    found = installation.find(data_dir=settings.data_dir)
    return render_template(
        "admin/updates.html",
        version=__version__,
        installation=found.name,
        update=found.update(SOME_VERSION),
        rollback=found.rollback(__version__),
        allowed=settings.update_check,
        feed=settings.update_feed_url,
    )


@blueprint.get("/admin/check-updates", responses={200: UpdatesAnswer, **failures(*GATE)})
def check() -> Response:
    """Asks the feed of releases (UPDATE_FEED_URL), if UPDATE_CHECK allows it, and tells how to update."""
    settings = appliance().settings
    found = installation.find(data_dir=settings.data_dir)
    checked = releases.check(settings.update_feed_url, __version__, allowed=settings.update_check)
    if checked.checked:
        record("updates.check", state=checked.state)
    answer = {
        **asdict(checked),
        "installation": found.name,
        "update": found.update(checked.newest if checked.releases and checked.newest else SOME_VERSION),
        "rollback": found.rollback(__version__),
    }
    return jsonify(answer)
