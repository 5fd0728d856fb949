"""The presets of the actor: named sets of options for POST /transcribe."""

from typing import Any

from flask import Response, jsonify
from pydantic import ConfigDict, Field

from whisper_appliance.accounts.access import Action
from whisper_appliance.api.native.transcribe_form import TranscriptionFields
from whisper_appliance.core.errors import SignInRequired
from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.core.schema import Schema
from whisper_appliance.library.presets import MAX_NAME_CHARS, Preset
from whisper_appliance.web.auth.authentication import own_resource, require
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import ACCOUNT, error_responses

blueprint = LazyBlueprint("presets", __name__, url_prefix="/api/account/presets", abp_tags=[ACCOUNT])


class PresetOptions(TranscriptionFields):
    """The options of a preset: those of POST /transcribe that are not about one recording."""

    model_config = ConfigDict(extra="forbid")


class PresetBody(Schema):
    """A preset as it shall be."""

    name: str = Field(description="Its name.", max_length=MAX_NAME_CHARS, examples=["Interviews"])
    options: PresetOptions = Field(description="Fields of POST /transcribe; those left out stay open.")
    default: bool = Field(False, description="Whether the pages begin with it; at most one is.")


class PresetPath(Schema):
    """The address of a preset."""

    id: str = Field(description="Id of the preset.", pattern=ID_REGEX)


class PresetResponse(Schema):
    """A preset."""

    id: str
    name: str
    options: dict[str, Any] = Field(description="Fields of POST /transcribe.")
    default: bool


class PresetList(Schema):
    """The presets of the actor by name."""

    presets: list[PresetResponse]


@blueprint.get("", responses={200: PresetList, **error_responses(401, 403, 503)})
def list_presets() -> Response:
    """The presets of the caller."""
    found = appliance().presets.of_user(_user_id("read"))
    return jsonify({"presets": [_shown(preset) for preset in found]})


@blueprint.post("", responses={201: PresetResponse, **error_responses(400, 401, 403, 409, 503)})
def create_preset(body: PresetBody) -> tuple[Response, int]:
    """Adds a preset."""
    made = appliance().presets.create(_user_id("change"), body.name, _options(body), is_default=body.default)
    return jsonify(_shown(made)), 201


@blueprint.put(
    "/<hex32:id>", responses={200: PresetResponse, **error_responses(400, 401, 403, 404, 409, 503)}
)
def change_preset(path: PresetPath, body: PresetBody) -> Response:
    """Replaces a preset."""
    changed = appliance().presets.change(
        _user_id("change"), path.id, body.name, _options(body), is_default=body.default
    )
    return jsonify(_shown(changed))


@blueprint.delete("/<hex32:id>", responses={204: None, **error_responses(401, 403, 404, 503)})
def delete_preset(path: PresetPath) -> tuple[str, int]:
    """Deletes a preset."""
    appliance().presets.delete(_user_id("change"), path.id)
    return "", 204


def _user_id(action: Action) -> str:
    actor = require(action, own_resource("transcript"))
    if actor.user is None:
        raise SignInRequired("Sign in to do this.")
    return actor.user.id


def _options(body: PresetBody) -> dict[str, Any]:
    return body.options.model_dump(exclude_unset=True, exclude_none=True)


def _shown(preset: Preset) -> dict[str, Any]:
    return {"id": preset.id, "name": preset.name, "options": preset.options, "default": preset.is_default}
