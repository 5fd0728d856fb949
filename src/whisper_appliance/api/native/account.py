"""The account of the actor: password, sessions, API keys, usage, data export and deletion."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Response, jsonify, render_template, request
from pydantic import Field

from whisper_appliance.accounts.access import Resource
from whisper_appliance.accounts.identity import SCOPES, Actor, Scope, User
from whisper_appliance.api.native.export import ExportFields, FormatName, archive_response, own_transcripts
from whisper_appliance.api.native.recordings import extension_of
from whisper_appliance.api.native.transcripts import annotations
from whisper_appliance.app.audio_retention import days_kept
from whisper_appliance.core.errors import InvalidRequest, NotAllowed, NotFound, SignInRequired
from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.core.schema import Schema
from whisper_appliance.library.transcript_rows import TranscriptSummary
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import clear_session_cookie, current_actor, require
from whisper_appliance.web.auth.passkey_site import site_or_none
from whisper_appliance.web.context import appliance
from whisper_appliance.web.i18n import LANGUAGES
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import ACCOUNT, PAGES, error_responses, page_response
from whisper_appliance.web.schemas.account import (
    AccountResponse,
    KeyList,
    NewKeyResponse,
    OwnSessionList,
    QuotaResponse,
    key_response,
    session_response,
    usage_day_response,
)

blueprint = LazyBlueprint("account", __name__, abp_tags=[ACCOUNT])

USAGE_DAYS = 31
SIGNED_IN_ERRORS = (401, 403)


class RecordingsBody(Schema):
    """For how long new recordings are kept."""

    days: int | None = Field(
        ge=0,
        le=36_500,
        description="Days, at most as many as the appliance allows; 0: not kept; null follows the appliance.",
    )


class ModelBody(Schema):
    """The model for new recordings."""

    model: str | None = Field(
        max_length=100,
        description="One of this machine, from `/api/models`; null follows the appliance.",
        examples=["small"],
    )


class PasswordBody(Schema):
    """A new password, and proof that the old one is known."""

    old: str = Field(description="The present password.", max_length=1000)
    new: str = Field(description="The new one, 12 characters or more.", max_length=1000)


class NameBody(Schema):
    """What can be changed of an account."""

    name: str = Field(description="The new name.", max_length=200, examples=["Ada"])


class LanguageBody(Schema):
    """The language of the pages."""

    language: str | None = Field(description="Code of a language; null follows the browser.", examples=["de"])


class KeyBody(Schema):
    """A new key."""

    name: str = Field(description="What it is for.", max_length=200, examples=["Nightly batch"])
    scopes: list[Scope] = Field(description="What it may do.", min_length=1, max_length=len(SCOPES))
    days: float | None = Field(None, description="Days until it ends; null: until it is revoked.")


class DataQuery(ExportFields):
    """The files of an archive with all transcripts."""

    formats: list[FormatName] = Field(["txt", "json"], min_length=1, description="A file of each.")


class DeleteAccountBody(Schema):
    """Proof that the caller, who deletes the account, is its user."""

    password: str = Field(description="The present password.", max_length=1000)


class IdPath(Schema):
    """The address of a session or a key."""

    id: str = Field(description="Its id.", pattern=ID_REGEX)


def signed_in_user() -> tuple[Actor, User]:
    """The signed-in user. API keys are rejected, because a stolen key must not create others."""
    actor = require("change", Resource("account", owner=current_actor().owner))
    if actor.user is None:
        raise SignInRequired("Sign in to see your account.")
    if actor.key:
        raise NotAllowed("Keys cannot do this. Sign in to the appliance's page instead.")
    return actor, actor.user


@blueprint.get(
    "/account",
    tags=[PAGES],
    responses={**page_response("One's account."), **error_responses(*SIGNED_IN_ERRORS)},
    operation_id="account_show_account_get",
)
def account_page() -> str:
    """One's account: password, sessions, keys, use, data."""
    _, user = signed_in_user()
    scopes = [scope for scope in SCOPES if scope != "admin" or user.role != "member"]
    allowed = days_kept(appliance().settings, None, has_account=True)
    models = appliance().models.get_status()
    return render_template(
        "account.html",
        user=user,
        scopes=scopes,
        allowed_days=allowed,
        default_model=models.default,
        models=[model.name for model in models.models if model.installed],
        passkeys_possible=site_or_none() is not None,
        sends_mail=appliance().settings.smtp_url is not None,
    )


