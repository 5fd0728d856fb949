"""POST /transcribe: a file in, a transcript out, or a refusal that says why and leaves nothing."""

import io

import pytest

from tests.support.client import ApiClient, send, uploads
from tests.support.jobs import Script
from tests.support.statements import statements
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.errors import Undecodable
from whisper_appliance.web.upload_types import file_name


def test_a_file_becomes_a_transcript(api_client: ApiClient) -> None:
    answer = send(api_client)
    assert answer.status_code == 200
    assert answer.json["text"] == "one two"
    assert answer.json["title"] == "talk"
    first, second = answer.json["segments"]
    assert 0 == first["start"] < first["end"] <= second["start"] < second["end"]


def test_the_upload_is_gone_when_its_transcript_is_there(api_client: ApiClient, appliance: Appliance) -> None:
    send(api_client)
    assert uploads(appliance) == []


@pytest.mark.parametrize(
    ("format", "media_type", "beginning"),
    [("txt", "text/plain", "one two"), ("vtt", "text/vtt", "WEBVTT"), ("srt", "application/x-subrip", "1\n")],
)
def test_the_transcript_is_returned_in_the_requested_format(
    api_client: ApiClient, format: str, media_type: str, beginning: str
) -> None:
    answer = send(api_client, format=format)
    assert answer.mimetype == media_type
    assert answer.text.startswith(beginning)


def test_a_file_of_many_reads_arrives_whole(api_client: ApiClient) -> None:
    words = ("-" * 100_000 + "\r\n--") * 20 + "end"
    assert send(api_client, words=words).json["text"].endswith("---- --end")


def test_audio_is_another_name_for_the_file(api_client: ApiClient) -> None:
    answer = api_client.post("/transcribe", data={"audio": (io.BytesIO(b"hello"), "x.mp3")})
    assert answer.json["text"] == "hello"


def test_async_answers_with_the_job_and_its_address(api_client: ApiClient) -> None:
    answer = send(api_client, **{"async": "true"})
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/jobs/{answer.json['id']}"
    assert api_client.get(answer.headers["Location"]).status_code == 200


def test_options_reach_the_job(api_client: ApiClient, appliance: Appliance) -> None:
    fields = {
        "language": "English",
        "prompt": "123",
        "word_timestamps": "true",
        "quality": "fast",
        "beam_size": "3",
    }
    id = send(api_client, **fields, **{"async": "1"}).json["id"]
    options = appliance.queue.get(id).options
    assert (options.language, options.prompt, options.word_timestamps) == ("en", "123", True)
    assert (options.quality, options.beam_size) == ("fast", 3)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("language", "klingon"),
        ("language", "de"),
        ("task", "translate"),
        ("task", "sing"),
        ("model", "huge"),
        ("beam_size", "99"),
        ("temperature", "hot"),
        ("format", "odt"),
        ("word_timestamps", "perhaps"),
        ("langauge", "en"),
    ],
)
def test_a_bad_option_is_named(api_client: ApiClient, appliance: Appliance, field: str, value: str) -> None:
    answer = send(api_client, **{field: value})
    assert answer.status_code == 400
    assert answer.json["error"]["field"] == field
    assert uploads(appliance) == []


@pytest.mark.parametrize("content", [b"%PDF-1.7 of a talk", b"#EXTM3U\n", b"\x03ds2 of a dictation machine"])
def test_a_file_that_is_no_recording_by_its_content_is_refused(api_client: ApiClient, content: bytes) -> None:
    answer = api_client.post("/transcribe", data={"file": (io.BytesIO(content), "talk.mp3", "audio/mpeg")})
    assert answer.status_code == 415


@pytest.mark.parametrize("name", ["notes.txt", "x.wav.exe", "noextension"])
def test_the_name_and_the_content_type_of_a_recording_do_not_matter(api_client: ApiClient, name: str) -> None:
    data = {"file": (io.BytesIO(b"hi"), name, "application/octet-stream")}
    assert api_client.post("/transcribe", data=data).status_code == 200


def test_a_request_that_is_no_form_is_refused(api_client: ApiClient) -> None:
    assert api_client.post("/transcribe", data=b"RIFF", content_type="audio/wav").status_code == 415
    assert api_client.post("/transcribe", json={}).status_code == 415


@pytest.mark.parametrize("data", [{}, {"language": "en"}, {"file": "not a file"}])
def test_a_form_without_a_file_is_refused(api_client: ApiClient, data: dict[str, str]) -> None:
    answer = api_client.post("/transcribe", data=data, content_type="multipart/form-data")
    assert answer.status_code == 400
    assert answer.json["error"]["field"] == "file"


def test_two_files_are_refused(api_client: ApiClient, appliance: Appliance) -> None:
    files = [(io.BytesIO(b"a"), "a.wav"), (io.BytesIO(b"b"), "b.wav")]
    assert api_client.post("/transcribe", data={"file": files}).status_code == 400
    assert uploads(appliance) == []


def test_a_form_that_is_cut_off_leaves_nothing(api_client: ApiClient, appliance: Appliance) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nsome sound'
    answer = api_client.post("/transcribe", data=body, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 400
    assert uploads(appliance) == []


def test_a_client_that_leaves_in_the_middle_leaves_nothing(
    api_client: ApiClient, appliance: Appliance
) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nsome sound'
    answer = api_client.post(
        "/transcribe",
        input_stream=io.BytesIO(body),
        content_type="multipart/form-data; boundary=x",
        environ_overrides={"CONTENT_LENGTH": "5000"},
    )
    assert answer.status_code == 400
    assert uploads(appliance) == []


def test_an_undecodable_file_is_422(api_client: ApiClient, script: Script) -> None:
    def refuse(word: str) -> None:
        raise Undecodable("This file holds nothing that can be read as audio.")

    script.before_window = refuse
    answer = send(api_client)
    assert answer.status_code == 422
    assert answer.json["error"]["code"] == "undecodable"


def test_a_file_name_with_control_characters_is_cleaned(api_client: ApiClient) -> None:
    assert send(api_client, name="../../etc/pass\u202ewd\x07.wav").json["title"] == "passwd"
    assert file_name("C:\\talks\\Zoë.wav") == "Zoë.wav"
    assert file_name("a" * 5000 + ".wav") == "a" * 200 + ".wav"


def test_a_clip_is_written_in_two_transactions(api_client: ApiClient) -> None:
    """Accepted and done: each transaction that a client waits for is on the disk before it goes on."""
    with statements() as begun:
        assert send(api_client, words="short").status_code == 200
    assert begun.count("BEGIN IMMEDIATE") == 2
