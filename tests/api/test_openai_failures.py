"""OpenAI's audio API where it cannot do what it should: size, load, quota, a late failure, others' keys."""

import io
import json
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from flask_openapi3 import OpenAPI
from werkzeug.datastructures import MultiDict

from tests.support.application import StartAppliance
from tests.support.client import ApiClient, Response, an_account, client_of, signed_in, with_key
from tests.support.hub import hub_stand_in
from tests.support.jobs import Script
from tests.support.wait import wait_until
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.accounts.usage import UserQuota
from whisper_appliance.api.openai.form import read_transcription_form
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.errors import InvalidRequest, Undecodable
from whisper_appliance.models.hub import Hub
from whisper_appliance.server.application import create_app
from whisper_appliance.web import transcription_requests

ADDRESS = "/v1/audio/transcriptions"
ENVELOPE = {"message", "type", "param", "code"}


def transcribe(client: ApiClient, words: str = "one two", **options: Any) -> Response:
    form = {"file": (io.BytesIO(words.encode()), "a.wav"), "model": "whisper-1", **options}
    return client.post(ADDRESS, data=form)


def waiting_form() -> dict[str, Any]:
    """A recording that waits in the queue."""
    return {"file": (io.BytesIO(b"one"), "a.wav"), "async": "true"}


def error_of(answer: Response) -> dict[str, Any]:
    """The error in OpenAI's envelope."""
    error: dict[str, Any] = answer.json["error"]
    assert set(error) == ENVELOPE
    assert error["message"]
    return error


def test_what_one_user_transcribes_is_another_ones_nowhere(app: OpenAPI, appliance: Appliance) -> None:
    ada, bob = an_account(appliance), an_account(appliance)
    assert transcribe(with_key(app, "transcribe", user=ada)).status_code == 200
    (mine,) = signed_in(app, user=ada).get("/api/transcripts").json["transcripts"]
    assert signed_in(app, user=bob).get("/api/transcripts").json["transcripts"] == []
    assert with_key(app, "read", user=bob).get(f"/api/transcripts/{mine['id']}").status_code == 404


def test_a_key_without_the_scope_is_forbidden(app: OpenAPI) -> None:
    refused = transcribe(with_key(app, "read"))
    assert (refused.status_code, error_of(refused)["type"]) == (403, "permission_error")


def test_a_revoked_key_is_an_authentication_error(app: OpenAPI, appliance: Appliance) -> None:
    program = with_key(app, "transcribe")
    appliance.accounts.keys.revoke(program.key.id, by=SHELL)
    refused = transcribe(program)
    assert (refused.status_code, error_of(refused)["code"]) == (401, "invalid_api_key")


def test_a_used_up_quota_is_not_tried_again(app: OpenAPI, appliance: Appliance) -> None:
    user = an_account(appliance)
    appliance.usage.set_quota(user.id, UserQuota(minutes_per_month=0.1))
    program = with_key(app, "transcribe", user=user)
    assert transcribe(program).status_code == 200
    refused = transcribe(program)
    assert (refused.status_code, error_of(refused)["type"]) == (429, "insufficient_quota")
    assert refused.headers["x-should-retry"] == "false"


def test_a_job_that_fails_during_a_stream_ends_it_with_the_error(app: OpenAPI, script: Script) -> None:
    def fail_late(word: str) -> None:
        if word == "broken":
            raise Undecodable("The rest of this file cannot be read.")

    script.before_window = fail_late
    answer = transcribe(client_of(app), "one two broken", stream="true")
    events = [
        json.loads(line.removeprefix("data: "))
        for line in answer.text.splitlines()
        if line.startswith("data: {")
    ]
    assert "".join(event["delta"] for event in events if "delta" in event) == "one two"
    assert set(events[-1]["error"]) == ENVELOPE
    assert events[-1]["error"]["code"] == "undecodable"
    assert not any(event.get("type") == "transcript.text.done" for event in events)
    assert answer.text.rstrip().endswith("[DONE]")


def test_a_response_that_is_kept_alive_ends_without_words_once_its_key_is_revoked(
    app: OpenAPI, appliance: Appliance, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcription_requests, "FIRST_BYTE_SECONDS", 0.0)
    monkeypatch.setattr(transcription_requests, "KEEP_ALIVE_SECONDS", 0.05)
    program, go_on = with_key(app, "transcribe"), threading.Event()
    monkeypatch.setattr(script, "before_window", lambda _word: go_on.wait(60))
    form = {"file": (io.BytesIO(b"secret words"), "a.wav"), "model": "whisper-1"}
    received: list[bytes] = []
    try:
        body = program.post(ADDRESS, data=form, buffered=False).iter_encoded()
        appliance.accounts.keys.revoke(program.key.id, by=SHELL)
        with pytest.raises(ConnectionResetError):
            received.extend(body)
    finally:
        go_on.set()
    assert json.loads(b"".join(received))["error"]["code"] == "invalid_api_key"


def test_a_model_that_only_an_admin_can_download_is_not_tried_again(app: OpenAPI) -> None:
    refused = transcribe(client_of(app), model="small")
    assert (refused.status_code, error_of(refused)["param"]) == (503, "model")
    assert refused.headers["x-should-retry"] == "false"


def test_a_hundred_keywords_are_taken_and_one_more_is_named(app: OpenAPI) -> None:
    keywords = [f"word {number}" for number in range(101)]
    assert transcribe(client_of(app), keywords=keywords[1:]).status_code == 200
    refused = transcribe(client_of(app), keywords=keywords)
    assert (refused.status_code, error_of(refused)["param"]) == (400, "keywords")


