"""Resumable uploads by the TUS protocol 1.0: https://tus.io/protocols/resumable-upload

Core, and the extensions creation, checksum, expiration and termination. The fields of POST /transcribe are
the metadata of an upload; when the last byte has arrived, X-Job-Id names its job.
"""

import base64
import binascii
import hashlib
from email.utils import formatdate

from flask import Response, g, request, url_for
from flask_openapi3.types import ResponseDict
from pydantic import Field

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.api.native.transcribe import read_own_form
from whisper_appliance.app.partial_uploads import PartialUpload
from whisper_appliance.app.submit_recording import ReceivedRecording, Submission
from whisper_appliance.core.clock import now
from whisper_appliance.core.errors import (
    ApplianceError,
    AudioError,
    Conflict,
    InvalidRequest,
    KeyReused,
    PreconditionFailed,
    UnsupportedMedia,
)
from whisper_appliance.core.ids import ID_REGEX, new_id
from whisper_appliance.core.schema import Schema
from whisper_appliance.web.auth.authentication import require
from whisper_appliance.web.context import appliance, web_context
from whisper_appliance.web.idempotency import wants_reuse
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.multipart_form import FormFields
from whisper_appliance.web.openapi import SPEECH, error_responses
from whisper_appliance.web.transcription_requests import drain_if_rejected
from whisper_appliance.web.upload_types import check_upload_content, file_name

blueprint = LazyBlueprint("resumable_uploads", __name__, url_prefix="/api/uploads", abp_tags=[SPEECH])

VERSION = "1.0.0"
ALGORITHMS = ("sha1", "sha256", "md5")
HEAD_BYTES = 4096
MAX_METADATA_CHARS = 16 * 1024
CHUNK_TYPE = "application/offset+octet-stream"


class UploadPath(Schema):
    """The address of an upload."""

    id: str = Field(description="Id of the upload.", pattern=ID_REGEX)


def _responses(status: int, description: str, *headers: str) -> ResponseDict:
    names = ("Tus-Resumable", "Upload-Expires", *headers)
    shown = {name: {"schema": {"type": "string"}} for name in names}
    return {status: {"description": description, "headers": shown}}


@blueprint.after_request
def _add_headers(response: Response) -> Response:
    response.headers["Tus-Resumable"] = VERSION
    if request.method == "OPTIONS":
        response.headers["Tus-Version"] = VERSION
        response.headers["Tus-Extension"] = "creation,checksum,expiration,termination"
        response.headers["Tus-Checksum-Algorithm"] = ",".join(ALGORITHMS)
        response.headers["Tus-Max-Size"] = str(int(appliance().settings.max_upload_size))
    return response


@blueprint.post(
    "",
    responses={
        **_responses(201, "The upload can begin, at the address in Location.", "Location"),
        **error_responses(400, 401, 403, 409, 412, 413, 503, 507),
    },
)
def create_upload() -> Response:
    """Begins a resumable upload (TUS).

    Upload-Length is the size of the file. Upload-Metadata holds `filename` and fields of POST /transcribe.
    """
    actor = _actor()
    length = _number("Upload-Length")
    fields = _metadata()
    name = file_name(fields.pop("filename", "") or fields.pop("name", ""))
    web_context().uploads.check_size(length)
    form = read_own_form(FormFields(fields))
    submit = appliance().submit_recording
    submit.check_ready(form.model, language=form.language, task=form.task, owner=actor.owner)
    made = appliance().partial_uploads.create(
        _client(actor),
        length,
        name or "recording",
        fields,
        network=actor.visitor_network,
        admit=lambda unfinished: submit.admit(actor.owner, length + unfinished, actor.visitor_network),
    )
    response = _response(made, 201)
    response.headers["Location"] = url_for("resumable_uploads.get_upload_offset", id=made.id)
    return response