@blueprint.get(
    "/api/account",
    responses={200: AccountResponse, **error_responses(401, 403, 503)},
    operation_id="account_read_api_account_get",
)
def get_account() -> Response:
    """The account of the caller, its usage and its quotas; for keys that may read, too."""
    actor = require("read", Resource("account", owner=current_actor().owner))
    if actor.user is None:
        raise SignInRequired("Sign in to see your account.")
    user, usage = actor.user, appliance().usage
    names = {key.id: key.name for key in appliance().accounts.keys.list_keys(user.id)}
    since = (datetime.now(UTC) - timedelta(days=USAGE_DAYS)).date().isoformat()
    quota = usage.effective_quota(user.id)
    return jsonify(
        AccountResponse(
            id=user.id,
            name=user.name,
            role=user.role,
            created=user.created,
            model=user.model,
            quota=QuotaResponse(
                minutes_per_month=quota.minutes_per_month,
                storage_bytes=quota.storage_bytes,
                waiting_jobs=quota.waiting_jobs,
            ),
            storage_bytes=appliance().storage_usage.used_by(user.id),
            month_seconds=usage.seconds_this_month(user.id),
            days=[usage_day_response(used, names) for used in usage.rows_for(user.id, since=since)],
        ).model_dump()
    )


@blueprint.patch(
    "/api/account",
    responses={204: None, **error_responses(400, 401, 403, 409, 503, 507)},
    operation_id="account_rename_api_account_patch",
)
def rename_account(body: NameBody) -> tuple[str, int]:
    """Gives the account another name, to sign in with from then on."""
    actor, user = signed_in_user()
    appliance().single_sign_on.check_new_name(body.name, by=user.role)
    appliance().accounts.users.rename(user.id, body.name, by=actor)
    return "", 204


@blueprint.put(
    "/api/account/language",
    responses={204: None, **error_responses(400, 401, 403, 503, 507)},
)
def set_language(body: LanguageBody) -> tuple[str, int]:
    """Sets the language of the pages for this account; null follows the browser."""
    _actor, user = signed_in_user()
    if body.language is not None and body.language not in LANGUAGES:
        raise InvalidRequest("There is no such language.", field="language")
    appliance().accounts.users.set_language(user.id, body.language)
    return "", 204


@blueprint.put(
    "/api/account/recordings",
    responses={204: None, **error_responses(400, 401, 403, 503, 507)},
)
def set_recordings(body: RecordingsBody) -> tuple[str, int]:
    """Sets for how many days recordings of this account are kept; null follows the appliance."""
    _actor, user = signed_in_user()
    appliance().accounts.users.set_recording_days(user.id, body.days)
    return "", 204


@blueprint.put(
    "/api/account/model",
    responses={204: None, **error_responses(400, 401, 403, 503, 507)},
)
def set_model(body: ModelBody) -> tuple[str, int]:
    """Sets the model for recordings of this account whose request names none; null follows the appliance."""
    _actor, user = signed_in_user()
    model = appliance().models.get_model(body.model) if body.model is not None else None
    if body.model is not None and (model is None or not model.installed):
        raise InvalidRequest("The model {name} is not on this machine.", name=body.model, field="model")
    appliance().accounts.users.set_model(user.id, model.name if model else None)
    return "", 204


@blueprint.post(
    "/api/account/password",
    responses={204: None, **error_responses(400, 401, 403, 429, 503, 507)},
)
def change_password(body: PasswordBody) -> tuple[str, int]:
    """Changes the password; every other session of the account ends."""
    actor, _ = signed_in_user()
    appliance().accounts.change_password(actor, body.old, body.new, address=request.remote_addr or "")
    return "", 204


