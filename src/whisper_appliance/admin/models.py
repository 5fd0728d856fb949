"""Model management: list, download, import, load, set the default, verify and delete."""

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict

from flask import Response, jsonify, render_template
from pydantic import Field

from whisper_appliance.admin.admin_only import ADMIN, ADMIN_ERRORS, admin_only, admin_page, require_admin
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.app.model_suggestions import Suggestion
from whisper_appliance.app.model_views import ModelListView
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.core.schema import RootSchema, Schema
from whisper_appliance.web import sse
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import current_actor
from whisper_appliance.web.context import appliance
from whisper_appliance.web.i18n import localized
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import error_responses, text_response

HEARTBEAT_SECONDS = 15.0
POLL_SECONDS = 0.5
STREAM_SECONDS = 300.0
"""A stream ends after this time, because access is checked only when it starts; browsers reconnect."""

blueprint = admin_only(LazyBlueprint("admin_models", __name__, abp_tags=[ADMIN]))


class AdminModelsResponse(RootSchema[ModelListView]):
    """Every model, what goes on with it, and what this machine has for them."""


class SuggestionsResponse(Schema):
    """A faster model, the default and a better one; none before a measurement."""

    suggestions: list[Suggestion]


class ModelPath(Schema):
    """The address of one model."""

    name: str = Field(description="Its name: of the catalogue, of a folder, or a hub id (org/name).")


class NewModel(Schema):
    """A model of one's own: in a folder of this machine, or on the hub."""

    folder: str = Field("", max_length=4096, description="Whole path of a folder with a CTranslate2 model.")
    name: str = Field("", max_length=64, description="With `folder`: what the model is to be called.")
    hub: str = Field("", max_length=160, description="Or the id of a repository of the hub, org/name.")


class Confirmed(Schema):
    """Deleting is confirmed by name."""

    confirm: str = Field(description="The name of the model once more.")


@blueprint.get(
    "/admin/models", responses=admin_page("The models."), operation_id="admin_models_page_admin_models_get"
)
def models_page() -> str:
    """The models: download, load, choose, verify, delete."""
    return render_template("admin/models.html")


@blueprint.get(
    "/api/admin/models",
    responses={200: AdminModelsResponse, **error_responses(*ADMIN_ERRORS)},
    operation_id="admin_models_look_api_admin_models_get",
)
def list_models() -> Response:
    """Every model with its state, and what goes on with it."""
    return _models_response()


@blueprint.get(
    "/api/admin/models/events",
    responses={
        200: text_response(
            "`event: models` with all of it, whenever something changed.", "text/event-stream"
        ),
        **error_responses(*ADMIN_ERRORS, 429),
    },
    operation_id="admin_models_follow_api_admin_models_events_get",
)
def stream_models() -> Response:
    """The models as they change, as Server-Sent Events."""
    return sse.sse_response(model_events(appliance()), require_admin)


@blueprint.post(
    "/api/admin/models",
    responses={202: AdminModelsResponse, **error_responses(400, *ADMIN_ERRORS, 404, 409)},
    operation_id="admin_models_take_in_api_admin_models_post",
)
def import_model(body: NewModel) -> Response:
    """Takes in a model of one's own, from a folder of this machine or from the hub."""
    if bool(body.folder) == bool(body.hub):
        raise InvalidRequest("Give either a folder or a hub id.", field="folder")
    if body.hub:
        if "/" not in body.hub:
            raise InvalidRequest("A hub id has two parts: org/name.", field="hub")
        appliance().model_admin.download(body.hub)
        record("model.download", body.hub)
    else:
        appliance().model_admin.import_folder(body.folder, body.name)
        record("model.import", body.name)
    return _models_response(202)


@blueprint.get(
    "/api/admin/model-suggestions",
    responses={200: SuggestionsResponse, **error_responses(*ADMIN_ERRORS)},
)
def list_suggestions() -> Response:
    """What the last measurement suggests."""
    return _suggestions_response(appliance().model_suggestions.suggestions())


@blueprint.post(
    "/api/admin/model-suggestions",
    responses={200: SuggestionsResponse, **error_responses(*ADMIN_ERRORS, 409, 503)},
)
def measure_machine() -> Response:
    """Measures the default model for ten seconds; estimates how long an hour of audio takes with others."""
    return _suggestions_response(appliance().model_suggestions.measure())


@blueprint.post(
    "/api/admin/models/<path:name>/download",
    responses={202: AdminModelsResponse, **error_responses(400, *ADMIN_ERRORS, 404)},
    operation_id="admin_models_download_api_admin_models__path_name__download_post",
)
def download_model(path: ModelPath) -> Response:
    """Fetches a model from the hub, or goes on with it."""
    appliance().model_admin.download(path.name)
    record("model.download", path.name)
    return _models_response(202)