def test_a_language_of_several_that_does_not_exist_is_named_by_its_own_field(app: OpenAPI) -> None:
    refused = transcribe(client_of(app), languages=["en", "klingon"])
    assert (refused.status_code, error_of(refused)["param"]) == (400, "languages")


@pytest.mark.parametrize(
    ("given", "language", "candidates"),
    [(["de"], "de", ()), (["German", "en"], None, ("de", "en")), ([], None, ())],
)
def test_several_languages_are_the_candidates_of_detection(
    given: list[str], language: str | None, candidates: tuple[str, ...]
) -> None:
    fields = MultiDict([("model", "whisper-1"), *(("languages[]", each) for each in given)])
    options = read_transcription_form(fields).options()
    assert (options.language, options.languages) == (language, candidates)


@pytest.mark.parametrize(
    ("field", "value", "refused"),
    [
        ("chunking_strategy", "auto", False),
        ("chunking_strategy", '{"type": "server_vad"}', False),
        ("chunking_strategy[type]", "server_vad", False),
        ("chunking_strategy", '{"type": "server_vad", "threshold": 0.6}', False),
        ("chunking_strategy", '{"type": "server_vad", "threshold": 6}', True),
        ("chunking_strategy[silence_duration_ms]", "200", True),
        ("chunking_strategy", "semantic", True),
        ("chunking_strategy", "{", True),
    ],
)
def test_a_chunking_strategy_is_checked(field: str, value: str, refused: bool) -> None:
    fields = MultiDict([("model", "whisper-1"), (field, value)])
    if not refused:
        assert read_transcription_form(fields).chunking_strategy
        return
    with pytest.raises(InvalidRequest) as caught:
        read_transcription_form(fields)
    assert caught.value.field == "chunking_strategy"


@pytest.mark.parametrize(("milliseconds", "refused"), [("200", False), ("-1", True), ("soon", True)])
def test_the_parameters_of_chunking_come_in_brackets(milliseconds: str, refused: bool) -> None:
    sent = [
        ("chunking_strategy[type]", "server_vad"),
        ("chunking_strategy[silence_duration_ms]", milliseconds),
    ]
    with pytest.raises(InvalidRequest, match="whole numbers") if refused else nullcontext():
        read_transcription_form(MultiDict(sent))


def test_a_file_above_the_limit_is_413_and_not_sent_again(start_appliance: StartAppliance) -> None:
    client = client_of(create_app(start_appliance(max_upload_size="1KiB")))
    refused = transcribe(client, "word " * 1000)
    assert (refused.status_code, error_of(refused)["type"]) == (413, "invalid_request_error")
    assert refused.headers["x-should-retry"] == "false"


def test_a_model_that_is_being_downloaded_is_tried_again(
    start_appliance: StartAppliance, tiny_en: Path, tmp_path: Path
) -> None:
    """An admin downloads it; clients wait as long as the download takes."""
    files = tmp_path / "hub"
    files.mkdir()
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (files / name).write_text(name)
    (files / "model.bin").write_bytes(b"weights " * 2**17)
    models = tmp_path / "models"
    models.mkdir()
    (models / "tiny.en").symlink_to(tiny_en)
    with hub_stand_in(files, "somebody/little-model") as hub:
        hub.let_go.clear()
        appliance = start_appliance(hub=Hub(hub.address, pause_seconds=0.01), model_dir=models)
        appliance.downloads.start("somebody/little-model")
        wait_until(hub.reached_half.is_set)
        refused = transcribe(client_of(create_app(appliance)), model="somebody/little-model")
        assert (refused.status_code, refused.headers["x-should-retry"]) == (503, "true")
        assert "is being downloaded" in error_of(refused)["message"]
        assert int(refused.headers["Retry-After"]) > 0


def test_a_default_model_that_cannot_be_downloaded_is_not_tried_again(
    start_appliance: StartAppliance, tmp_path: Path
) -> None:
    client = client_of(
        create_app(start_appliance(model_dir=tmp_path, model_downloads=False, whisper_model="small"))
    )
    refused = transcribe(client)
    assert (refused.status_code, refused.headers["x-should-retry"]) == (503, "false")
    assert "MODEL_DOWNLOADS" in error_of(refused)["message"]


def test_a_full_queue_is_429_with_the_time_to_wait(start_appliance: StartAppliance, script: Script) -> None:
    go_on = threading.Event()
    script.before_window = lambda _word: go_on.wait(60)
    app = create_app(start_appliance(queue_limit=1))
    try:
        while client_of(app).post("/transcribe", data=waiting_form()).status_code == 202:
            pass
        refused = transcribe(client_of(app))
        assert (refused.status_code, error_of(refused)["type"]) == (429, "rate_limit_error")
        assert int(refused.headers["Retry-After"]) > 0
        assert refused.headers["x-should-retry"] == "true"
    finally:
        go_on.set()


def test_a_page_of_a_named_site_may_send_what_openais_client_sends(start_appliance: StartAppliance) -> None:
    origins = ["app://obsidian.md", "capacitor://localhost", "http://localhost", "https://app.example"]
    client = client_of(create_app(start_appliance(cors_origins=origins)))
    for origin in origins:
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os",
        }
        preflight = client.options(ADDRESS, headers=asked)
        assert preflight.headers["Access-Control-Allow-Origin"] == origin
        assert "x-stainless-os" in preflight.headers["Access-Control-Allow-Headers"].lower()
        refused = client.post(ADDRESS, headers={"Origin": origin}, data={})
        assert refused.headers["Access-Control-Allow-Origin"] == origin
        assert error_of(refused)
    stranger = client.options(ADDRESS, headers={**asked, "Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in stranger.headers
