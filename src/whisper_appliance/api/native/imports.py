"""POST /api/transcripts/import: transcripts that were made elsewhere."""

from flask import Response, jsonify, request
from pydantic import Field

from whisper_appliance.core.schema import Schema
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import own_resource, require
from whisper_appliance.web.context import appliance, web_context
from whisper_appliance.web.i18n import translate_error
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.multipart_form import FileRules
from whisper_appliance.web.openapi import TRANSCRIPTS, error_responses
from whisper_appliance.web.transcription_requests import drain_if_rejected

blueprint = LazyBlueprint("imports", __name__, url_prefix="/api/transcripts", abp_tags=[TRANSCRIPTS])

BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {
                        "type": "string",
                        "format": "binary",
                        "description": "JSON (ours, Whisper's, WhisperX), srt, vtt, or a ZIP of them.",
                    }
                },
            }
        }
    },
}


class ImportedResponse(Schema):
    """A transcript that was imported."""

    name: str = Field(description="Of its file.")
    id: str = Field(description="Of the transcript.")


class NotImportedResponse(Schema):
    """A file of an archive that was not imported."""

    name: str = Field(description="Of the file.")
    message: str = Field(description="What is wrong with it.")


class ImportResponse(Schema):
    """What became of the file, or of the files in an archive."""

    imported: list[ImportedResponse]
    failed: list[NotImportedResponse]


@blueprint.post(
    "/import",
    responses={201: ImportResponse, **error_responses(400, 401, 403, 408, 411, 413, 415, 429, 503, 507)},
    openapi_extensions={"requestBody": BODY},
)
def import_transcripts() -> tuple[Response, int]:
    """Imports a transcript that another program wrote, or all in an archive.

    A file that is none is 400. In an archive, it is among the `failed`, and the others are imported.
    """
    drain_if_rejected()
    actor, uploads = require("change", own_resource("transcript")), web_context().uploads
    uploads.check(request)
    with (
        uploads.slot(actor.owner or actor.client, actor.network),
        uploads.receive(request, lambda _fields: None, FileRules(check_type=False)) as upload,
    ):
        name = actor.user.name if actor.user else ""
        importing = appliance().import_transcripts.import_file(upload.path, upload.name, actor.owner, name)
        results = list(importing)
    if len(results) == 1 and results[0].error:
        raise results[0].error
    record("transcript.import", "", count=sum(not each.error for each in results))
    imported = [{"name": each.name, "id": each.id} for each in results if not each.error]
    failed = [{"name": each.name, "message": translate_error(each.error)} for each in results if each.error]
    return jsonify({"imported": imported, "failed": failed}), 201
