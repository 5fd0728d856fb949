"""The transcripts of the actor: read, export, rename, trash and restore."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, cast

from flask import Response, g, jsonify, request
from flask_openapi3.types import ResponseDict
from pydantic import Field

from whisper_appliance.accounts.access import ShareRole
from whisper_appliance.api.native.change_stream import notes_json
from whisper_appliance.api.native.export import (
    ANNOTATED,
    NOTHING,
    Annotations,
    ArchiveBody,
    ExportQuery,
    FindAnnotations,
    archive_response,
    file_response,
    own_transcripts,
    text_formats,
)
from whisper_appliance.core.errors import NotFound
from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.core.schema import Schema
from whisper_appliance.library.transcript_rows import StoredTranscript, TranscriptSummary
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.transcript.beside import lines_beside
from whisper_appliance.transcript.codec import to_dict, with_translation
from whisper_appliance.transcript.model import Note
from whisper_appliance.transcript.paragraphs import paragraph_starts
from whisper_appliance.transcript.times import with_valid_times
from whisper_appliance.web.auth import resources
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import current_actor, own_resource, require
from whisper_appliance.web.content_disposition import attachment
from whisper_appliance.web.context import appliance
from whisper_appliance.web.etags import IF_MATCH, NOT_MODIFIED, check_if_match, etag_of, with_etag
from whisper_appliance.web.i18n import localized
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import TRANSCRIPTS, error_responses, reference
from whisper_appliance.web.schemas.chapters import chapters_response
from whisper_appliance.web.schemas.transcript import (
    TranscriptResponse,
    TranscriptSummaryResponse,
    recording_response,
)

blueprint = LazyBlueprint("transcripts", __name__, url_prefix="/api/transcripts", abp_tags=[TRANSCRIPTS])

TRANSCRIPT_RESPONSE: ResponseDict = {
    200: {
        "description": "The transcript: JSON, or text in the requested format.",
        "content": {
            "application/json": {"schema": reference(TranscriptResponse)},
            **text_formats(),
        },
    }
}


ARCHIVE_RESPONSE: ResponseDict = {
    200: {
        "description": "A ZIP archive with a file for each transcript and format.",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}
ACCESS_BY_ROLE: dict[ShareRole, str] = {"editor": "edit", "commenter": "comment", "reader": "read"}
READ_AS_JSON = ExportQuery.model_construct(format="json", download=False)


class TranscriptPath(Schema):
    """The address of a transcript."""

    id: str = Field(description="Id of the transcript.", pattern=ID_REGEX)


class TitleBody(Schema):
    """What can be changed."""

    title: str = Field(description="The new title.", max_length=1000, examples=["Interview with Ada"])


@blueprint.get(
    "/<hex32:id>",
    responses={**TRANSCRIPT_RESPONSE, 304: NOT_MODIFIED, **error_responses(400, 401, 403, 404, 503)},
    operation_id="transcripts_read__hex32_id__get",
)
def get_transcript(path: TranscriptPath, query: ExportQuery) -> Response:
    """One transcript, in any format; as JSON with an `ETag`."""
    entry = resources.authorized_transcript(path.id, "read")
    aligned = appliance().word_alignment.last(path.id)  # before the words are read, so that none is missed
    if query.download or query.format != "json":
        record("transcript.export", path.id, format=query.format)
    response = transcript_response(_stored(entry), query)
    response.headers["X-Words-Aligned"] = str(aligned)
    return with_etag(response) if query.format == "json" else response


@blueprint.post("/export", responses={**ARCHIVE_RESPONSE, **error_responses(400, 401, 403, 404, 503)})
def export_transcripts(body: ArchiveBody) -> Response:
    """Several transcripts as one ZIP archive, each in all of the formats."""
    owner, repository = require("read").owner, appliance().transcripts
    if body.ids is None:
        stored = own_transcripts(repository, owner)
    else:
        entries = [resources.authorized_transcript(each, "read") for each in body.ids]
        stored = _still_there(repository, entries)
    record("transcript.export", ",".join(body.ids or ["all"])[:200], format=",".join(body.formats))
    day = datetime.now(UTC).date().isoformat()
    found = annotations(translated=body.translation == "beside")
    return archive_response(stored, body.formats, body, f"transcripts {day}.zip", find_annotations=found)


@blueprint.patch(
    "/<hex32:id>",
    responses={200: TranscriptResponse, **error_responses(400, 401, 403, 404, 412, 503, 507)},
    openapi_extensions={"parameters": [IF_MATCH]},
    operation_id="transcripts_rename__hex32_id__patch",
)
def rename_transcript(path: TranscriptPath, body: TitleBody) -> Response:
    """Gives a transcript another title."""
    entry = resources.authorized_transcript(path.id, "edit")
    before = _stored(entry)
    check_if_match(etag_of(transcript_response(before).get_data()))
    seen = before.summary.title if "If-Match" in request.headers else None
    appliance().transcripts.rename(path.id, entry.owner, body.title, seen=seen)
    appliance().edit_notifier.wake(path.id)
    return with_etag(transcript_response(_stored(entry)))


@blueprint.delete(
    "/<hex32:id>",
    responses={204: None, **error_responses(401, 403, 404, 503, 507)},
    operation_id="transcripts_delete__hex32_id__delete",
)
def delete_transcript(path: TranscriptPath) -> tuple[str, int]:
    """Puts a transcript into the trash, from where it can be restored for a while."""
    entry = resources.authorized_transcript(path.id, "delete")
    appliance().transcripts.delete(path.id, entry.owner)
    record("transcript.delete", path.id)
    return "", 204


@blueprint.post(
    "/<hex32:id>/restore",
    responses={200: TranscriptResponse, **error_responses(401, 403, 404, 503, 507)},
    operation_id="transcripts_restore__hex32_id__restore_post",
)
def restore_transcript(path: TranscriptPath) -> Response:
    """Takes a transcript out of the trash."""
    entry = resources.authorized_transcript(path.id, "change", deleted=True)
    appliance().transcripts.restore(path.id, entry.owner)
    record("transcript.restore", path.id)
    return transcript_response(_stored(entry))


@blueprint.delete("/trash", responses={204: None, **error_responses(401, 403, 503, 507)})
def empty_trash() -> tuple[str, int]:
    """Empties the trash of the caller, for good."""
    actor = require("delete", own_resource("transcript"))
    removed = appliance().transcripts.empty_trash(actor.owner)
    record("transcript.empty_trash", removed=removed)
    return "", 204


def _still_there(
    repository: TranscriptRepository, entries: Sequence[TranscriptSummary]
) -> Iterator[StoredTranscript]:
    """The transcripts; skips one that is deleted meanwhile."""
    for entry in entries:
        try:
            yield repository.get(entry.id, entry.owner)
        except NotFound:
            continue


def _stored(entry: TranscriptSummary) -> StoredTranscript:
    return appliance().transcripts.get(entry.id, entry.owner)


def summary_response(entry: TranscriptSummary) -> dict[str, Any]:
    """A list entry as JSON."""
    return TranscriptSummaryResponse(
        id=entry.id,
        title=entry.title,
        created=entry.created,
        language=entry.language,
        duration=entry.duration,
        model=entry.model,
        source=entry.source,
        doubtful_words=entry.doubtful_words,
        favourite=entry.favourite,
        folder=entry.folder_id,
        excerpt=entry.preview,
        deleted=entry.deleted_at,
        found=None,
        hits=None,
        hit_count=None,
        is_shared=False,
        shared_by=None,
    ).model_dump()


def received_response(entry: TranscriptSummary) -> dict[str, Any]:
    """A transcript of somebody else in a list, without folder, tags and star, which are its owner's."""
    filing: dict[str, Any] = {"favourite": False, "folder": None, "tags": []}
    return {**summary_response(entry), **filing, "is_shared": True, "shared_by": owner_name(entry.owner)}


