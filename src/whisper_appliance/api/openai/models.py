"""GET /v1/models, and one of them: local models, their aliases, and OpenAI's names for the default one."""

from collections.abc import Iterator
from pathlib import Path

from flask import Response, jsonify
from pydantic import Field

from whisper_appliance.api.openai.schemas import DeletedModel, ModelObject, ModelObjects, failures
from whisper_appliance.app.model_names import OPENAI_MODELS, parse_aliases, resolve_model
from whisper_appliance.core.errors import NotFound
from whisper_appliance.core.schema import Schema
from whisper_appliance.models import catalog as catalog_module
from whisper_appliance.models.status import ModelStatus
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import require
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import SYSTEM

OWNER = "whisper-appliance"

blueprint = LazyBlueprint("openai_models", __name__, url_prefix="/v1/models", abp_tags=[SYSTEM])


class OpenAIModelPath(Schema):
    """The address of a model; the name of a custom one may have a slash."""

    id: str = Field(description="Name of the model.", max_length=200)


@blueprint.get("", responses={200: ModelObjects, **failures()})
def list_openai_models() -> Response:
    """The models that requests can name."""
    require("transcribe")
    data = [_object(name, local).model_dump() for name, local in _names()]
    return jsonify({"object": "list", "data": data})


@blueprint.get("/<path:id>", responses={200: ModelObject, **failures()})
def get_openai_model(path: OpenAIModelPath) -> Response:
    """One model by its name."""
    require("transcribe")
    local = resolve_model(path.id, appliance().settings.model_aliases) or appliance().models.default
    if appliance().models.get_model(local) is None:
        raise _unknown(path.id)
    return jsonify(_object(path.id, local).model_dump())


@blueprint.delete("/<path:id>", responses={200: DeletedModel, **failures(409)})
def delete_openai_model(path: OpenAIModelPath) -> Response:
    """Deletes the files of a local model; for admins."""
    require("administer")
    if path.id not in {model.name for model in _installed()}:
        raise _unknown(path.id)
    appliance().model_admin.remove(path.id)
    record("model.delete", path.id)
    return jsonify(DeletedModel(id=path.id).model_dump())


def _names() -> Iterator[tuple[str, str]]:
    """Every name, with the local model that it means; each name once."""
    aliases = appliance().settings.model_aliases
    default = appliance().models.default
    installed = [model.name for model in _installed()]
    for name in dict.fromkeys([*installed, *parse_aliases(aliases), *OPENAI_MODELS]):
        yield name, resolve_model(name, aliases) or default


def _installed() -> list[ModelStatus]:
    return [model for model in appliance().models.get_status().models if model.installed]


def _object(name: str, local: str) -> ModelObject:
    folder = appliance().settings.model_dir / local
    files = folder if folder.exists() else Path(catalog_module.__file__)  # a model of a package came with it
    return ModelObject(id=name, created=int(files.stat().st_mtime), owned_by=OWNER)


def _unknown(name: str) -> NotFound:
    return NotFound("The model {name!r} does not exist here.", name=name[:100], field="model")
