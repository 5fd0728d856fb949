"""The restart of the appliance from the panel, where something starts it again."""

import os
from dataclasses import dataclass

from flask import Response, jsonify
from pydantic import RootModel

from whisper_appliance.admin.admin_only import ADMIN, GATE, gated
from whisper_appliance.config.setting_rows import waiting
from whisper_appliance.core.errors import Conflict
from whisper_appliance.host.supervision import Supervision, supervision
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.context import appliance, parts
from whisper_appliance.web.lazy_openapi import Blueprint
from whisper_appliance.web.openapi import failures

blueprint = gated(Blueprint("admin_restart", __name__, abp_tags=[ADMIN]))
ELSEWHERE = "What serves these pages is no server of the appliance's own, and starts and stops by itself."


@dataclass(frozen=True, slots=True)
class RestartSeen:
    """Whether it can be restarted here, and why (not). Another `instance` answers after a restart."""

    possible: bool
    reason: str
    instance: str
    waiting: tuple[str, ...]


class RestartAnswer(RootModel[RestartSeen]):
    """Whether the appliance can be restarted here, and which settings wait for that."""


@blueprint.get("/api/admin/restart", responses={200: RestartAnswer, **failures(*GATE)})
def look() -> Response:
    """Whether the appliance can be restarted from here, and which settings wait for it."""
    return jsonify(seen())


@blueprint.post("/api/admin/restart", responses={202: RestartAnswer, **failures(*GATE, 409)})
def restart() -> Response:
    """Stops the appliance, to be started again at once. Jobs and live sessions go on after the start."""
    now, ending = seen(), parts().restart
    if not now.possible or ending is None:
        raise Conflict(now.reason)
    record("appliance.restart")
    response = jsonify(now)
    response.status_code = 202
    response.call_on_close(ending)
    return response


def seen() -> RestartSeen:
    """How it is now."""
    watched = _watched()
    return RestartSeen(
        possible=watched.by is not None,
        reason=watched.reason,
        instance=parts().instance,
        waiting=waiting(appliance().adjustments),
    )


def _watched() -> Supervision:
    if parts().restart is None:
        return Supervision(None, ELSEWHERE)
    return supervision(os.getppid(), supervised=appliance().settings.supervised)
