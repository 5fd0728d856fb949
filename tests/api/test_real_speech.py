"""The whole road with a real model: HTTP in, words out."""

import io
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
from whisper_normalizer.english import EnglishTextNormalizer

from tests.support.application import client_with_model
from tests.support.audio import encode, samples_of, two_tracks, write_samples
from tests.support.client import ApiClient
from tests.support.wait import wait_until
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.audio.peaks import HEADER
from whisper_appliance.core import sandbox, seccomp
from whisper_appliance.web.context import EXTENSION

pytestmark = pytest.mark.slow  # loads a model

NORMAL = EnglishTextNormalizer()


@pytest.fixture(scope="module")
def api_client(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[ApiClient]:
    with client_with_model(tmp_path_factory, tiny_en) as client:
        yield client


def silence(seconds: int) -> io.BytesIO:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(bytes(2 * 16_000 * seconds))
    file.seek(0)
    return file


def test_a_recording_is_transcribed(api_client: ApiClient, beckett: Path) -> None:
    with beckett.open("rb") as file:
        answer = api_client.post("/transcribe", data={"language": "en", "file": (file, "beckett.wav")})
    assert answer.status_code == 200
    assert "fail better" in answer.json["text"].lower()
    assert answer.json["duration"] == pytest.approx(10, abs=0.5)
    assert answer.json["provenance"]["model_sha256"]


def test_the_status_says_which_sandbox_layers_hold(api_client: ApiClient) -> None:
    layers = {"network", "files", "no_new_privileges", "calls", "capabilities"}
    for held in wait_until(lambda: _isolations(api_client)):
        assert set(held) == layers
        assert (held["files"] == "readable ones") == (sandbox.landlock_version() == 0)
        assert (held["calls"] == "all") == (not seccomp.is_available())


def _isolations(client: ApiClient) -> list[dict[str, Any]] | None:
    """Those of the decoder and of the engine, once both are known."""
    status = client.get("/api/status").json
    found = [status["decoder"], *(engine["isolation"] for engine in status["engines"])]
    return found if len(found) == 2 and all(found) else None


def test_its_recording_can_be_heard(api_client: ApiClient, beckett: Path) -> None:
    with beckett.open("rb") as file:
        transcript = api_client.post("/transcribe", data={"file": (file, "beckett.wav")}).json
    assert transcript["recording"]["media_type"] == "audio/wav"
    audio = api_client.get(f"/api/transcripts/{transcript['id']}/audio")
    assert audio.data == beckett.read_bytes()
    peaks = api_client.get(f"/api/transcripts/{transcript['id']}/peaks").data
    assert len(peaks) == HEADER.size + 2 * HEADER.unpack_from(peaks)[4]


def test_a_recording_that_browsers_cannot_play_gets_a_copy(
    api_client: ApiClient, beckett: Path, tmp_path: Path
) -> None:
    source = encode(beckett, tmp_path / "beckett.aiff", "pcm_s16be")
    with source.open("rb") as file:
        id = api_client.post("/transcribe", data={"file": (file, source.name)}).json["id"]
    address = f"/api/transcripts/{id}/audio"
    wait_until(lambda: api_client.get(address).headers["Content-Type"] == "audio/webm")
    assert api_client.get(address).data.startswith(b"\x1aE\xdf\xa3")


def test_recordings_can_be_stored_small(api_client: ApiClient, beckett: Path) -> None:
    appliance: Appliance = api_client.application.extensions[EXTENSION].appliance
    appliance.overrides.set("audio_store", "opus", "a test")
    try:
        with beckett.open("rb") as file:
            id = api_client.post("/transcribe", data={"beam_size": "2", "file": (file, "beckett.wav")}).json[
                "id"
            ]
        wait_until(lambda: appliance.recordings.get(id).media_type == "audio/webm")
    finally:
        appliance.overrides.reset("audio_store")
    stored = [path.name for path in appliance.recordings.file(id).parent.glob(f"{id}*")]
    assert sorted(stored) == [id, f"{id}.peaks"]
    assert appliance.recordings.get(id).bytes < beckett.stat().st_size / 5


def test_the_model_for_the_detected_language_is_used_unless_the_request_names_one(
    api_client: ApiClient, beckett: Path, tiny_en: Path
) -> None:
    appliance: Appliance = api_client.application.extensions[EXTENSION].appliance
    (appliance.settings.model_dir / "other").symlink_to(tiny_en)

    def transcribe(beams: str, **options: str) -> dict[str, Any]:
        with beckett.open("rb") as file:
            answer = api_client.post(
                "/transcribe", data={"beam_size": beams, **options, "file": (file, "a.wav")}
            )
        assert answer.status_code == 200, answer.text
        assert "fail better" in answer.json["text"].lower()
        found: dict[str, Any] = answer.json
        return found

    try:
        appliance.overrides.set("model_by_language", "de:tiny,English:other", "a test")
        detected = transcribe("1")
        assert (detected["model"], detected["provenance"]["model"]) == ("other", "other")
        assert transcribe("1", language="en")["model"] == "other"
        assert transcribe("1", model="tiny.en")["model"] == "tiny.en"
        appliance.overrides.set("model_by_language", "en:base.en", "a test")
        replaced = transcribe("2")
        assert replaced["model"] == "tiny.en"
        assert [warning["code"] for warning in replaced["warnings"]] == ["model_replaced"]
        assert "base.en" in replaced["warnings"][0]["message"]
    finally:
        appliance.overrides.reset("model_by_language")


def test_the_chosen_track_of_a_file_is_transcribed(
    api_client: ApiClient, beckett: Path, tmp_path: Path
) -> None:
    path = two_tracks(tmp_path / "film.mkv", beckett, default=1)

    def transcribe(**options: str) -> Any:
        with path.open("rb") as file:
            return api_client.post("/transcribe", data={**options, "file": (file, path.name)})

    silent, spoken = transcribe().json, transcribe(track="2").json
    assert [warning["code"] for warning in silent["warnings"]] == ["no_speech"]
    assert "fail better" in spoken["text"].lower()
    assert [one["provenance"]["tracks"]["taken"] for one in (silent, spoken)] == [1, 2]
    assert spoken["provenance"]["tracks"]["count"] == 2
    missing = transcribe(track="3")
    assert (missing.status_code, missing.json["error"]["code"]) == (400, "invalid_request")
    assert "The number of its tracks: 2." in missing.json["error"]["message"]


def test_separate_channels_are_segments_with_their_channel_in_order_of_time(
    api_client: ApiClient, beckett: Path, tmp_path: Path
) -> None:
    speech = samples_of(beckett)
    both = np.stack([np.append(speech, 0 * speech), np.append(0 * speech, speech)])
    path = write_samples(tmp_path / "call.wav", both, "pcm_s16le", "stereo")
    with path.open("rb") as file:
        answer = api_client.post("/transcribe", data={"channels": "separate", "file": (file, path.name)})
    segments = answer.json["segments"]
    channels = [segment["channel"] for segment in segments]
    assert channels == sorted(channels)
    assert set(channels) == {1, 2}
    middle = len(speech) / 16_000
    assert {segment["channel"] for segment in segments if segment["start"] > middle} == {2}


def test_silence_gives_an_empty_transcript_and_a_warning(api_client: ApiClient) -> None:
    answer = api_client.post("/transcribe", data={"file": (silence(4), "silence.wav")})
    assert answer.status_code == 200
    assert answer.json["text"] == ""
    assert [warning["code"] for warning in answer.json["warnings"]] == ["no_speech"]


@pytest.mark.parametrize(
    ("content", "name", "status", "code"),
    [
        (b"these are words, not sound\n" * 100, "notes.wav", 422, "undecodable"),
        (b"#EXTM3U\n#EXTINF:4,\nfile:///etc/passwd\n", "list.mp3", 415, "unsupported_media"),
        (b"", "empty.wav", 422, "no_audio"),
    ],
)
def test_a_file_that_is_no_recording_is_an_error(
    api_client: ApiClient, content: bytes, name: str, status: int, code: str
) -> None:
    answer = api_client.post("/transcribe", data={"file": (io.BytesIO(content), name)})
    assert answer.status_code == status
    assert answer.json["error"]["code"] == code
    assert "/tmp" not in answer.text


def test_a_recording_without_audio_has_its_own_error(api_client: ApiClient) -> None:
    answer = api_client.post("/transcribe", data={"file": (silence(0), "nothing.wav")})
    assert answer.status_code == 422
    assert answer.json["error"]["code"] == "no_audio"


def test_an_empty_file_is_refused_at_once(api_client: ApiClient) -> None:
    answer = api_client.post("/transcribe", data={"file": (io.BytesIO(b""), "nothing.wav")})
    assert answer.status_code == 422
    assert answer.json["error"]["message"] == "This file is empty."


def transcribe_again(client: ApiClient, id: str, **fields: object) -> Any:
    form = {"transcript_id": id, **fields}
    return client.post("/transcribe", data=form, content_type="multipart/form-data")


def test_a_span_of_a_kept_recording_is_transcribed_again_with_words_to_expect(
    api_client: ApiClient, cities: Path
) -> None:
    with cities.open("rb") as file:
        whole = api_client.post("/transcribe", data={"language": "en", "file": (file, "cities.wav")}).json
    second = whole["segments"][1]
    span = {"start": second["start"], "end": second["end"]}
    again = transcribe_again(api_client, whole["id"], language="en", hotwords="cities", **span).json
    assert again["id"] != whole["id"]
    assert again["duration"] == pytest.approx(second["end"] - second["start"], abs=0.1)
    assert again["title"].startswith("cities (0:")
    assert jiwer.wer(NORMAL(second["text"]), NORMAL(again["text"])) <= 0.3
    assert api_client.get(f"/api/transcripts/{whole['id']}").json["segments"] == whole["segments"]
    excerpt = api_client.get(f"/api/transcripts/{again['id']}/audio").data
    assert len(excerpt) == pytest.approx(32_000 * again["duration"], rel=0.01)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"start": "500"}, "start"),
        ({"start": "5", "end": "4"}, "end"),
        ({"end": "0.01"}, "end"),
        ({"start": "nan"}, "start"),
        ({"end": "inf"}, "end"),
        ({"start": "1", "channels": "separate"}, "channels"),
    ],
)
def test_a_span_that_cannot_be_is_refused(
    api_client: ApiClient, beckett: Path, fields: dict[str, str], field: str
) -> None:
    with beckett.open("rb") as file:
        whole = api_client.post("/transcribe", data={"file": (file, "beckett.wav")}).json
    appliance: Appliance = api_client.application.extensions[EXTENSION].appliance
    folder = appliance.settings.data_dir / "uploads"
    before = set(folder.iterdir())  # jobs that failed keep theirs
    refused = transcribe_again(api_client, whole["id"], **fields)
    assert (refused.status_code, refused.json["error"]["field"]) == (400, field)
    assert set(folder.iterdir()) <= before


def test_a_span_is_refused_without_a_kept_recording(api_client: ApiClient, beckett: Path) -> None:
    with beckett.open("rb") as file:
        sent = api_client.post("/transcribe", data={"start": "1", "file": (file, "beckett.wav")})
    assert (sent.status_code, sent.json["error"]["field"]) == (400, "start")
    with beckett.open("rb") as file:
        whole = api_client.post("/transcribe", data={"file": (file, "beckett.wav")}).json
    assert api_client.delete(f"/api/transcripts/{whole['id']}/audio").status_code == 204
    assert transcribe_again(api_client, whole["id"], start="1").status_code == 404
    assert api_client.delete(f"/api/transcripts/{whole['id']}").status_code == 204
    assert transcribe_again(api_client, whole["id"], start="1").status_code == 404
