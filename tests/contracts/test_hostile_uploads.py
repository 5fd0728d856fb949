"""Hostile requests to every HTTP protocol: each is refused in its shape, with a sentence that helps."""

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import pytest
from flask_openapi3 import OpenAPI

from tests.support.application import StartAppliance
from tests.support.client import ApiClient, Response, an_account, client_of, with_key
from tests.support.jobs import Script
from tests.support.wait import wait_until
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.accounts.usage import UserQuota
from whisper_appliance.api.registry import APIS
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.errors import AudioTooLong, Undecodable
from whisper_appliance.server.application import create_app

pytestmark = pytest.mark.slow  # starts the real program

CUT_OFF = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nnoi'
MULTIPART = "multipart/form-data; boundary=x"


@dataclass(frozen=True)
class Entry:
    """One protocol: its address, the field of its recording ("" for the body), and its errors."""

    name: str
    address: str
    field: str
    error_of: Callable[[Any], str]
    names_models: bool = True

    def send(self, client: ApiClient, words: bytes = b"one two", **options: str) -> Response:
        """A recording, as a program of this protocol sends it."""
        if self.name == "mcp":
            return call_tool(client, words, **options)
        if not self.field:
            return client.post(f"{self.address}?{_query(options)}", data=words, content_type="audio/wav")
        form = {self.field: (io.BytesIO(words), "a.wav")}
        if "?" in self.address:
            return client.post(f"{self.address}&{_query(options)}", data=form)
        return client.post(self.address, data={**options, **form})


def _query(options: dict[str, str]) -> str:
    return "&".join(f"{name}={value}" for name, value in options.items())


def call_tool(client: ApiClient, words: bytes, **options: str) -> Response:
    """The tool of the Model Context Protocol that transcribes."""
    arguments = {"filename": "a.wav", "content_base64": base64.b64encode(words).decode(), **options}
    params = {"name": "transcribe", "arguments": arguments}
    return client.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})


def own_error(body: Any) -> str:
    assert set(body["error"]) == {"code", "message", "field", "request_id"}
    return str(body["error"]["message"])


def openai_error(body: Any) -> str:
    assert set(body["error"]) == {"message", "type", "param", "code"}
    return str(body["error"]["message"])


def detail(body: Any) -> str:
    assert set(body) == {"detail"}
    return str(body["detail"])


def plain_error(body: Any) -> str:
    assert set(body) == {"error"}
    return str(body["error"])


def deepgram_error(body: Any) -> str:
    assert set(body) == {"err_code", "err_msg", "request_id"}
    return str(body["err_msg"])


def rpc_error(body: Any) -> str:
    """An error of JSON-RPC, or the result of a tool that failed, or of a job that did."""
    if "error" in body:
        return str(body["error"]["message"])
    result = body["result"]
    assert result["isError"] or result["structuredContent"]["status"] == "failed"
    return str(result["content"][0]["text"])


ENTRIES = (
    Entry("native", "/transcribe", "file", own_error),
    Entry("openai", "/v1/audio/transcriptions", "file", openai_error),
    Entry("asr_webservice", "/asr?output=json", "audio_file", detail, names_models=False),
    Entry("whisper_cpp", "/inference", "file", plain_error, names_models=False),
    Entry("deepgram", "/v1/listen", "", deepgram_error),
    Entry("mcp", "/mcp", "", rpc_error, names_models=False),
)
NAMES = attrgetter("name")
FORMS = [entry for entry in ENTRIES if entry.field]
every_entry = pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)


def refused(entry: Entry, answer: Response, *statuses: int) -> str:
    """The sentence of a refusal in the shape of its protocol; it helps, and says nothing of the machine."""
    in_the_result = entry.name == "mcp" and answer.status_code == 200  # an error of a tool is for the model
    assert in_the_result or answer.status_code in statuses, (answer.status_code, answer.text[:300])
    sentence = entry.error_of(answer.json)
    assert len(sentence.split()) > 2, sentence
    assert sentence.endswith("."), sentence
    assert not any(part in answer.text for part in ("Traceback", "site-packages", "/tmp/", ".py"))
    return sentence


@pytest.fixture
def program(app: OpenAPI, appliance: Appliance) -> Iterator[ApiClient]:
    """A program with a key. After each test a plain request works, and only failed jobs leave uploads."""
    yield with_key(app, "transcribe", "read")
    assert ENTRIES[0].send(with_key(app, "transcribe")).status_code == 200
    folder = appliance.settings.data_dir / "uploads"
    wait_until(lambda: all(appliance.queue.get(each.name).status == "failed" for each in folder.iterdir()))


def test_every_protocol_of_files_is_tested_here() -> None:
    assert {entry.name for entry in ENTRIES} >= {api.name for api in APIS if api.blueprints}


@every_entry
def test_a_plain_recording_is_transcribed(entry: Entry, program: ApiClient) -> None:
    answer = entry.send(program)
    assert answer.status_code == 200
    assert "one two" in answer.text


