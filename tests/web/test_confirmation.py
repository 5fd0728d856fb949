"""Dangerous actions need a user whose password was given lately, and no API key does them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
import sqlalchemy as sa
from flask_openapi3 import OpenAPI
from werkzeug.routing import Rule

from tests.support.accounts import GOOD_PASSWORD, build_accounts
from tests.support.client import PASSWORD, ApiClient, Response, signed_in, with_key
from tests.support.clock import Clock
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.config.overrides import effect
from whisper_appliance.config.settings import Settings
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import sessions
from whisper_appliance.web.auth.confirmation import (
    DANGEROUS_ENDPOINTS,
    DANGEROUS_SETTINGS,
    SETTING_ENDPOINTS,
)

ID = "0" * 32
HARMLESS_ENDPOINTS = {
    "admin_invitations.revoke_invitation",
    "admin_jobs.cancel_job",
    "admin_jobs.put_job_first",
    "admin_live.end_session",
    "admin_models.cancel_download",
    "admin_models.delete_model",
    "admin_models.download_model",
    "admin_models.import_model",
    "admin_models.load_model",
    "admin_models.measure_machine",
    "admin_models.set_default_model",
    "admin_models.unload_model",
    "admin_models.verify_model",
    "admin_restart.restart_appliance",
    "admin_shares.revoke_share",
    "admin_users.end_sessions",
    "admin_workers.take_over",
}
"""Of the panel: they end something, run the queue or models, and give nobody more access or data."""
HARMLESS_SETTINGS = {
    "audio_chunk_size", "audio_store", "body_idle_seconds", "compute_type", "connection_rate_per_address",
    "debug_mode", "decoder_cpu_seconds", "decoder_memory", "decoder_seconds", "default_language", "device",
    "engine_memory", "event_streams_per_client", "flask_env", "header_seconds", "http_redirect",
    "live_idle_seconds", "live_packet_size", "live_resume_seconds", "live_seconds", "live_sessions",
    "live_sessions_per_user", "log_file_size", "log_level", "max_audio_seconds", "max_connections",
    "max_connections_per_address", "max_event_streams", "max_upload_size", "max_waiting_requests",
    "max_websockets", "max_websockets_per_address", "min_free_disk", "minutes_per_month", "model_aliases",
    "model_by_language", "model_cache_size", "model_downloads", "model_idle_timeout", "model_warm_up",
    "oidc_name", "protocols", "queue_limit", "queue_limit_per_address", "queue_limit_per_user",
    "repeat_seconds", "requests_at_once_per_address", "requests_per_minute", "requests_per_minute_per_user",
    "socket_bytes_per_second", "socket_message_size", "socket_messages_per_second", "storage_per_user",
    "update_check", "upload_pace",
    "upload_seconds", "uploads_at_once", "uploads_per_address", "uploads_per_minute", "uploads_per_user",
    "url_imports", "url_prefix", "wait_seconds", "waiting_requests_per_client", "watch_formats",
    "watch_interval", "watch_preset", "watch_settle_seconds", "whisper_engine", "whisper_model",
    "worker_processes",
}  # fmt: skip
"""Limits, defaults, speed, and what everybody sees. Nothing that gives access or data, or deletes data."""


@pytest.fixture
def owner(app: OpenAPI, appliance: Appliance) -> ApiClient:
    appliance.accounts.throttle.reset()
    return signed_in(app, "owner")


def requests_of(app: OpenAPI) -> Iterator[tuple[str, str]]:
    """Method and address of each dangerous endpoint, and of the changes of dangerous settings."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        method = next(iter((rule.methods or set()) - {"HEAD", "OPTIONS"}))
        if rule.endpoint in DANGEROUS_ENDPOINTS:
            yield method, adapter.build(rule.endpoint, values_for(rule, "x"), method=method)
        if rule.endpoint in SETTING_ENDPOINTS:
            for name in DANGEROUS_SETTINGS:
                yield method, adapter.build(rule.endpoint, {"name": name.upper()}, method=method)


def values_for(rule: Rule, text: str) -> dict[str, str]:
    return {name: ID if name == "id" else text for name in rule.arguments}


def forget_confirmation(appliance: Appliance, client: ApiClient) -> None:
    """Makes the sessions of a user ten minutes old."""
    database: Database = appliance.accounts.sessions._database
    with database.write() as connection:
        of_user = sessions.update().where(sessions.c.user_id == client.user.id)
        connection.execute(of_user.values(confirmed="2026-01-01T00:00:00.000Z"))


def code_of(response: Response) -> str:
    return str(response.json["error"]["code"]) if response.status_code >= 400 else ""


def test_every_dangerous_endpoint_exists(app: OpenAPI) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} >= DANGEROUS_ENDPOINTS | SETTING_ENDPOINTS


def test_each_change_of_the_panel_is_dangerous_or_known_to_be_harmless(app: OpenAPI) -> None:
    changes = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/admin/") and (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}
    }
    assert changes - DANGEROUS_ENDPOINTS - SETTING_ENDPOINTS == HARMLESS_ENDPOINTS


def test_each_setting_of_the_panel_is_dangerous_or_known_to_be_harmless() -> None:
    changeable = {name for name in Settings.model_fields if effect(name) != "environment only"}
    assert changeable - DANGEROUS_SETTINGS == HARMLESS_SETTINGS
    assert changeable >= DANGEROUS_SETTINGS


