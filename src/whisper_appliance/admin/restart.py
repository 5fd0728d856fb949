"""Restart from the admin panel, if a service manager starts the appliance again."""

import os
from dataclasses import dataclass

from flask import Response, jsonify

from whisper_appliance.admin.admin_only import ADMIN, ADMIN_ERRORS, admin_only
from whisper_appliance.config.setting_rows import pending_restart
from whisper_appliance.core.errors import Conflict
from whisper_appliance.core.i18n import N_
from whisper_appliance.core.schema import RootSchema
from whisper_appliance.host import installation
from whisper_appliance.host.supervision import Supervision, supervision
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.context import appliance, web_context
from whisper_appliance.web.i18n import translate
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import error_responses

blueprint = admin_only(LazyBlueprint("admin_restart", __name__, abp_tags=[ADMIN]))
NO_SERVER = N_("Another program serves these pages and starts and stops the appliance.")


@dataclass(frozen=True, slots=True)
class RestartState:
    """Whether it can be restarted here, and why (not). Another `instance` answers after a restart.

    `start_command` starts the appliance on its machine, should it not come back.
    """

    possible: bool
    reason: str
    instance: str
    waiting: tuple[str, ...]
    start_command: str


class RestartResponse(RootSchema[RestartState]):
    """Whether the appliance can be restarted here, and which settings wait for that."""


@blueprint.get(
    "/api/admin/restart",
    responses={200: RestartResponse, **error_responses(*ADMIN_ERRORS)},
    operation_id="admin_restart_look_api_admin_restart_get",
)
def get_restart() -> Response:
    """Whether the appliance can be restarted from here, and which settings wait for it."""
    return jsonify(restart_state())


@blueprint.post(
    "/api/admin/restart",
    responses={202: RestartResponse, **error_responses(*ADMIN_ERRORS, 409)},
    operation_id="admin_restart_restart_api_admin_restart_post",
)
def restart_appliance() -> Response:
    """Stops the appliance, to be started again at once. Jobs and live sessions go on after the start."""
    state, end = restart_state(), web_context().restart
    if not state.possible or end is None:
        raise Conflict(state.reason)
    record("appliance.restart")
    response = jsonify(state)
    response.status_code = 202
    response.call_on_close(end)
    return response


def restart_state() -> RestartState:
    """The current state."""
    supervised = _supervision()
    return RestartState(
        possible=supervised.by is not None,
        reason=translate(supervised.reason),
        instance=web_context().instance,
        waiting=pending_restart(appliance().overrides),
        start_command=installation.detect(data_dir=appliance().settings.data_dir).start_command,
    )


def _supervision() -> Supervision:
    if web_context().restart is None:
        return Supervision(None, NO_SERVER)
    return supervision(os.getppid(), supervised=appliance().settings.supervised)
