"""Edits of a transcript: operations on its segments, undo and redo, live changes of others, versions."""

import re
from collections.abc import Callable
from typing import Any

from flask import Response, jsonify, make_response, request
from pydantic import Field

from whisper_appliance.api.native.change_stream import ChangeStream, ClientRevisions, author_names
from whisper_appliance.api.native.transcripts import TranscriptPath
from whisper_appliance.core.errors import ChangedMeanwhile, InvalidRequest, PreconditionMissing
from whisper_appliance.core.schema import Schema
from whisper_appliance.library.edits import Changes
from whisper_appliance.library.transcript_rows import TranscriptSummary
from whisper_appliance.transcript.paragraphs import paragraph_starts
from whisper_appliance.web import errors, sse
from whisper_appliance.web.auth import resources
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import current_actor
from whisper_appliance.web.context import appliance
from whisper_appliance.web.i18n import translate_error
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import TRANSCRIPTS, error_responses, text_response
from whisper_appliance.web.schemas.edits import (
    DifferenceResponse,
    EditBody,
    EditResponse,
    VersionList,
    difference_line,
    revision_response,
    version_response,
)

MAX_EDIT_BYTES = 2 * 1024 * 1024
"""The limit of the body of an edit: find and replace in a long transcript is one edit."""
MAX_SAFE_INTEGER = 2**53 - 1
"""The largest whole number of a script."""
REVISION = re.compile(r'(?:W/)?"(\d{1,9})"')

blueprint = LazyBlueprint("edits", __name__, url_prefix="/api/transcripts", abp_tags=[TRANSCRIPTS])


class RevisionPath(TranscriptPath):
    """The address of a version."""

    revision: int = Field(ge=0, le=10**9, description="Number of its revision; 0: as the machine wrote it.")


class SinceQuery(Schema):
    """Which changes to send."""

    since: int = Field(0, ge=0, le=10**9, description="The last revision that the client has.")
    chapters: int | None = Field(
        None, ge=0, le=10**9, description="The `revision` of the chapters that the client has."
    )
    aligned: int | None = Field(
        None,
        ge=0,
        le=MAX_SAFE_INTEGER,
        description="The header `X-Words-Aligned` with which the transcript came, or `aligned` of the last "
        "event `words`; left out: words that are aligned from now on.",
    )


class CompareQuery(Schema):
    """What to compare a version with."""

    since: int | None = Field(
        None, ge=0, le=10**9, description="Another revision; left out: the version before."
    )


@blueprint.before_request
def _accept_long_edits() -> None:
    request.max_content_length = MAX_EDIT_BYTES


@blueprint.patch(
    "/<hex32:id>/segments",
    responses={200: EditResponse, **error_responses(400, 401, 403, 404, 409, 412, 413, 428, 503, 507)},
    operation_id="edits_apply__hex32_id__segments_patch",
)
def edit_segments(path: TranscriptPath, body: EditBody) -> Response:
    """Corrects a transcript. `If-Match` has the `revision` that was read, as `"3"`, or `*`.

    Edits of other segments in the meantime are kept, and sent with the answer. If the same segments were
    edited, the answer is 412 with the `changes` since, and nothing is changed.
    """
    entry = resources.authorized_transcript(path.id, "edit")
    seen = seen_revision()
    appliance().admission.check_edit(entry.owner, request.content_length or 0)
    author = current_actor().owner
    try:
        changes = appliance().edits.apply(path.id, body.operations, seen=seen, author=author)
    except ChangedMeanwhile as error:
        return _changed_meanwhile(path.id, error, seen or 0)
    own = changes.revisions[-1:]
    written = (segment.key for each in own for hunk in each.hunks for segment in hunk.added)
    appliance().word_alignment.request(path.id, written)
    return edit_response(path.id, changes, seen)


@blueprint.post(
    "/<hex32:id>/undo",
    responses={200: EditResponse, **error_responses(400, 401, 403, 404, 409, 412, 428, 503, 507)},
    operation_id="edits_undo__hex32_id__undo_post",
)
def undo_edit(path: TranscriptPath) -> Response:
    """Takes back one's own last edit, again and again to the first one; 409 if there is none."""
    return _take_back(path.id, appliance().edits.undo)


@blueprint.post(
    "/<hex32:id>/redo",
    responses={200: EditResponse, **error_responses(400, 401, 403, 404, 409, 412, 428, 503, 507)},
    operation_id="edits_redo__hex32_id__redo_post",
)
def redo_edit(path: TranscriptPath) -> Response:
    """Makes the edit again that was undone last; 409 if there is none."""
    return _take_back(path.id, appliance().edits.redo)


@blueprint.get(
    "/<hex32:id>/versions",
    responses={200: VersionList, **error_responses(401, 403, 404, 503)},
    operation_id="edits_versions__hex32_id__versions_get",
)
def list_versions(path: TranscriptPath) -> Response:
    """The versions of a transcript, newest first: who changed it when. None, if nobody did."""
    resources.authorized_transcript(path.id, "read")
    versions, actor_id = appliance().edits.versions(path.id), current_actor().owner
    names = author_names(each.author for each in versions)
    return jsonify({"versions": [version_response(each, names, actor_id) for each in versions]})


