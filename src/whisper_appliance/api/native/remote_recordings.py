"""Recordings at an address: what is there, and the recording of a request that names one."""

from dataclasses import asdict

from flask import Response, jsonify
from pydantic import Field

from whisper_appliance.api.native.kept_recording import use_kept_recording
from whisper_appliance.api.native.transcribe_form import MAX_URL_CHARS, TranscribeForm
from whisper_appliance.audio.formats import HEAD_BYTES
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.core.schema import Schema
from whisper_appliance.web.auth.authentication import current_actor, require
from whisper_appliance.web.context import appliance, web_context
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.multipart_form import Upload
from whisper_appliance.web.openapi import SPEECH, error_responses
from whisper_appliance.web.upload_types import check_upload_content, file_name

blueprint = LazyBlueprint("remote_recordings", __name__, url_prefix="/api/remote", abp_tags=[SPEECH])


class AddressBody(Schema):
    """An address of the network."""

    url: str = Field(max_length=MAX_URL_CHARS, description="Of a recording, or of the feed of a podcast.")


class EpisodeResponse(Schema):
    """A recording of a feed."""

    title: str
    url: str
    published: str = Field(description="As the feed writes it; may be empty.")


class FeedResponse(Schema):
    """The episodes of a podcast."""

    title: str
    episodes: list[EpisodeResponse]


class RemoteResponse(Schema):
    """What is at an address."""

    name: str = Field(description="Of the file; empty for a feed.")
    bytes: int | None = Field(description="Size of the file, if its server says it.")
    feed: FeedResponse | None = Field(description="null: a file, which may be a recording.")


@blueprint.post("/inspect", responses={200: RemoteResponse, **error_responses(400, 401, 403, 429, 503)})
def inspect_address(body: AddressBody) -> Response:
    """What is at an address: a recording, or the episodes of a podcast. Needs URL_IMPORTS.

    `POST /transcribe` with `url` transcribes one.
    """
    actor = require("transcribe")
    with web_context().uploads.slot(actor.owner or actor.client, actor.network):
        found = appliance().remote_recordings.inspect(body.url)
    feed = FeedResponse(**asdict(found.feed)) if found.feed else None
    return jsonify(RemoteResponse(name=found.name, bytes=found.size_bytes, feed=feed).model_dump())


def use_recording_from_elsewhere(upload: Upload, form: TranscribeForm) -> None:
    """Provides the recording at the address, or of the transcript, that the form names."""
    if form.url is None:
        return use_kept_recording(upload, form)
    if upload.name or form.transcript_id:
        raise InvalidRequest("Send one of a file, a transcript_id and a url.", field="url")
    owner, submit = current_actor().owner, appliance().submit_recording
    fetched = appliance().remote_recordings.fetch(form.url, upload.path)
    with upload.path.open("rb") as file:
        check_upload_content(file.read(HEAD_BYTES))
    submit.admit(owner, fetched.size_bytes)
    upload.name, upload.title = file_name(fetched.name), form.title
    upload.size_bytes, upload.sha256 = fetched.size_bytes, fetched.sha256
    return None