@blueprint.get(
    "/api/account/sessions",
    responses={200: OwnSessionList, **error_responses(401, 403, 503)},
    operation_id="account_sessions_api_account_sessions_get",
)
def list_sessions() -> Response:
    """Where the user is signed in."""
    actor, user = signed_in_user()
    found = appliance().accounts.sessions.list_sessions(user.id)
    return jsonify({"sessions": [session_response(session, actor.session) for session in found]})


@blueprint.delete("/api/account/sessions", responses={204: None, **error_responses(401, 403, 503, 507)})
def end_other_sessions() -> tuple[str, int]:
    """Signs out everywhere else."""
    actor, user = signed_in_user()
    appliance().accounts.sessions.end_others(user.id, by=actor)
    return "", 204


@blueprint.delete(
    "/api/account/sessions/<hex32:id>", responses={204: None, **error_responses(401, 403, 404, 503, 507)}
)
def end_session(path: IdPath) -> tuple[str, int]:
    """Signs one browser out."""
    actor, user = signed_in_user()
    if appliance().accounts.sessions.get(path.id).user_id != user.id:
        raise NotFound("There is no such session.")
    appliance().accounts.sessions.end(path.id, by=actor)
    return "", 204


@blueprint.get(
    "/api/account/keys",
    responses={200: KeyList, **error_responses(401, 403, 503)},
    operation_id="account_keys_api_account_keys_get",
)
def list_keys() -> Response:
    """The user's API keys."""
    _, user = signed_in_user()
    return jsonify({"keys": [key_response(key) for key in appliance().accounts.keys.list_keys(user.id)]})


@blueprint.post(
    "/api/account/keys",
    responses={201: NewKeyResponse, **error_responses(400, 401, 403, 409, 503, 507)},
    operation_id="account_make_key_api_account_keys_post",
)
def create_key(body: KeyBody) -> tuple[Response, int]:
    """Makes an API key. Its secret is shown only in this response."""
    actor, user = signed_in_user()
    key, token = appliance().accounts.keys.create(user, body.name, body.scopes, days=body.days, by=actor)
    return jsonify({**key_response(key), "token": token}), 201


@blueprint.delete(
    "/api/account/keys/<hex32:id>",
    responses={204: None, **error_responses(401, 403, 404, 503, 507)},
)
def revoke_key(path: IdPath) -> tuple[str, int]:
    """Ends an API key for good."""
    actor, user = signed_in_user()
    if appliance().accounts.keys.get(path.id).user_id != user.id:
        raise NotFound("There is no such key.")
    appliance().accounts.keys.revoke(path.id, by=actor)
    return "", 204


@blueprint.get(
    "/api/account/data",
    responses={
        200: {
            "description": "A ZIP archive with each transcript in each format, and its kept recording.",
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        },
        **error_responses(400, 401, 403, 503),
    },
    operation_id="account_data_api_account_data_get",
)
def export_data(query: DataQuery) -> Response:
    """All of the user's transcripts, and their recordings, in one archive."""
    _, user = signed_in_user()
    record("data.export", user.id)
    name = f"transcripts of {user.name} {datetime.now(UTC).date().isoformat()}.zip"
    recordings = appliance().recordings

    def find_recording(summary: TranscriptSummary) -> tuple[Path, str] | None:
        kept, path = recordings.find(summary.id), recordings.file(summary.id)
        return (path, extension_of(kept.media_type)) if kept and path.is_file() else None

    own = own_transcripts(appliance().transcripts, user.id)
    found = annotations(translated=query.translation == "beside")
    return archive_response(own, query.formats, query, name, find_recording, found)


@blueprint.delete(
    "/api/account",
    responses={204: None, **error_responses(400, 401, 403, 409, 429, 503, 507)},
    operation_id="account_delete_api_account_delete",
)
def delete_account(body: DeleteAccountBody) -> Response:
    """Deletes the account with all of its transcripts, for good. The last owner cannot go."""
    actor, user = signed_in_user()
    accounts = appliance().accounts
    accounts.check_password(actor, body.password, address=request.remote_addr or "")
    accounts.remove_user(user.id, heir=None, by=actor)
    return clear_session_cookie(Response(status=204))
