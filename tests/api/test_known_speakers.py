"""OpenAI's audio API with names of speakers and samples of their voices."""

import base64
import io
import wave
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import ApiClient, Response
from tests.support.jobs import Script
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.app.voice_samples import VoiceSamples
from whisper_appliance.diarization.contract import Diarization, Turn
from whisper_appliance.diarization.named_speakers import named_speakers
from whisper_appliance.engines.contract import NamedVoice
from whisper_appliance.transcript.codec import to_json

ADA, BOB = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


def two_speakers(_recording: object, _speakers: int | None, **_: object) -> Diarization:
    """Bob speaks first, as each scripted window lies at 0 to 20 s."""
    return Diarization((Turn(0, 20, 0), Turn(30, 40, 1)), (BOB, ADA))


@pytest.fixture(scope="module")
def module_script() -> Script:
    return Script(diarize=two_speakers)


@pytest.fixture
def sample(beckett: Path) -> bytes:
    """Three seconds of speech."""
    return cut(beckett, 3)


def cut(recording: Path, seconds: float) -> bytes:
    made = io.BytesIO()
    with wave.open(str(recording)) as source, wave.open(made, "wb") as target:
        target.setparams(source.getparams())
        target.writeframes(source.readframes(round(seconds * source.getframerate())))
    return made.getvalue()


def data_url(content: bytes) -> str:
    return "data:audio/wav;base64," + base64.b64encode(content).decode()


def transcribe(client: ApiClient, names: list[str], references: list[str], **options: Any) -> Response:
    form = {
        "model": "whisper-1",
        "response_format": "diarized_json",
        "known_speaker_names[]": names,
        "known_speaker_references[]": references,
        **options,
        "file": (io.BytesIO(b"to be"), "a.wav"),
    }
    return client.post("/v1/audio/transcriptions", data=form)


def refusal(answer: Response) -> str:
    """The message of a refusal in OpenAI's envelope."""
    assert answer.status_code == 400, answer.text
    assert set(answer.json["error"]) == {"message", "type", "param", "code"}
    assert answer.json["error"]["param"].startswith("known_speaker_")
    return str(answer.json["error"]["message"])


def test_a_known_voice_gets_its_name(
    api_client: ApiClient, appliance: Appliance, sample: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[float, int]] = []

    def diarize(recording: Any, speakers: int) -> Diarization:
        heard.append((recording.seconds, speakers))
        return Diarization((), ((0.1, 0.9, 0.0),))

    monkeypatch.setattr(appliance, "voice_samples", VoiceSamples(lambda: appliance.settings, diarize))
    answer = transcribe(api_client, ["Bob"], [data_url(sample)])
    assert {each["speaker"] for each in answer.json["segments"]} == {"Bob"}
    ((seconds, speakers),) = heard
    assert (round(seconds), speakers) == (3, 1)
    (listed,) = appliance.job_queries.page(limit=1).jobs
    assert listed.status == "done"


def test_without_the_model_of_voices_the_request_is_refused(
    api_client: ApiClient,
    appliance: Appliance,
    sample: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing = appliance.settings.model_copy(update={"diarization_model": tmp_path / "missing"})
    monkeypatch.setattr(appliance, "voice_samples", VoiceSamples(lambda: missing))
    message = refusal(transcribe(api_client, ["Ada"], [data_url(sample)]))
    assert "whisper-appliance[diarization]" in message


def test_names_and_references_that_cannot_be_used_are_refused(
    api_client: ApiClient, appliance: Appliance, sample: bytes, beckett: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = VoiceSamples(lambda: appliance.settings, lambda _recording, _speakers: Diarization(()))
    monkeypatch.setattr(appliance, "voice_samples", samples)
    good = data_url(sample)
    for names, references, reason in (
        (["Ada"], [], "for each name"),
        ([], [good], "for each name"),
        (["Ada", "Ada"], [good, good], "another name"),
        (["Ada"], ["https://example.org/a.wav"], "data URL"),
        (["Ada"], ["data:audio/wav;base64,!!"], "data URL"),
        (["Ada"], [data_url(b"noise" * 1000)], "cannot be used"),
        (["Ada"], [data_url(cut(beckett, 1))], "2 to 10 seconds"),
        (["Ada"], [good], "nobody speaks"),
        ([f"s{number}" for number in range(5)], [data_url(b"short")] * 5, "the most is 4"),
    ):
        assert reason in refusal(transcribe(api_client, names, references)), reason
    assert "diarized_json" in refusal(transcribe(api_client, ["Ada"], [good], response_format="json"))


def test_a_reference_of_any_size_is_refused_before_it_fills_the_memory(api_client: ApiClient) -> None:
    answer = transcribe(api_client, ["Ada"], ["data:audio/wav;base64," + "A" * 4 * 2**20])
    assert answer.status_code == 413


def test_the_most_similar_voice_wins_and_each_name_is_given_once() -> None:
    ada, bob = NamedVoice("Ada", ADA), NamedVoice("Bob", BOB)
    assert named_speakers([BOB, ADA], [ada, bob]) == {0: "Bob", 1: "Ada"}
    assert named_speakers([(0.8, 0.6, 0.0), ADA], [ada]) == {1: "Ada"}
    assert named_speakers([(0.0, 0.0, 1.0), (0.0, 0.0, 0.0)], [ada, bob]) == {}
    assert "1.0" in to_json(ada)