def owner_name(owner: str) -> str | None:
    """The name of a user; None for a visitor, or if the account is gone."""
    if "user_names" not in g:
        g.user_names = {user.id: user.name for user in appliance().accounts.users.list_users()}
    return cast(dict[str, str], g.user_names).get(owner)


def transcript_response(stored: StoredTranscript, query: ExportQuery = READ_AS_JSON) -> Response:
    """The response with a transcript in one of the formats."""
    summary = stored.summary
    if query.format == "json":
        head: dict[str, Any] = {
            "id": summary.id,
            "title": summary.title,
            "created": summary.created,
            "recording": recording_response(appliance().recordings.find(summary.id)),
            "revision": summary.revision,
            "access": _access(summary),
        }
        transcript = with_valid_times(stored.transcript)
        if not query.download:
            head["paragraphs"] = paragraph_starts(transcript)
        body = to_dict(transcript)
        if query.translation == "beside" and (made := appliance().translations.of(summary.id)):
            with_translation(body, lines_beside(transcript.segments, made.transcript.segments))
        stored_chapters = appliance().chapters.of(summary.id)
        if not query.download:
            body["warnings"] = localized(body["warnings"])
            body["chapters"] = chapters_response(transcript, stored_chapters)
        elif stored_chapters.chapters is not None:
            body["chapters"] = [asdict(each) for each in stored_chapters.chapters]
        if query.notes:
            body["notes"] = notes_json(appliance().notes.of(summary.id))
        response = jsonify({**head, **body})
        if query.download:
            response.headers["Content-Disposition"] = attachment(f"{summary.title}.json")
    else:
        translated = query.translation == "beside"
        is_annotated = translated or query.format in ANNOTATED
        found = annotations(translated=translated)(summary.id) if is_annotated else NOTHING
        response = file_response(stored, query, found)
    response.headers["X-Transcript-Id"] = summary.id
    return response


def annotations(*, translated: bool = False) -> FindAnnotations:
    """Returns what finds the chapters by hand and the notes of a transcript, also in a stream.

    `translated`: its translation, too.
    """
    notes, chapters, users = appliance().notes, appliance().chapters, appliance().accounts.users
    translations = appliance().translations
    names: dict[str, str] = {}  # of all authors so far: few people write the notes of many transcripts

    def find(transcript_id: str) -> Annotations:
        found = notes.of(transcript_id)
        if unknown := {each.author for each in found} - names.keys():
            names.update(dict.fromkeys(unknown, "") | users.names(unknown))
        written = (Note(each.start, each.text, names[each.author], each.created) for each in found)
        made = translations.of(transcript_id) if translated else None
        by_hand = chapters.of(transcript_id).chapters
        return Annotations(tuple(written), by_hand, made.transcript if made else None)

    return find


def _access(summary: TranscriptSummary) -> str:
    if summary.owner in ("", current_actor().owner):
        return "own"
    return ACCESS_BY_ROLE[resources.share_role(summary) or "reader"]
