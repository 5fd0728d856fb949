"""The APIs of whisper-asr-webservice and whisper.cpp: requests of their clients, with a real model."""

import io
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.application import client_with_model
from tests.support.client import ApiClient
from whisper_appliance.app.appliance import Appliance

pytestmark = pytest.mark.slow  # loads a model

TEXT = "fail better"


@pytest.fixture(scope="module")
def api_client(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[ApiClient]:
    with client_with_model(tmp_path_factory, tiny_en) as client:
        yield client


def pcm_of(beckett: Path) -> bytes:
    """The samples of a recording of 16 kHz, without a header."""
    with wave.open(str(beckett)) as sound:
        assert (sound.getframerate(), sound.getnchannels()) == (16_000, 1)
        return bytes(sound.readframes(sound.getnframes()))


def audio_file(content: bytes, name: str = "a.wav") -> dict[str, object]:
    return {"audio_file": (io.BytesIO(content), name)}


@pytest.mark.parametrize(
    ("output", "start"), [("txt", ""), ("srt", "1\n00:"), ("vtt", "WEBVTT"), ("tsv", "start\tend\ttext")]
)
def test_asr_writes_every_text_format(api_client: ApiClient, beckett: Path, output: str, start: str) -> None:
    answer = api_client.post(
        f"/asr?encode=true&task=transcribe&language=en&output={output}", data=audio_file(beckett.read_bytes())
    )
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    assert answer.text.startswith(start)
    assert TEXT in answer.text.lower().replace("\n", " ")


def test_asr_takes_samples_without_a_header(api_client: ApiClient, beckett: Path) -> None:
    """As Bazarr sends them."""
    address = "/asr?task=transcribe&language=en&output=srt&encode=false"
    answer = api_client.post(address, data=audio_file(pcm_of(beckett), "audio_file"))
    assert answer.status_code == 200
    assert TEXT in answer.text.lower().replace("\n", " ")


def test_asr_json_has_segments_with_words(api_client: ApiClient, beckett: Path) -> None:
    address = "/asr?output=json&word_timestamps=true&initial_prompt=Beckett&vad_filter=true"
    answer = api_client.post(address, data=audio_file(beckett.read_bytes()))
    assert TEXT in answer.json["text"].lower()
    assert answer.json["language"] == "en"
    assert answer.json["segments"][0]["words"]


def test_asr_names_the_speaker_of_each_segment(api_client: ApiClient, beckett: Path) -> None:
    """As Speakr asks for them; two channels are two speakers."""
    stereo = io.BytesIO()
    with wave.open(stereo, "wb") as sound:
        sound.setparams((2, 2, 16_000, 0, "NONE", ""))
        mono = memoryview(pcm_of(beckett)).cast("h")
        sound.writeframes(b"".join(bytes(mono[at : at + 1]) * 2 for at in range(len(mono))))
    answer = api_client.post("/asr?output=json&diarize=true", data=audio_file(stereo.getvalue()))
    assert {each["speaker"] for each in answer.json["segments"]} == {"Speaker 1", "Speaker 2"}
    refused = api_client.post("/asr?diarize=true&min_speakers=two", data=audio_file(stereo.getvalue()))
    assert (refused.status_code, set(refused.json)) == (400, {"detail"})


def test_a_body_that_is_no_form_is_answered_with_the_field_of_the_server(api_client: ApiClient) -> None:
    answer = api_client.post("/asr", data=b"RIFF", content_type="audio/wav")
    assert answer.status_code == 415
    assert "'audio_file'" in answer.json["detail"]


@pytest.mark.parametrize("encode", [True, False])
def test_a_language_is_detected_without_a_transcript(
    api_client: ApiClient, beckett: Path, encode: bool
) -> None:
    content = beckett.read_bytes() if encode else pcm_of(beckett)
    answer = api_client.post(f"/detect-language?encode={str(encode).lower()}", data=audio_file(content))
    assert (answer.json["detected_language"], answer.json["language_code"]) == ("english", "en")
    assert 0 < answer.json["confidence"] <= 1
    assert api_client.get("/api/jobs").json["jobs"] == []


@pytest.mark.parametrize(
    ("address", "status"),
    [("/asr?output=docx", 400), ("/asr?language=klingon", 400), ("/asr", 400), ("/detect-language", 400)],
)
def test_asr_errors_have_the_shape_of_its_server(api_client: ApiClient, address: str, status: int) -> None:
    answer = api_client.post(address, data={"other": "x"}, content_type="multipart/form-data")
    assert answer.status_code == status
    assert set(answer.json) == {"detail"}


@pytest.mark.parametrize(
    ("response_format", "start"), [("text", ""), ("srt", "1\n00:"), ("vtt", "WEBVTT"), ("json", '{"text"')]
)
def test_inference_writes_every_format(
    api_client: ApiClient, beckett: Path, response_format: str, start: str
) -> None:
    answer = api_client.post(
        "/inference",
        data={
            "file": (io.BytesIO(beckett.read_bytes()), "a.wav"),
            "temperature": "0.0",
            "temperature_inc": "0.2",
            "response_format": response_format,
        },
    )
    assert answer.status_code == 200
    assert answer.text.startswith(start)
    assert TEXT in answer.text.lower().replace("\n", " ")


def test_inference_verbose_json_has_segments(api_client: ApiClient, beckett: Path) -> None:
    answer = api_client.post(
        "/inference", data={"file": (beckett.open("rb"), "a.wav"), "response_format": "verbose_json"}
    )
    assert (answer.json["task"], answer.json["language"]) == ("transcribe", "english")
    assert answer.json["segments"][0]["words"]


def test_inference_errors_have_the_shape_of_its_server(api_client: ApiClient) -> None:
    answer = api_client.post(
        "/inference", data={"response_format": "json"}, content_type="multipart/form-data"
    )
    assert (answer.status_code, set(answer.json)) == (400, {"error"})
    refused = api_client.post("/load", data={"model": "tiny.en"})
    assert (refused.status_code, set(refused.json)) == (401, {"error"})


def test_an_api_that_is_switched_off_is_not_found(api_client: ApiClient, beckett: Path) -> None:
    appliance: Appliance = api_client.application.extensions["whisper_appliance"].appliance
    appliance.settings.protocols.remove("asr_webservice")
    try:
        answer = api_client.post("/asr", data=audio_file(beckett.read_bytes()))
        assert (answer.status_code, set(answer.json)) == (404, {"detail"})
    finally:
        appliance.settings.protocols.append("asr_webservice")
