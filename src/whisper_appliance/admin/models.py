"""The models in the panel: what there is, what goes on, and what can be done with them."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict

from flask import Response, jsonify, render_template
from pydantic import BaseModel, Field, RootModel

from whisper_appliance.admin.admin_only import ADMIN, GATE, admin_page, gated
from whisper_appliance.app.container import Appliance
from whisper_appliance.app.model_views import ShelfSeen
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import actor
from whisper_appliance.web.context import appliance, parts
from whisper_appliance.web.lazy_openapi import Blueprint
from whisper_appliance.web.openapi import failures, text

HEARTBEAT_SECONDS = 15.0
LOOK_SECONDS = 0.5
STREAM_SECONDS = 300.0
"""The browser comes back by itself then, and is asked again who it is."""

blueprint = gated(Blueprint("admin_models", __name__, abp_tags=[ADMIN]))


class ShelfAnswer(RootModel[ShelfSeen]):
    """Every model, what goes on with it, and what this machine has for them."""


class ModelPath(BaseModel):
    """The address of one model."""

    name: str = Field(description="Its name: of the catalogue, of a folder, or a hub id (org/name).")


class NewModel(BaseModel):
    """A model of one's own: in a folder of this machine, or on the hub."""

    folder: str = Field("", max_length=4096, description="Whole path of a folder with a CTranslate2 model.")
    name: str = Field("", max_length=64, description="With `folder`: what the model is to be called.")
    hub: str = Field("", max_length=160, description="Or the id of a repository of the hub, org/name.")


class Confirmed(BaseModel):
    """Deleting is confirmed by name."""

    confirm: str = Field(description="The name of the model once more.")


@blueprint.get("/admin/models", responses=admin_page("The models."))
def page() -> str:
    """The models: download, load, choose, verify, delete."""
    return render_template("admin/models.html")


@blueprint.get("/api/admin/models", responses={200: ShelfAnswer, **failures(*GATE)})
def look() -> Response:
    """Every model with its state, and what goes on with it."""
    return _seen()


@blueprint.get(
    "/api/admin/models/events",
    responses={
        200: text("`event: models` with all of it, whenever something changed.", "text/event-stream"),
        **failures(*GATE, 429),
    },
)
def follow() -> Response:
    """The models as they change, as Server-Sent Events."""
    streams = parts().streams
    streams.open()
    response = Response(changes(appliance()), mimetype="text/event-stream")
    response.call_on_close(streams.close)
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"
    return response


@blueprint.post("/api/admin/models", responses={202: ShelfAnswer, **failures(400, *GATE, 404, 409)})
def take_in(body: NewModel) -> Response:
    """Takes in a model of one's own, from a folder of this machine or from the hub."""
    if bool(body.folder) == bool(body.hub):
        raise InvalidRequest("Say where the model is: in a folder, or on the hub.", field="folder")
    if body.hub:
        if "/" not in body.hub:
            raise InvalidRequest("A hub id has two parts: org/name.", field="hub")
        appliance().shelf.download(body.hub)
        record("model.download", body.hub)
    else:
        appliance().shelf.import_folder(body.folder, body.name)
        record("model.import", body.name)
    return _seen(202)


@blueprint.post(
    "/api/admin/models/<path:name>/download",
    responses={202: ShelfAnswer, **failures(400, *GATE, 404)},
)
def download(path: ModelPath) -> Response:
    """Fetches a model from the hub, or goes on with it."""
    appliance().shelf.download(path.name)
    record("model.download", path.name)
    return _seen(202)


@blueprint.delete(
    "/api/admin/models/<path:name>/download", responses={200: ShelfAnswer, **failures(*GATE, 404)}
)
def cancel(path: ModelPath) -> Response:
    """Stops a download. What is here is kept, so that it can go on later."""
    appliance().shelf.cancel_download(path.name)
    return _seen()


@blueprint.post(
    "/api/admin/models/<path:name>/load", responses={202: ShelfAnswer, **failures(400, *GATE, 404, 409)}
)
def load(path: ModelPath) -> Response:
    """Loads a model into memory."""
    appliance().shelf.load(path.name)
    record("model.load", path.name)
    return _seen(202)


@blueprint.post(
    "/api/admin/models/<path:name>/unload", responses={200: ShelfAnswer, **failures(400, *GATE, 404, 409)}
)
def unload(path: ModelPath) -> Response:
    """Frees the memory of a model; 409 while it is in use."""
    appliance().shelf.unload(path.name)
    record("model.unload", path.name)
    return _seen()


@blueprint.post(
    "/api/admin/models/<path:name>/default", responses={202: ShelfAnswer, **failures(400, *GATE, 404, 409)}
)
def make_default(path: ModelPath) -> Response:
    """Makes a model the one that is used when a request names none; one that is not here is fetched first."""
    appliance().shelf.make_default(path.name, actor().name)
    record("model.default", path.name)
    return _seen(202)


@blueprint.post(
    "/api/admin/models/<path:name>/verify", responses={202: ShelfAnswer, **failures(400, *GATE, 404, 409)}
)
def verify(path: ModelPath) -> Response:
    """Reads every file of a model and compares checksums."""
    appliance().shelf.verify(path.name)
    record("model.verify", path.name)
    return _seen(202)


@blueprint.delete("/api/admin/models/<path:name>", responses={204: None, **failures(400, *GATE, 404, 409)})
def remove(path: ModelPath, query: Confirmed) -> tuple[str, int]:
    """Deletes the files of a model; 409 while it is in use, and for the default."""
    if query.confirm != path.name:
        raise InvalidRequest("To delete a model, give its name once more.", field="confirm")
    appliance().shelf.remove(path.name)
    record("model.delete", path.name)
    return "", 204


def changes(
    appliance: Appliance,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[str]:
    """What `follow` tells: all of it at first, and whenever something is another way."""
    told = ""
    began = spoke = monotonic()
    while monotonic() - began < STREAM_SECONDS and not appliance.queue.stopping:
        now = json.dumps(_answer(appliance.shelf.look()), ensure_ascii=False)
        if now != told:
            told, spoke = now, monotonic()
            yield f"event: models\ndata: {now}\n\n"
        elif monotonic() - spoke >= HEARTBEAT_SECONDS:
            spoke = monotonic()
            yield ": still here\n\n"
        sleep(LOOK_SECONDS)


def _seen(status: int = 200) -> Response:
    response = jsonify(_answer(appliance().shelf.look()))
    response.status_code = status
    return response


def _answer(seen: ShelfSeen) -> dict[str, object]:
    """Memory and disk in whole megabytes, so that only what matters is a change."""
    answer = asdict(seen)
    for name in ("available_bytes", "free_disk_bytes", "models_memory_bytes"):
        answer[name] = _rounded(answer[name])
    for model in answer["models"]:
        model["memory_bytes"] = _rounded(model["memory_bytes"])
    return answer


def _rounded(count: int | None) -> int | None:
    return None if count is None else round(count / 2**25) * 2**25
