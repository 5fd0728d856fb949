"""The library of the actor: folders, tags, facets, and actions on many transcripts at once."""

from dataclasses import asdict
from typing import Any, Literal

from flask import Response, jsonify
from pydantic import Field

from whisper_appliance.accounts.access import ShareRole
from whisper_appliance.api.native.transcripts import owner_name
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.core.schema import Schema
from whisper_appliance.library.bulk_actions import MAX_TRANSCRIPTS, ActionName, BulkAction
from whisper_appliance.library.folders import TOP, Folder
from whisper_appliance.library.tags import MAX_TAGS_PER_TRANSCRIPT
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import own_resource, require
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import TRANSCRIPTS, error_responses

blueprint = LazyBlueprint("library", __name__, url_prefix="/api/library", abp_tags=[TRANSCRIPTS])

FolderId = Field(None, pattern=ID_REGEX, description="Id of a folder; null for none.")
Name = Field(description="A line of text.", max_length=1000, examples=["Interviews"])


class FolderPath(Schema):
    """The address of a folder or a tag."""

    id: str = Field(description="Its id.", pattern=ID_REGEX)


class NewFolderBody(Schema):
    """A new folder."""

    name: str = Name
    parent: str | None = FolderId


class FolderBody(Schema):
    """What can be changed of a folder; what is left out stays."""

    name: str | None = Field(None, description="The new name.", max_length=1000)
    parent: str | None = Field(
        None,
        pattern=f"{ID_REGEX.rstrip('$')}$|^{TOP}$",
        description=f"The folder to move it into, or `{TOP}`.",
    )


class TagBody(Schema):
    """The new name of a tag."""

    name: str = Name


class ActionBody(Schema):
    """An action, and the transcripts to do it to."""

    action: ActionName = Field(description="What to do.")
    ids: list[str] = Field(
        min_length=1,
        max_length=MAX_TRANSCRIPTS,
        description="Ids of transcripts; those of others are left out.",
    )
    tags: list[str] = Field(
        default=[],
        max_length=MAX_TAGS_PER_TRANSCRIPT,
        description="Names of tags, for `tag` and `untag`. New ones are made.",
    )
    folder: str | None = FolderId


class FolderResponse(Schema):
    """A folder."""

    id: str
    name: str
    parent: str | None = Field(None, description="Id of the folder that it is in.")
    transcripts: int = Field(description="How many are directly in it, without the trash.")


class SharedFolderResponse(Schema):
    """A folder that somebody else shared with the caller."""

    id: str
    name: str
    shared_by: str | None = Field(None, description="Name of its owner.")
    role: ShareRole = Field(description="What the caller may do with everything in it.")


class TagResponse(Schema):
    """A tag."""

    id: str
    name: str
    transcripts: int = Field(description="How many have it, without the trash.")


class FacetResponse(Schema):
    """A value, and how many transcripts have it."""

    value: str
    count: int


class LibraryResponse(Schema):
    """What lists can be filtered by, with the numbers of transcripts."""

    total: int
    favourites: int
    without_folder: int
    trash: int
    folders: list[FolderResponse]
    shared_folders: list[SharedFolderResponse]
    tags: list[TagResponse]
    languages: list[FacetResponse]
    models: list[FacetResponse]
    sources: list[FacetResponse]
    speakers: list[FacetResponse] = Field(description="The 1,000 most frequent ones.")


class ActionResponse(Schema):
    """The ids of the transcripts to which the action was done."""

    changed: list[str]


