"""Edits of a transcript: operations on its segments, undo and redo, live changes of others, versions."""

import re
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

from flask import Response, jsonify, make_response, request
from pydantic import BaseModel, Field

from whisper_appliance.api.native.transcripts import TranscriptPath
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.errors import ChangedMeanwhile, InvalidRequest, PreconditionMissing
from whisper_appliance.library.revision_rows import Revision
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
    AuthorNames,
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
HEARTBEAT_SECONDS = 15.0
WAIT_SECONDS = 1.0
REVISION = re.compile(r'(?:W/)?"(\d{1,9})"')

blueprint = LazyBlueprint("edits", __name__, url_prefix="/api/transcripts", abp_tags=[TRANSCRIPTS])


class RevisionPath(TranscriptPath):
    """The address of a version."""

    revision: int = Field(ge=0, le=10**9, description="Number of its revision; 0: as the machine wrote it.")


class SinceQuery(BaseModel):
    """Which changes to send."""

    since: int = Field(0, ge=0, le=10**9, description="The last revision that the client has.")


class CompareQuery(BaseModel):
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
    seen = _seen_revision()
    appliance().admission.check_edit(entry.owner, request.content_length or 0)
    author = current_actor().owner
    try:
        changes = appliance().edits.apply(path.id, body.operations, seen=seen, author=author)
    except ChangedMeanwhile as error:
        return _changed_meanwhile(path.id, error, seen or 0)
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
    names, actor_id = author_names(), current_actor().owner
    versions = appliance().edits.versions(path.id)
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
    seen = _seen_revision()
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
            "then whenever somebody changes the transcript. Its id is the revision.",
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
    stream = ChangeStream(appliance(), path.id, since, current_actor().owner)
    return sse.sse_response(stream.events(), authorize)


class ChangeStream:
    """Sends one client the changes of one transcript, each once."""

    def __init__(
        self,
        appliance: Appliance,
        transcript_id: str,
        since: int,
        actor_id: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._appliance = appliance
        self._transcript_id = transcript_id
        self._since = since
        self._actor_id = actor_id
        self._monotonic = monotonic

    def events(self) -> Iterator[str]:
        """The stream, until the client disconnects or the appliance stops."""
        return sse.with_heartbeat(self._frames(), HEARTBEAT_SECONDS, self._monotonic)

    def _frames(self) -> Generator[str | None, None, None]:
        with self._appliance.edit_notifier.subscribe(self._transcript_id) as changed:
            yield sse.HEARTBEAT  # the client's stream opens with the first bytes
            read_at = 0.0
            changed.set()
            while not self._appliance.queue.stopping:
                # Changes that another process makes notify nobody here: they come with the next heartbeat.
                if changed.is_set() or self._monotonic() - read_at >= HEARTBEAT_SECONDS:
                    changed.clear()
                    read_at = self._monotonic()
                    yield from self._new_changes()
                yield None
                changed.wait(WAIT_SECONDS)

    def _new_changes(self) -> Iterator[str]:
        names = author_names()
        for each in self._appliance.edits.since(self._transcript_id, self._since):
            self._since = each.revision
            shown = revision_response(each, names, self._actor_id)
            yield sse.frame("change", shown, event_id=each.revision)


def author_names() -> AuthorNames:
    """The names of all users by id."""
    return {user.id: user.name for user in appliance().accounts.users.list_users()}


def etag(revision: int) -> str:
    """The ETag of a transcript's segments at a revision."""
    return f'"{revision}"'


def edit_response(transcript_id: str, changes: Sequence[Revision], seen: int | None) -> Response:
    """The answer to an edit: the revisions that the client does not have."""
    state = _state(transcript_id, changes, seen)
    response = jsonify(state)
    response.headers["ETag"] = etag(state["revision"])
    return response


def _state(transcript_id: str, changes: Sequence[Revision], seen: int | None) -> dict[str, Any]:
    actor_id = current_actor().owner
    names = author_names()
    undo, redo = appliance().edits.can_undo(transcript_id, actor_id)
    last = changes[-1].revision if changes else seen
    return {
        "revision": last if last is not None else appliance().edits.revision(transcript_id),
        "can_undo": undo > 0,
        "can_redo": redo > 0,
        "changes": [revision_response(each, names, actor_id) for each in changes],
        "paragraphs": paragraph_starts(appliance().edits.current(transcript_id)),
    }


def _take_back(transcript_id: str, run: Callable[..., tuple[Revision, ...]]) -> Response:
    resources.authorized_transcript(transcript_id, "edit")
    wanted = _seen_revision()
    seen = appliance().edits.revision(transcript_id) if wanted is None else wanted
    try:
        changes = run(transcript_id, author=current_actor().owner, seen=seen)
    except ChangedMeanwhile as error:
        return _changed_meanwhile(transcript_id, error, seen)
    return edit_response(transcript_id, changes, seen)


def _changed_meanwhile(transcript_id: str, error: ChangedMeanwhile, seen: int) -> Response:
    """The error, with what the client needs to show both versions."""
    changes = appliance().edits.since(transcript_id, seen)
    body = {**errors.error_body(error.code, translate_error(error)), **_state(transcript_id, changes, seen)}
    response = make_response(jsonify(body), errors.status_of(ChangedMeanwhile))
    response.headers["ETag"] = etag(body["revision"])
    response.headers["Cache-Control"] = "no-store"
    return response


def _seen_revision() -> int | None:
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