def test_a_dangerous_action_needs_a_confirmed_session(
    app: OpenAPI, owner: ApiClient, appliance: Appliance
) -> None:
    forget_confirmation(appliance, owner)
    requests = list(requests_of(app))
    assert len(requests) >= len(DANGEROUS_ENDPOINTS)
    answers = {request: owner.open(request[1], method=request[0], json={}) for request in requests}
    assert {request: code_of(answer) for request, answer in answers.items()} == dict.fromkeys(
        requests, "confirmation_required"
    )
    assert {answer.status_code for answer in answers.values()} == {403}
    assert owner.get("/api/session").json["confirmed"] is False
    assert owner.get("/api/admin/users").status_code == 200  # reading needs no confirmation


def test_no_key_does_a_dangerous_action(app: OpenAPI, owner: ApiClient) -> None:
    key = with_key(app, "read", "write", "transcribe", "admin", user=owner.user)
    answers = {request: key.open(request[1], method=request[0], json={}) for request in requests_of(app)}
    assert {request: code_of(answer) for request, answer in answers.items()} == dict.fromkeys(
        answers, "not_allowed"
    )
    assert key.post("/api/session/confirm", json={"password": PASSWORD}).status_code == 403


def test_a_confirmation_by_password_allows_dangerous_actions(owner: ApiClient, appliance: Appliance) -> None:
    invite = {"role": "owner"}
    assert owner.post("/api/admin/invitations", json=invite).status_code == 201  # signing in confirms
    forget_confirmation(appliance, owner)
    assert code_of(owner.post("/api/admin/invitations", json=invite)) == "confirmation_required"
    wrong = owner.post("/api/session/confirm", json={"password": "something else"})
    assert (wrong.status_code, wrong.json["error"]["field"]) == (401, "password")
    assert code_of(owner.post("/api/admin/invitations", json=invite)) == "confirmation_required"
    assert owner.post("/api/session/confirm", json={"password": PASSWORD}).status_code == 204
    assert owner.get("/api/session").json["confirmed"] is True
    assert owner.post("/api/admin/invitations", json=invite).status_code == 201


def test_a_confirmation_needs_a_code_where_the_second_factor_is_on(
    owner: ApiClient, appliance: Appliance
) -> None:
    """Otherwise a password makes recovery codes and passkeys, which replace the code."""
    factors, now = appliance.accounts.second_factors, datetime.now(UTC)
    app = pyotp.TOTP(factors.enrol(owner.user).secret)
    recovery, *_ = factors.activate(owner.user, app.at(now), by=SHELL)
    forget_confirmation(appliance, owner)
    with_code = {"password": PASSWORD, "code": recovery}
    refused = owner.post("/api/session/confirm", json={"password": PASSWORD})
    assert (refused.status_code, code_of(refused)) == (401, "second_factor_required")
    refused = owner.post("/api/session/confirm", json={"password": PASSWORD, "code": "000 000"})
    assert (refused.status_code, refused.json["error"]["field"]) == (401, "code")
    assert code_of(owner.post("/api/account/second-factor/recovery-codes")) == "confirmation_required"
    assert owner.post("/api/session/confirm", json=with_code).status_code == 204
    assert owner.post("/api/account/second-factor/recovery-codes").status_code == 200


def test_wrong_passwords_are_slowed_down_in_a_confirmation_too(owner: ApiClient) -> None:
    guesses = [
        owner.post("/api/session/confirm", json={"password": f"guess {n}"}).status_code for n in range(8)
    ]
    assert guesses == [401] * 5 + [429] * 3


def test_another_session_of_the_same_user_stays_unconfirmed(
    app: OpenAPI, owner: ApiClient, appliance: Appliance
) -> None:
    elsewhere = signed_in(app, user=owner.user)
    forget_confirmation(appliance, owner)
    assert owner.post("/api/session/confirm", json={"password": PASSWORD}).status_code == 204
    assert elsewhere.get("/api/session").json["confirmed"] is False


def test_after_ten_minutes_a_session_has_to_be_confirmed(
    database: Database, tmp_path_factory: pytest.TempPathFactory, clock: Clock
) -> None:
    accounts = build_accounts(database, tmp_path_factory.mktemp("data"), clock)
    user = accounts.users.create("Ada", GOOD_PASSWORD, "owner", by=SHELL)
    session = accounts.begin_session(user, address="10.0.0.1").session
    clock.forward(minutes=9, seconds=59)
    assert accounts.sessions.is_confirmed(session)
    clock.forward(seconds=1)
    assert not accounts.sessions.is_confirmed(session)
    accounts.sessions.confirm(session, by=SHELL)
    assert accounts.sessions.is_confirmed(session)
    clock.now -= timedelta(hours=1)  # the clock was set back
    assert not accounts.sessions.is_confirmed(session)
    assert not accounts.sessions.is_confirmed("another")


def test_a_session_from_before_the_update_has_to_be_confirmed(
    database: Database, tmp_path_factory: pytest.TempPathFactory, clock: Clock
) -> None:
    accounts = build_accounts(database, tmp_path_factory.mktemp("data"), clock)
    user = accounts.users.create("Ada", GOOD_PASSWORD, "owner", by=SHELL)
    session = accounts.begin_session(user, address="10.0.0.1").session
    with database.write() as connection:
        connection.execute(sessions.update().values(confirmed=sa.null()))
    assert not accounts.sessions.is_confirmed(session)