@every_entry
def test_a_language_that_does_not_exist_is_refused(entry: Entry, program: ApiClient) -> None:
    assert "klingon" in refused(entry, entry.send(program, language="klingon"), 400)


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry.names_models], ids=NAMES)
def test_a_model_that_does_not_exist_is_refused(entry: Entry, program: ApiClient) -> None:
    assert "no-such-model" in refused(entry, entry.send(program, model="no-such-model"), 400, 404)


@every_entry
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", MULTIPART),
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[" * 50_000, "application/json"),
        (b'{"file": "x"}', "application/json"),
        (CUT_OFF, MULTIPART),
        (b"--x--\r\n", MULTIPART),
        (CUT_OFF, "multipart/form-data"),
        (b"\xff\xfe\0", "multipart/form-data; boundary="),
    ],
)
def test_a_body_without_a_recording_is_refused(
    entry: Entry, program: ApiClient, body: bytes, content_type: str
) -> None:
    refused(entry, program.post(entry.address, data=body, content_type=content_type), 400, 411, 415)


@pytest.mark.parametrize("entry", FORMS, ids=NAMES)
def test_a_form_without_its_file_is_refused(entry: Entry, program: ApiClient) -> None:
    for form in (
        {"unknown": (io.BytesIO(b"one"), "a.wav")},
        {entry.field: "words instead of a file"},
        {entry.field: (io.BytesIO(b"one"), ".")},
    ):
        refused(entry, program.post(entry.address, data=form, content_type="multipart/form-data"), 400)


@every_entry
@pytest.mark.parametrize("error", [Undecodable("This file has no sound."), AudioTooLong("It is too long.")])
def test_a_recording_that_cannot_be_used_is_an_error_of_the_protocol(
    entry: Entry, program: ApiClient, script: Script, error: Exception
) -> None:
    def fail(_word: str) -> None:
        raise error

    script.before_window = fail
    try:
        assert str(error) in refused(entry, entry.send(program, b"broken"), 400, 422)
    finally:
        script.before_window = lambda word: None


@every_entry
def test_a_revoked_key_is_refused(entry: Entry, program: ApiClient, appliance: Appliance) -> None:
    assert entry.send(program).status_code == 200
    appliance.accounts.keys.revoke(program.key.id, by=SHELL)
    refused(entry, entry.send(program), 401)


@every_entry
def test_a_key_without_the_right_is_refused(entry: Entry, app: OpenAPI) -> None:
    refused(entry, entry.send(with_key(app, "read")), 403)


@every_entry
def test_a_used_up_quota_is_refused(entry: Entry, app: OpenAPI, appliance: Appliance) -> None:
    user = an_account(appliance)
    appliance.usage.set_quota(user.id, UserQuota(minutes_per_month=0.1))
    program = with_key(app, "transcribe", user=user)
    assert ENTRIES[0].send(program).status_code == 200
    refused(entry, entry.send(program), 429)


@every_entry
def test_nobody_sees_what_another_one_sent(entry: Entry, app: OpenAPI, program: ApiClient) -> None:
    assert entry.send(program, b"secret words").status_code == 200
    other = with_key(app, "read")
    (own,) = program.get("/api/transcripts").json["transcripts"]
    assert other.get("/api/transcripts").json["transcripts"] == []
    for address in (f"/api/transcripts/{own['id']}", f"/api/jobs/{own['id']}"):
        assert program.get(address).status_code == 200
        assert other.get(address).status_code == 404


def test_garbage_for_json_rpc_is_an_error_of_json_rpc(program: ApiClient) -> None:
    entry = ENTRIES[-1]
    for body in ("[]", "null", '"x"', "{}", json.dumps({"jsonrpc": "2.0", "id": {}, "method": "ping"})):
        refused(entry, program.post("/mcp", data=body, content_type="application/json"), 400)


def test_a_large_file_and_a_full_queue_are_refused_by_every_protocol(
    start_appliance: StartAppliance, script: Script
) -> None:
    """One appliance of its own for both, because its start costs more than all requests."""
    appliance = start_appliance(max_upload_size="1KiB", queue_limit=1)
    app, go_on = create_app(appliance), threading.Event()
    program = with_key(app, "transcribe", "read")
    for entry in ENTRIES:
        refused(entry, entry.send(program, b"word " * 1000), 413)
    script.before_window = lambda _word: go_on.wait(60)
    waiting = {"file": (io.BytesIO(b"one"), "a.wav"), "async": "true"}
    try:
        while client_of(app).post("/transcribe", data=waiting).status_code == 202:
            waiting = {"file": (io.BytesIO(b"one"), "a.wav"), "async": "true"}
        for entry in ENTRIES:
            answer = entry.send(program)
            refused(entry, answer, 429)
            assert entry.name == "mcp" or int(answer.headers["Retry-After"]) > 0
    finally:
        go_on.set()