@blueprint.delete(
    "/api/admin/models/<path:name>/download",
    responses={200: AdminModelsResponse, **error_responses(*ADMIN_ERRORS, 404)},
    operation_id="admin_models_cancel_api_admin_models__path_name__download_delete",
)
def cancel_download(path: ModelPath) -> Response:
    """Stops a download. What is here is kept, so that it can go on later."""
    appliance().model_admin.cancel_download(path.name)
    return _models_response()


@blueprint.post(
    "/api/admin/models/<path:name>/load",
    responses={202: AdminModelsResponse, **error_responses(400, *ADMIN_ERRORS, 404, 409)},
    operation_id="admin_models_load_api_admin_models__path_name__load_post",
)
def load_model(path: ModelPath) -> Response:
    """Loads a model into memory."""
    appliance().model_admin.load(path.name)
    record("model.load", path.name)
    return _models_response(202)


@blueprint.post(
    "/api/admin/models/<path:name>/unload",
    responses={200: AdminModelsResponse, **error_responses(400, *ADMIN_ERRORS, 404, 409)},
    operation_id="admin_models_unload_api_admin_models__path_name__unload_post",
)
def unload_model(path: ModelPath) -> Response:
    """Frees the memory of a model; 409 while it is in use."""
    appliance().model_admin.unload(path.name)
    record("model.unload", path.name)
    return _models_response()


@blueprint.post(
    "/api/admin/models/<path:name>/default",
    responses={202: AdminModelsResponse, **error_responses(400, *ADMIN_ERRORS, 404, 409)},
    operation_id="admin_models_make_default_api_admin_models__path_name__default_post",
)
def set_default_model(path: ModelPath) -> Response:
    """Makes a model the one that is used when a request names none; one that is not here is fetched first."""
    appliance().model_admin.make_default(path.name, current_actor().name)
    record("model.default", path.name)
    return _models_response(202)


@blueprint.post(
    "/api/admin/models/<path:name>/verify",
    responses={202: AdminModelsResponse, **error_responses(400, *ADMIN_ERRORS, 404, 409)},
    operation_id="admin_models_verify_api_admin_models__path_name__verify_post",
)
def verify_model(path: ModelPath) -> Response:
    """Reads every file of a model and compares checksums."""
    appliance().model_admin.verify(path.name)
    record("model.verify", path.name)
    return _models_response(202)


@blueprint.delete(
    "/api/admin/models/<path:name>",
    responses={204: None, **error_responses(400, *ADMIN_ERRORS, 404, 409)},
    operation_id="admin_models_remove_api_admin_models__path_name__delete",
)
def delete_model(path: ModelPath, query: Confirmed) -> tuple[str, int]:
    """Deletes the files of a model; 409 while it is in use, and for the default."""
    if query.confirm != path.name:
        raise InvalidRequest("To delete a model, give its name once more.", field="confirm")
    appliance().model_admin.remove(path.name)
    record("model.delete", path.name)
    return "", 204


def model_events(
    appliance: Appliance,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[str]:
    """The stream of `stream_models`: the whole list at first, and again whenever it changed."""
    return sse.with_heartbeat(_model_frames(appliance, monotonic, sleep), HEARTBEAT_SECONDS, monotonic)


def _model_frames(
    appliance: Appliance, monotonic: Callable[[], float], sleep: Callable[[float], None]
) -> Generator[str | None, None, None]:
    sent: dict[str, object] = {}
    end = monotonic() + STREAM_SECONDS
    while monotonic() < end and not appliance.queue.stopping:
        current = _to_json(appliance.model_admin.list_models())
        yield None if current == sent else sse.frame("models", localized(current))
        sent = current
        sleep(POLL_SECONDS)


def _suggestions_response(suggestions: tuple[Suggestion, ...]) -> Response:
    return jsonify(localized({"suggestions": [asdict(each) for each in suggestions]}))


def _models_response(status: int = 200) -> Response:
    response = jsonify(localized(_to_json(appliance().model_admin.list_models())))
    response.status_code = status
    return response


def _to_json(models: ModelListView) -> dict[str, object]:
    """The list as JSON. Memory and disk are rounded to 32 MiB, because each change is sent to the clients."""
    response = asdict(models)
    for name in ("available_bytes", "free_disk_bytes", "models_memory_bytes"):
        response[name] = _rounded(response[name])
    for model in response["models"]:
        model["memory_bytes"] = _rounded(model["memory_bytes"])
    return response


def _rounded(count: int | None) -> int | None:
    return None if count is None else round(count / 2**25) * 2**25
