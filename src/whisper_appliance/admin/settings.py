"""Settings: value, source, default and effect of each one, and its change."""

from dataclasses import asdict, dataclass

from flask import Response, jsonify, render_template
from pydantic import Field

from whisper_appliance.admin import restart
from whisper_appliance.admin.admin_only import ADMIN, ADMIN_ERRORS, admin_only, admin_page
from whisper_appliance.config.setting_rows import SettingRow, setting_rows
from whisper_appliance.core.schema import RootSchema, Schema
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import current_actor
from whisper_appliance.web.context import appliance
from whisper_appliance.web.i18n import language_names, localized
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import error_responses

blueprint = admin_only(LazyBlueprint("admin_settings", __name__, abp_tags=[ADMIN]))
CHANGE_ERRORS = error_responses(400, *ADMIN_ERRORS, 404, 409, 503, 507)


@dataclass(frozen=True, slots=True)
class SettingsView:
    """Every setting, and whether a restart is needed and possible."""

    settings: tuple[SettingRow, ...]
    restart: restart.RestartState


class SettingsResponse(RootSchema[SettingsView]):
    """Every setting with its value (secrets masked), default, source, effect and help."""


class SettingPath(Schema):
    """The address of one setting."""

    name: str = Field(description="Its name, as in the environment.")


class Value(Schema):
    """What a setting is to be."""

    value: str = Field(max_length=4096, description="As in the environment; empty: the default.")


@blueprint.get(
    "/admin/settings",
    responses=admin_page("The settings."),
    operation_id="admin_settings_page_admin_settings_get",
)
def settings_page() -> str:
    """Every setting, and the change of those that can be changed here."""
    return render_template("admin/settings.html", languages=language_names())


@blueprint.get(
    "/api/admin/settings",
    responses={200: SettingsResponse, **error_responses(*ADMIN_ERRORS)},
    operation_id="admin_settings_look_api_admin_settings_get",
)
def list_settings() -> Response:
    """Every setting: value, default, source, help, and when a change counts."""
    return _settings_response()


@blueprint.put(
    "/api/admin/settings/<name>",
    responses={200: SettingsResponse, **CHANGE_ERRORS},
    operation_id="admin_settings_change_api_admin_settings__name__put",
)
def change_setting(path: SettingPath, body: Value) -> Response:
    """Changes a setting, at once or for after a restart; one that is set in the environment stays (409)."""
    appliance().overrides.set(path.name, body.value, current_actor().name)
    record("setting.change", path.name.upper(), value=body.value[:200])
    return _settings_response()


@blueprint.delete(
    "/api/admin/settings/<name>",
    responses={200: SettingsResponse, **CHANGE_ERRORS},
    operation_id="admin_settings_reset_api_admin_settings__name__delete",
)
def reset_setting(path: SettingPath) -> Response:
    """Sets a setting back to its default."""
    appliance().overrides.reset(path.name)
    record("setting.reset", path.name.upper())
    return _settings_response()


def _settings_response() -> Response:
    return jsonify(
        localized(asdict(SettingsView(setting_rows(appliance().overrides), restart.restart_state())))
    )