@blueprint.get(
    "/<hex32:id>",
    responses={
        **_responses(204, "How much has arrived.", "Upload-Offset", "Upload-Length", "X-Job-Id"),
        **error_responses(401, 403, 404, 412, 415, 423, 503, 507),
    },
)
def get_upload_offset(path: UploadPath) -> Response:
    """How much of an upload has arrived; by HEAD, as TUS has it, or by GET."""
    actor = _actor()
    upload = appliance().partial_uploads.find(path.id, _client(actor))
    if not upload.job_id and appliance().partial_uploads.offset(upload) == upload.length:
        with appliance().partial_uploads.locked(upload) as held:
            upload = _finished(held, actor)
    response = _response(upload, 200 if request.method == "HEAD" else 204)
    response.headers["Upload-Length"] = str(upload.length)
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.patch(
    "/<hex32:id>",
    responses={
        **_responses(204, "The bytes have arrived.", "Upload-Offset", "X-Job-Id"),
        **error_responses(400, 401, 403, 404, 408, 409, 411, 412, 413, 415, 423, 460, 503, 507),
    },
    openapi_extensions={
        "requestBody": {"content": {CHUNK_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
    },
)
def append_to_upload(path: UploadPath) -> Response:
    """Sends the next bytes of an upload (TUS).

    Upload-Offset is how many have arrived before; another number is 409. If the connection is lost, what
    arrived stays, unless the request has an Upload-Checksum.
    """
    drain_if_rejected()
    actor, uploads, store = _actor(), web_context().uploads, appliance().partial_uploads
    if request.mimetype != CHUNK_TYPE:
        raise UnsupportedMedia("Send the bytes as {media_type}.", media_type=CHUNK_TYPE)
    uploads.check(request, field=None)
    upload = store.find(path.id, _client(actor))
    with uploads.slot(actor.owner or actor.client, actor.network), store.locked(upload) as held:
        offset = store.offset(held)
        if _number("Upload-Offset") != offset:
            raise Conflict("{offset} bytes of this upload have arrived. Go on from there.", offset=offset)
        if not held.job_id:
            uploads.append_body(request, store.file(held), held.length - offset, _checksum())
            held = _checked(held, actor, offset)
    return _response(held, 204)


@blueprint.delete(
    "/<hex32:id>",
    responses={**_responses(204, "It is deleted."), **error_responses(401, 403, 404, 412, 423, 503)},
)
def delete_upload(path: UploadPath) -> Response:
    """Cancels an upload (TUS). A job that was made of it goes on."""
    actor, store = _actor(), appliance().partial_uploads
    with store.locked(store.find(path.id, _client(actor))) as held:
        store.delete(held)
    return Response(status=204)


def _actor() -> Actor:
    actor = require("transcribe")
    if request.headers.get("Tus-Resumable") != VERSION:
        raise PreconditionFailed(
            "This appliance has version {version} of TUS. Send the header Tus-Resumable.", version=VERSION
        )
    return actor


def _client(actor: Actor) -> str:
    return actor.owner or actor.client


def _checked(upload: PartialUpload, actor: Actor, offset: int) -> PartialUpload:
    """The upload after its new bytes: deleted if it is no recording, a job if it is complete."""
    store = appliance().partial_uploads
    try:
        if offset < HEAD_BYTES:
            with store.file(upload).open("rb") as file:
                check_upload_content(file.read(HEAD_BYTES))
        return _finished(upload, actor) if store.offset(upload) == upload.length else upload
    except (UnsupportedMedia, AudioError, InvalidRequest):
        store.delete(upload)
        raise


def _finished(upload: PartialUpload, actor: Actor) -> PartialUpload:
    """Queues the job of a complete upload, once; the file stays until the job is there."""
    if upload.job_id:
        return upload
    store, submit = appliance().partial_uploads, appliance().submit_recording
    form = read_own_form(FormFields(dict(upload.fields)))
    waiting_limit = submit.admit(actor.owner, upload.length, actor.visitor_network)
    path = web_context().uploads.adopt(store.file(upload), new_id())
    try:
        submitted = submit.submit(
            Submission(
                ReceivedRecording(path, upload.filename, _sha256(upload), now()),
                form.options(),
                form.model,
                owner=actor.owner,
                api_key_id=actor.key,
                client=_client(actor),
                network=actor.visitor_network,
                waiting_limit=waiting_limit,
                idempotency_key=f"upload {upload.id}",
                reuse=wants_reuse(),
            )
        )
    except (ApplianceError, KeyReused):
        path.unlink(missing_ok=True)
        raise
    if submitted.replayed:
        path.unlink(missing_ok=True)
    else:
        g.job_id = submitted.job.id
    return store.complete(upload, submitted.job.id)


def _sha256(upload: PartialUpload) -> str:
    with appliance().partial_uploads.file(upload).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _response(upload: PartialUpload, status: int) -> Response:
    store, response = appliance().partial_uploads, Response(status=status)
    response.headers["Upload-Offset"] = str(store.offset(upload))
    response.headers["Upload-Expires"] = formatdate(store.expires(upload), usegmt=True)
    if upload.job_id:
        response.headers["X-Job-Id"] = upload.job_id
    return response


def _number(header: str) -> int:
    given = request.headers.get(header, "")
    if not (given.isascii() and given.isdigit() and len(given) < 20):
        raise InvalidRequest("The header {header} needs a number of bytes.", header=header, field=header)
    return int(given)


def _metadata() -> dict[str, str]:
    """The fields of Upload-Metadata: names, each with a value in Base64."""
    given = request.headers.get("Upload-Metadata", "")
    fields: dict[str, str] = {}
    if len(given) > MAX_METADATA_CHARS:
        raise InvalidRequest("The header Upload-Metadata is too long.", field="Upload-Metadata")
    try:
        for pair in filter(None, (part.strip() for part in given.split(","))):
            name, _, value = pair.partition(" ")
            fields[name] = base64.b64decode(value, validate=True).decode()
    except (ValueError, binascii.Error):
        raise InvalidRequest(
            "The header Upload-Metadata needs names, each with a value in Base64.", field="Upload-Metadata"
        ) from None
    fields.pop("filetype", None)  # sent by common clients; the content decides
    return fields


def _checksum() -> tuple[str, bytes] | None:
    """The algorithm and the digest of this request, if it has one."""
    given = request.headers.get("Upload-Checksum")
    if given is None:
        return None
    algorithm, _, value = given.partition(" ")
    try:
        digest = base64.b64decode(value, validate=True)
    except binascii.Error:
        digest = b""
    if algorithm not in ALGORITHMS or not digest:
        raise InvalidRequest(
            "The header Upload-Checksum needs one of {algorithms}, and a digest in Base64.",
            algorithms=", ".join(ALGORITHMS),
            field="Upload-Checksum",
        )
    return algorithm, digest
