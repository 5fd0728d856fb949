"""Every setting in the panel: its value, who says so, when a change counts; and the change itself."""

from dataclasses import asdict, dataclass

from flask import Response, jsonify, render_template
from pydantic import BaseModel, Field, RootModel

from whisper_appliance.admin import restart
from whisper_appliance.admin.admin_only import ADMIN, GATE, admin_page, gated
from whisper_appliance.config.setting_rows import SettingRow, rows
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import actor
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import Blueprint
from whisper_appliance.web.openapi import failures

blueprint = gated(Blueprint("admin_settings", __name__, abp_tags=[ADMIN]))
CHANGED = failures(400, *GATE, 404, 409, 503, 507)


@dataclass(frozen=True, slots=True)
class SettingsSeen:
    """Every setting, and whether a restart is needed and possible."""

    settings: tuple[SettingRow, ...]
    restart: restart.RestartSeen


class SettingsAnswer(RootModel[SettingsSeen]):
    """Every setting with its value (secrets masked), default, source, effect and help."""


class SettingPath(BaseModel):
    """The address of one setting."""

    name: str = Field(description="Its name, as in the environment.")


class Value(BaseModel):
    """What a setting is to be."""

    value: str = Field(max_length=4096, description="As in the environment; empty: the default.")


@blueprint.get("/admin/settings", responses=admin_page("The settings."))
def page() -> str:
    """Every setting, and the change of those that can be changed here."""
    return render_template("admin/settings.html")


@blueprint.get("/api/admin/settings", responses={200: SettingsAnswer, **failures(*GATE)})
def look() -> Response:
    """Every setting: value, default, source, help, and when a change counts."""
    return _seen()


@blueprint.put("/api/admin/settings/<name>", responses={200: SettingsAnswer, **CHANGED})
def change(path: SettingPath, body: Value) -> Response:
    """Changes a setting, at once or for after a restart; one that is set in the environment stays (409)."""
    appliance().adjustments.set(path.name, body.value, actor().name)
    record("setting.change", path.name.upper(), value=body.value[:200])
    return _seen()


@blueprint.delete("/api/admin/settings/<name>", responses={200: SettingsAnswer, **CHANGED})
def reset(path: SettingPath) -> Response:
    """Sets a setting back to its default."""
    appliance().adjustments.reset(path.name)
    record("setting.reset", path.name.upper())
    return _seen()


def _seen() -> Response:
    return jsonify(asdict(SettingsSeen(rows(appliance().adjustments), restart.seen())))
