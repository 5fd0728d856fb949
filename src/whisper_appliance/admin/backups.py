"""Backups: daily database copies, full backups, and restore.

Only the owner gets backups, because they contain everybody's transcripts.
"""

from urllib.parse import unquote

from flask import Response, jsonify, render_template, request, send_file
from pydantic import Field
from werkzeug.exceptions import ClientDisconnected

from whisper_appliance.admin.admin_only import ADMIN, ADMIN_ERRORS, admin_only, admin_page
from whisper_appliance.backups.daily import DailyCopy
from whisper_appliance.backups.restore import StagedBackup
from whisper_appliance.core.clock import written
from whisper_appliance.core.schema import Schema
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import current_actor, require
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import error_responses
from whisper_appliance.web.schemas.transcript import UtcTime

MAX_RESTORE_BYTES = 2**50
TAR = "application/x-tar"
AGE = "application/age"

blueprint = admin_only(LazyBlueprint("admin_backups", __name__, abp_tags=[ADMIN]))


class DailyCopyResponse(Schema):
    """A copy of the database."""

    name: str
    made: str = UtcTime
    size_bytes: int


class StagedBackupResponse(Schema):
    """A backup that the next start puts in place. `whole` false: a copy of the database alone."""

    whole: bool
    staged: str = UtcTime
    created: str = Field(description="When the backup was made; empty where it does not say so.")
    appliance: str = Field(description="The version that made it.")


class BackupsResponse(Schema):
    """What there is."""

    daily: bool
    folder: str
    copies: list[DailyCopyResponse]
    ready: StagedBackupResponse | None
    set_aside: list[str] = Field(description="Folders of what earlier restores set aside, newest first.")
    encrypted: bool = Field(description="Whether new backups and copies are encrypted (BACKUP_PASSPHRASE).")
    is_owner: bool = Field(description="Whether the caller may fetch and restore backups.")


class CopyPath(Schema):
    """The address of a copy."""

    name: str = Field(description="Its name in the list.", max_length=60)


class BackupQuery(Schema):
    """What a full backup contains."""

    authority: bool = Field(
        False, description="Also the private key of the certificate authority, which devices trust."
    )


class RestoreHeaders(Schema):
    """How an encrypted backup is opened."""

    passphrase: str = Field(
        "",
        alias="Backup-Passphrase",
        description="The passphrase of an encrypted backup, percent-encoded.",
        max_length=3000,
    )


@blueprint.get(
    "/admin/backups",
    responses=admin_page("Backups, and the way back."),
    operation_id="admin_backups_page_admin_backups_get",
)
def backups_page() -> str:
    """Backups, and the way back."""
    return render_template("admin/backups.html")


@blueprint.get(
    "/api/admin/backups",
    responses={200: BackupsResponse, **error_responses(*ADMIN_ERRORS)},
    operation_id="admin_backups_show_api_admin_backups_get",
)
def get_backups() -> Response:
    """The copies of the database, and what the next start will put in place."""
    backups = appliance().backups
    staged = backups.restore.staged()
    user = current_actor().user
    return jsonify(
        {
            "daily": appliance().settings.backup_daily,
            "folder": str(backups.copies.folder),
            "copies": [_copy_response(copy) for copy in backups.copies.copies()],
            "ready": _staged_response(staged) if staged else None,
            "set_aside": [str(path) for path in backups.restore.set_aside()],
            "encrypted": backups.passphrase is not None,
            "is_owner": user is not None and user.role == "owner",
        }
    )


@blueprint.post(
    "/api/admin/backups",
    responses={200: DailyCopyResponse, **error_responses(*ADMIN_ERRORS, 503, 507)},
    operation_id="admin_backups_copy_api_admin_backups_post",
)
def create_copy() -> Response:
    """Copies the database now."""
    copy = appliance().backups.copies.make()
    record("backup.copy", copy.name)
    return jsonify(_copy_response(copy))


@blueprint.get(
    "/api/admin/backups/<name>",
    responses={
        200: {"description": "A SQLite database.", "content": {"application/vnd.sqlite3": {}}},
        **error_responses(*ADMIN_ERRORS, 404),
    },
    operation_id="admin_backups_fetch_api_admin_backups__name__get",
)
def download_copy(path: CopyPath) -> Response:
    """One copy of the database. For the owner."""
    require("own")
    copy = appliance().backups.copies.get(path.name)
    record("backup.download", copy.name)
    return send_file(
        copy.path,
        mimetype=AGE if copy.name.endswith(".age") else "application/vnd.sqlite3",
        as_attachment=True,
        download_name=copy.name,
        max_age=0,
    )


@blueprint.get(
    "/api/admin/backup",
    responses={
        200: {
            "description": "An uncompressed tar, encrypted in the age format if BACKUP_PASSPHRASE is set.",
            "content": {TAR: {}, AGE: {}},
        },
        **error_responses(*ADMIN_ERRORS, 503, 507),
    },
    operation_id="admin_backups_everything_api_admin_backup_get",
)
def download_backup(query: BackupQuery) -> Response:
    """Everything that is kept, models excepted, in one file. For the owner."""
    require("own")
    backups = appliance().backups
    backup = backups.full_backup(with_authority=query.authority).open()
    record("backup.download", backup.name)
    response = Response(backup.chunks(), mimetype=AGE if backups.passphrase else TAR)
    response.call_on_close(backup.close)
    response.content_length = backup.size_bytes
    response.headers["Content-Disposition"] = f'attachment; filename="{backup.name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.put(
    "/api/admin/restore",
    responses={200: StagedBackupResponse, **error_responses(400, *ADMIN_ERRORS, 409, 507)},
    openapi_extensions={
        "requestBody": {
            "required": True,
            "content": {TAR: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
    operation_id="admin_backups_lay_ready_api_admin_restore_put",
)
def stage_restore(header: RestoreHeaders) -> Response:
    """Takes a backup of everything, or a copy of the database, and checks it to its end. For the owner.

    Nothing changes before the next start, which puts it in place and sets aside what was there.
    """
    require("own")
    request.max_content_length = MAX_RESTORE_BYTES  # free disk space is checked while it is read
    staged = appliance().backups.restore.stage(_read, unquote(header.passphrase))
    record("restore.ready", staged.created)
    return jsonify(_staged_response(staged))


@blueprint.delete(
    "/api/admin/restore",
    responses={204: {"description": "Nothing is ready any more."}, **error_responses(*ADMIN_ERRORS, 404)},
    operation_id="admin_backups_drop_api_admin_restore_delete",
)
def discard_restore() -> Response:
    """The next start puts nothing in place. For the owner."""
    require("own")
    appliance().backups.restore.discard()
    record("restore.drop")
    return Response(status=204)


def _read(size: int) -> bytes:
    try:
        return request.stream.read(size)
    except OSError as error:
        raise ClientDisconnected from error


def _copy_response(copy: DailyCopy) -> dict[str, object]:
    return {"name": copy.name, "made": written(copy.made), "size_bytes": copy.size_bytes}


def _staged_response(backup: StagedBackup) -> dict[str, object]:
    return {
        "whole": backup.whole,
        "staged": backup.staged,
        "created": backup.created,
        "appliance": backup.appliance,
    }
