"""The models of the appliance: installed, loaded, and whether they fit."""

from dataclasses import asdict

from flask import Response, jsonify

from whisper_appliance.web.context import appliance
from whisper_appliance.web.i18n import localized
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import SYSTEM, error_responses
from whisper_appliance.web.schemas.transcript import ModelList

blueprint = LazyBlueprint("models", __name__, abp_tags=[SYSTEM])


@blueprint.get("/api/models", responses={200: ModelList, **error_responses()})
def list_models() -> Response:
    """Every model of the catalogue and the machine's own: installed, loaded, and whether it fits."""
    status = appliance().status()
    default = status.model.name if status.model else None
    return jsonify(localized({"default": default, "models": [asdict(model) for model in status.models]}))