@blueprint.get(
    "/<hex32:id>/versions/<int:revision>",
    responses={200: DifferenceResponse, **error_responses(400, 401, 403, 404, 503)},
    operation_id="edits_compare__hex32_id__versions__revision__get",
)
def compare_version(path: RevisionPath, query: CompareQuery) -> Response:
    """The words that a version changed."""
    resources.authorized_transcript(path.id, "read")
    since = query.since
    if since is None:
        versions = appliance().edits.versions(path.id)
        found = next((each for each in versions if each.revision == path.revision), None)
        since = found.since if found else max(path.revision - 1, 0)
    hunks = appliance().edits.compare(path.id, since, path.revision)
    lines = [difference_line(hunk) for hunk in hunks]
    return jsonify({"revision": path.revision, "since": since, "lines": lines})


@blueprint.post(
    "/<hex32:id>/versions/<int:revision>/restore",
    responses={200: EditResponse, **error_responses(400, 401, 403, 404, 409, 412, 428, 503, 507)},
    operation_id="edits_restore__hex32_id__versions__revision__restore_post",
)
def restore_version(path: RevisionPath) -> Response:
    """Restores a version, as a change that can be undone. 0 is what the machine wrote."""
    entry = resources.authorized_transcript(path.id, "edit")
    seen = seen_revision()
    appliance().admission.check_edit(entry.owner, 0)
    changes = appliance().edits.restore(
        path.id, path.revision, author=current_actor().owner, seen=seen if seen is not None else -1
    )
    record("transcript.restore_version", path.id, revision=path.revision)
    return edit_response(path.id, changes, seen)


@blueprint.get(
    "/<hex32:id>/changes",
    responses={
        200: text_response(
            "`event: change` with a revision, as in the answer to an edit, for each one after `since` and "
            "then whenever somebody changes the transcript. Its id is the revision; the last one of several "
            "has the `paragraphs` as well. `event: title` and `event: notes` have the `title` and all "
            "`notes`, `event: chapters` what `GET …/chapters` answers, at first and whenever they change; "
            "not at first to a client that names their revision. "
            "`event: translation` has the time at which the translation was `created`, and `id` and `status` "
            "of the `job` that makes another one; null: there is none. "
            "`event: words` has `segments` whose edited words were aligned with the audio. "
            "`event: recording` has the kept `recording` and the `job_id` that wrote the words; both change "
            "some time after a live session.",
            "text/event-stream",
        ),
        **error_responses(400, 401, 403, 404, 429, 503),
    },
    operation_id="edits_changes__hex32_id__changes_get",
)
def stream_changes(path: TranscriptPath, query: SinceQuery) -> Response:
    """The changes of a transcript as they happen, as Server-Sent Events."""

    def authorize() -> TranscriptSummary:
        return resources.authorized_transcript(path.id, "read")

    authorize()
    last = request.headers.get("Last-Event-ID", "")
    since = int(last) if re.fullmatch(r"\d{1,9}", last) else query.since
    has = ClientRevisions(since, query.chapters, query.aligned)
    stream = ChangeStream(appliance(), path.id, has, current_actor().owner)
    return sse.sse_response(stream.events(), authorize)


def etag(revision: int) -> str:
    """The ETag of a transcript's segments at a revision."""
    return f'"{revision}"'


def edit_response(transcript_id: str, changes: Changes, seen: int | None) -> Response:
    """The answer to an edit: the revisions that the client does not have."""
    state = _state(transcript_id, changes, seen)
    response = jsonify(state)
    response.headers["ETag"] = etag(state["revision"])
    return response


def _state(transcript_id: str, changes: Changes, seen: int | None) -> dict[str, Any]:
    actor_id = current_actor().owner
    names = author_names(each.author for each in changes.revisions)
    undo, redo = appliance().edits.can_undo(transcript_id, actor_id)
    last = changes.revisions[-1].revision if changes.revisions else seen
    return {
        "revision": last if last is not None else appliance().edits.revision(transcript_id),
        "can_undo": undo > 0,
        "can_redo": redo > 0,
        "changes": [revision_response(each, names, actor_id) for each in changes.revisions],
        "paragraphs": paragraph_starts(changes.transcript),
    }


def _take_back(transcript_id: str, run: Callable[..., Changes]) -> Response:
    resources.authorized_transcript(transcript_id, "edit")
    wanted = seen_revision()
    seen = appliance().edits.revision(transcript_id) if wanted is None else wanted
    try:
        changes = run(transcript_id, author=current_actor().owner, seen=seen)
    except ChangedMeanwhile as error:
        return _changed_meanwhile(transcript_id, error, seen)
    return edit_response(transcript_id, changes, seen)


def _changed_meanwhile(transcript_id: str, error: ChangedMeanwhile, seen: int) -> Response:
    """The error, with what the client needs to show both versions."""
    changes = appliance().edits.changes_since(transcript_id, seen)
    body = {**errors.error_body(error.code, translate_error(error)), **_state(transcript_id, changes, seen)}
    response = make_response(jsonify(body), errors.status_of(ChangedMeanwhile))
    response.headers["ETag"] = etag(body["revision"])
    response.headers["Cache-Control"] = "no-store"
    return response


def seen_revision() -> int | None:
    """The revision in If-Match; None for `*`. Raises `PreconditionMissing`, `InvalidRequest`."""
    given = request.headers.get("If-Match", "").strip()
    if not given:
        raise PreconditionMissing("Send the revision that you read in If-Match, in quotes.", field="If-Match")
    if given == "*":
        return None
    match = REVISION.fullmatch(given)
    if match is None:
        raise InvalidRequest("If-Match has no revision in quotes.", field="If-Match")
    return int(match[1])