@blueprint.get("", responses={200: LibraryResponse, **error_responses(401, 403, 503)})
def get_library() -> Response:
    """The folders and tags of the caller, and the values by which lists can be filtered."""
    actor = require("read")
    owner = actor.owner
    facets = appliance().facets.of_owner(owner)
    values: dict[str, Any] = {
        name: [{"value": value, "count": count} for value, count in getattr(facets, name)]
        for name in ("languages", "models", "sources", "speakers")
    }
    for name in ("total", "favourites", "without_folder", "trash"):
        values[name] = getattr(facets, name)
    values["folders"] = [folder_response(folder) for folder in appliance().folders.list_folders(owner)]
    received = appliance().folder_shares.received_by(actor.user.id) if actor.user else ()
    values["shared_folders"] = [
        {
            "id": each.folder_id,
            "name": each.folder_name,
            "shared_by": owner_name(each.owner),
            "role": each.role,
        }
        for each in received
    ]
    values["tags"] = [asdict(tag) for tag in appliance().tags.list_tags(owner)]
    return jsonify(values)


@blueprint.post(
    "/folders", responses={201: FolderResponse, **error_responses(400, 401, 403, 404, 409, 503, 507)}
)
def create_folder(body: NewFolderBody) -> tuple[Response, int]:
    """Makes a folder."""
    owner = require("change", own_resource("transcript")).owner
    return jsonify(folder_response(appliance().folders.create(owner, body.name, body.parent))), 201


@blueprint.patch(
    "/folders/<hex32:id>",
    responses={200: FolderResponse, **error_responses(400, 401, 403, 404, 409, 503, 507)},
    operation_id="library_change_folder__hex32_id__patch",
)
def change_folder(path: FolderPath, body: FolderBody) -> Response:
    """Renames a folder, or moves it into another one, with all that is in it."""
    owner = require("change", own_resource("transcript")).owner
    changed = appliance().folders.change(owner, path.id, name=body.name, parent_id=body.parent)
    return jsonify(folder_response(changed))


@blueprint.delete(
    "/folders/<hex32:id>",
    responses={204: None, **error_responses(401, 403, 404, 503, 507)},
    operation_id="library_delete_folder__hex32_id__delete",
)
def delete_folder(path: FolderPath) -> tuple[str, int]:
    """Deletes a folder. What is in it moves to the folder above."""
    owner = require("change", own_resource("transcript")).owner
    appliance().folders.delete(owner, path.id)
    return "", 204


@blueprint.patch(
    "/tags/<hex32:id>",
    responses={204: None, **error_responses(400, 401, 403, 404, 409, 503, 507)},
    operation_id="library_rename_tag__hex32_id__patch",
)
def rename_tag(path: FolderPath, body: TagBody) -> tuple[str, int]:
    """Renames a tag."""
    owner = require("change", own_resource("transcript")).owner
    appliance().tags.rename(owner, path.id, body.name)
    return "", 204


@blueprint.delete(
    "/tags/<hex32:id>",
    responses={204: None, **error_responses(401, 403, 404, 503, 507)},
    operation_id="library_delete_tag__hex32_id__delete",
)
def delete_tag(path: FolderPath) -> tuple[str, int]:
    """Takes a tag off all transcripts."""
    owner = require("change", own_resource("transcript")).owner
    appliance().tags.delete(owner, path.id)
    return "", 204


@blueprint.post(
    "/actions", responses={200: ActionResponse, **error_responses(400, 401, 403, 404, 409, 503, 507)}
)
def run_action(body: ActionBody) -> Response:
    """Does something to many transcripts at once: all of them, or none if it cannot be done."""
    right: Literal["delete", "change"] = "delete" if body.action == "delete" else "change"
    owner = require(right, own_resource("transcript")).owner
    if body.action in ("tag", "untag") and not body.tags:
        raise InvalidRequest("Name at least one tag.", field="tags")
    action = BulkAction(body.action, tuple(body.tags), body.folder)
    changed = appliance().bulk_actions.run(owner, body.ids, action)
    if body.action in ("delete", "restore"):
        for transcript_id in changed:
            record(f"transcript.{body.action}", transcript_id)
    return jsonify({"changed": list(changed)})


def folder_response(folder: Folder) -> dict[str, Any]:
    """A folder as JSON."""
    return FolderResponse(
        id=folder.id, name=folder.name, parent=folder.parent_id, transcripts=folder.transcripts
    ).model_dump()
