"""POST /v1/listen: requests of Deepgram's SDK and of curl, with a real model."""

import wave
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import httpx
import pytest
from deepgram import DeepgramClient

from tests.support.application import client_with_model
from tests.support.client import ApiClient
from whisper_appliance.api.deepgram.transcript_json import OutputOptions, transcript_json
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.transcript.model import Segment, Transcript, Word

pytestmark = pytest.mark.slow  # loads a model

TEXT = "fail better"


@pytest.fixture(scope="module")
def api_client(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[ApiClient]:
    with client_with_model(tmp_path_factory, tiny_en) as client:
        yield client


def encoded(speech: Path, codec: str, rate: int, layout: str = "mono") -> bytes:
    """The speech as samples without a header."""
    resampler = av.AudioResampler("s16", layout, rate)
    encoder: Any = av.CodecContext.create(codec, "w")
    encoder.sample_rate, encoder.layout, encoder.format = rate, layout, "s16"
    with av.open(str(speech)) as source:
        frames = [ready for frame in source.decode(audio=0) for ready in resampler.resample(frame)]
    return b"".join(bytes(packet) for frame in [*frames, None] for packet in encoder.encode(frame))


def test_the_sdk_gets_words_paragraphs_and_utterances(api_client: ApiClient, beckett: Path) -> None:
    def appliance(environ: dict[str, Any], start: Any) -> Any:
        return api_client.application({**environ, "HTTP_HOST": "localhost"}, start)  # not Deepgram's name

    transport = httpx.WSGITransport(app=appliance)
    client = DeepgramClient(api_key="any", httpx_client=httpx.Client(transport=transport))
    answer: Any = client.listen.v1.media.transcribe_file(
        request=beckett.read_bytes(), model="nova-3", smart_format=True, utterances=True, keyterm=["Beckett"]
    )
    best = answer.results.channels[0].alternatives[0]
    assert TEXT in best.transcript.lower()
    assert best.words[0].punctuated_word.lower().strip(".,") == best.words[0].word
    assert 0 < best.confidence <= 1
    assert sum(each.num_words for each in best.paragraphs.paragraphs) == len(best.words)
    said = [word.word for utterance in answer.results.utterances for word in utterance.words]
    assert said == [word.word for word in best.words]
    with wave.open(str(beckett)) as sound:
        assert answer.metadata.duration == pytest.approx(sound.getnframes() / sound.getframerate(), abs=0.1)
    assert answer.metadata.models[0] in answer.metadata.model_info


@pytest.mark.parametrize(
    ("encoding", "codec", "rate"),
    [("linear16", "pcm_s16le", 24_000), ("mulaw", "pcm_mulaw", 8000), ("alaw", "pcm_alaw", 8000)],
)
def test_samples_without_a_header_are_read(
    api_client: ApiClient, beckett: Path, encoding: str, codec: str, rate: int
) -> None:
    answer = api_client.post(
        f"/v1/listen?encoding={encoding}&sample_rate={rate}&language=en", data=encoded(beckett, codec, rate)
    )
    assert answer.status_code == 200
    assert "ever tried" in answer.json["results"]["channels"][0]["alternatives"][0]["transcript"].lower()


def test_samples_without_a_header_count_as_undamaged(api_client: ApiClient, beckett: Path) -> None:
    appliance: Appliance = api_client.application.extensions["whisper_appliance"].appliance
    body = encoded(beckett, "pcm_s16le", 16_000)
    answer = api_client.post("/v1/listen?encoding=linear16&sample_rate=16000", data=body)
    job = appliance.queue.wait(answer.json["metadata"]["request_id"], 60)
    assert job.transcript_id
    assert appliance.transcripts.get(job.transcript_id, job.owner).transcript.warnings == ()
    assert answer.json["metadata"]["duration"] == pytest.approx(len(body) / 32_000, abs=0.1)


def test_channels_are_transcribed_separately(api_client: ApiClient, beckett: Path) -> None:
    answer = api_client.post(
        "/v1/listen?encoding=linear16&sample_rate=16000&channels=2&multichannel=true&detect_language=true",
        data=encoded(beckett, "pcm_s16le", 16_000, "stereo"),
    )
    assert answer.json["metadata"]["channels"] == len(answer.json["results"]["channels"]) == 2
    assert answer.json["results"]["channels"][0]["detected_language"] == "en"


@pytest.mark.parametrize("option", ["diarize=true", "diarize_model=latest"])
def test_words_and_utterances_have_the_number_of_their_speaker(
    api_client: ApiClient, beckett: Path, option: str
) -> None:
    answer = api_client.post(
        f"/v1/listen?encoding=linear16&sample_rate=16000&channels=2&multichannel=true&{option}&utterances=true",
        data=encoded(beckett, "pcm_s16le", 16_000, "stereo"),
    )
    results = answer.json["results"]
    spoken = [
        {word["speaker"] for word in channel["alternatives"][0]["words"]} for channel in results["channels"]
    ]
    assert spoken == [{0}, {1}]
    assert {each["speaker"] for each in results["utterances"]} == {0, 1}


def test_another_speaker_begins_another_utterance_and_paragraph() -> None:
    def line(speaker: str, start: float) -> Segment:
        return Segment(
            start, start + 1, " yes", words=(Word(start, start + 1, " yes", 0.9),), speaker=speaker
        )

    segments = (line("Ada", 0), line("Ada", 1), line("Ben", 2), line("Ada", 3))
    stored: Any = SimpleNamespace(
        transcript=Transcript(segments, "en", 1.0, 4.0, "transcribe", "tiny", 0.1),
        summary=SimpleNamespace(created=""),
    )
    job: Any = SimpleNamespace(id="1")
    results = transcript_json(stored, job, OutputOptions(False, True, 0.8, speakers=True))["results"]
    assert [(each["speaker"], each["transcript"]) for each in results["utterances"]] == [
        (0, "yes yes"),
        (1, "yes"),
        (0, "yes"),
    ]
    paragraphs = results["channels"][0]["alternatives"][0]["paragraphs"]["paragraphs"]
    assert [each["speaker"] for each in paragraphs] == [0, 1, 0]


@pytest.mark.parametrize(
    ("address", "body", "content_type"),
    [
        ("/v1/listen", b'{"url": "https://example.org/a.wav"}', "application/json"),
        ("/v1/listen", b"not a recording", "audio/wav"),
        ("/v1/listen?redact=pci", b"RIFF", "audio/wav"),
        ("/v1/listen?encoding=linear16", b"RIFF", "audio/wav"),
        ("/v1/listen?encoding=g729&sample_rate=8000", b"RIFF", "audio/wav"),
        ("/v1/listen?encoding=mulaw&sample_rate=16000", b"RIFF", "audio/wav"),
        ("/v1/listen?channels=0", b"RIFF", "audio/wav"),
        ("/v1/listen?utt_split=nan", b"RIFF", "audio/wav"),
        ("/v1/listen?language=klingon", b"RIFF", "audio/wav"),
        ("/v1/listen?model=no-such-model", b"RIFF", "audio/wav"),
    ],
)
def test_errors_have_deepgrams_shape(
    api_client: ApiClient, address: str, body: bytes, content_type: str
) -> None:
    answer = api_client.post(address, data=body, content_type=content_type)
    assert (answer.status_code, answer.json["err_code"]) == (400, "Bad Request")
    assert set(answer.json) == {"err_code", "err_msg", "request_id"}
    assert answer.headers["dg-error"]


def test_an_empty_body_is_refused(api_client: ApiClient) -> None:
    answer = api_client.post("/v1/listen", environ_overrides={"CONTENT_LENGTH": "0"})
    assert (answer.status_code, answer.json["err_code"]) == (400, "Bad Request")


@pytest.mark.parametrize("scheme", ["Token", "Bearer"])
def test_a_key_that_is_not_valid_is_refused(api_client: ApiClient, scheme: str) -> None:
    answer = api_client.post("/v1/listen", data=b"RIFF", headers={"Authorization": f"{scheme} wa_{'x' * 43}"})
    assert (answer.status_code, answer.json["err_code"]) == (401, "INVALID_AUTH")


def test_it_is_not_found_when_it_is_switched_off(api_client: ApiClient) -> None:
    appliance: Appliance = api_client.application.extensions["whisper_appliance"].appliance
    appliance.settings.protocols.remove("deepgram")
    try:
        answer = api_client.post("/v1/listen", data=b"RIFF")
        assert (answer.status_code, answer.json["err_code"]) == (404, "NOT_FOUND")
    finally:
        appliance.settings.protocols.append("deepgram")
