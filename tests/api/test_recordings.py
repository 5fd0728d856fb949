"""Recordings are played by ranges, kept longer, deleted; links give those that they include."""

import io
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np
import pytest
from flask_openapi3 import OpenAPI

from tests.support.audio import video
from tests.support.client import ApiClient, client_of, send, signed_in
from tests.support.library import keep_recording
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.audio.peaks import waveform
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.web.media_files import MAX_RANGE_BYTES

CONTENT = bytes(range(256)) * 40
ADDRESS = "/api/transcripts/{}/audio"


@pytest.fixture
def ada(app: OpenAPI) -> ApiClient:
    return signed_in(app)


@pytest.fixture
def kept(ada: ApiClient, appliance: Appliance) -> str:
    id = str(send(ada, name="Zoë's talk.wav").json["id"])
    keep_recording(appliance.recordings, id, CONTENT, owner=ada.user.id)
    return id


def days_left(moment: str) -> float:
    return (datetime.fromisoformat(moment) - datetime.now(UTC)) / timedelta(days=1)


def test_a_kept_recording_is_sent_whole(ada: ApiClient, kept: str) -> None:
    answer = ada.get(ADDRESS.format(kept))
    assert (answer.status_code, answer.data) == (200, CONTENT)
    assert answer.headers["Content-Type"] == "audio/wav"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "attachment" not in answer.headers["Content-Disposition"]


def test_an_open_page_is_told_that_the_recording_of_a_live_session_came(
    ada: ApiClient, appliance: Appliance
) -> None:
    id = str(send(ada, words="now live", name="talk.wav").json["id"])
    stream = ada.get(f"/api/transcripts/{id}/changes?since=0")
    events = (each.decode() for each in stream.response if isinstance(each, bytes))
    recordings = (each for each in events if each.startswith("event: recording"))
    assert '"recording": null' in next(recordings)
    keep_recording(appliance.recordings, id, CONTENT, owner=ada.user.id)
    appliance.edit_notifier.wake(id)
    assert '"media_type": "audio/wav"' in next(recordings)
    stream.close()


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [("bytes=0-99", 0, 100), ("bytes=10000-", 10_000, 10_240), ("bytes=-40", 10_200, 10_240)],
)
def test_a_range_is_sent(ada: ApiClient, kept: str, wanted: str, start: int, stop: int) -> None:
    answer = ada.get(ADDRESS.format(kept), headers={"Range": wanted})
    assert (answer.status_code, answer.data) == (206, CONTENT[start:stop])
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/10240"


def test_an_open_range_of_a_long_recording_is_sent_in_parts(
    ada: ApiClient, kept: str, appliance: Appliance
) -> None:
    appliance.recordings.file(kept).write_bytes(bytes(MAX_RANGE_BYTES + 7))
    first = ada.get(ADDRESS.format(kept), headers={"Range": "bytes=0-"})
    assert (first.status_code, len(first.data)) == (206, MAX_RANGE_BYTES)
    rest = ada.get(ADDRESS.format(kept), headers={"Range": f"bytes={MAX_RANGE_BYTES}-"})
    assert (rest.status_code, len(rest.data)) == (206, 7)
    assert rest.headers["ETag"] == first.headers["ETag"]


@pytest.mark.parametrize("wanted", ["bytes=10240-", "bytes=20000-30000"])
def test_a_range_behind_the_end_is_refused(ada: ApiClient, kept: str, wanted: str) -> None:
    answer = ada.get(ADDRESS.format(kept), headers={"Range": wanted})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == "bytes */10240"


def test_a_range_is_sent_only_of_the_same_recording(ada: ApiClient, kept: str, appliance: Appliance) -> None:
    tag = ada.get(ADDRESS.format(kept)).headers["ETag"]
    part = {"Range": "bytes=0-9", "If-Range": tag}
    assert ada.get(ADDRESS.format(kept), headers=part).status_code == 206
    appliance.recordings.file(kept).write_bytes(CONTENT[::-1] + b"longer")
    answer = ada.get(ADDRESS.format(kept), headers=part)
    assert (answer.status_code, len(answer.data)) == (200, 10_246)


def test_a_recording_that_is_cached_is_not_sent_again(ada: ApiClient, kept: str) -> None:
    tag = ada.get(ADDRESS.format(kept)).headers["ETag"]
    answer = ada.get(ADDRESS.format(kept), headers={"If-None-Match": tag})
    assert (answer.status_code, answer.data) == (304, b"")


def test_a_head_request_returns_the_length(ada: ApiClient, kept: str) -> None:
    answer = ada.head(ADDRESS.format(kept))
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Content-Length"] == "10240"


def test_a_recording_is_saved_with_a_name(ada: ApiClient, kept: str) -> None:
    answer = ada.get(ADDRESS.format(kept), query_string={"download": "true"})
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "filename*=UTF-8''Zo%C3%AB%27s%20talk.wav" in answer.headers["Content-Disposition"]


def test_what_browsers_cannot_play_is_only_to_be_saved(ada: ApiClient, appliance: Appliance) -> None:
    id = send(ada, words="a page").json["id"]
    keep_recording(appliance.recordings, id, b"<script>alert(1)</script>", media_type="", owner=ada.user.id)
    answer = ada.get(ADDRESS.format(id))
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_transcript_tells_when_its_recording_is_deleted(ada: ApiClient, kept: str) -> None:
    recording = ada.get(f"/api/transcripts/{kept}").json["recording"]
    assert recording["media_type"] == "audio/wav"
    assert days_left(recording["delete_at"]) == pytest.approx(30, abs=0.1)


def test_a_recording_is_kept_longer_but_not_longer_than_allowed(ada: ApiClient, kept: str) -> None:
    shorter = ada.patch(ADDRESS.format(kept), json={"days": 3})
    assert days_left(shorter.json["delete_at"]) == pytest.approx(3, abs=0.1)
    as_usual = ada.patch(ADDRESS.format(kept), json={"days": None})
    assert days_left(as_usual.json["delete_at"]) == pytest.approx(30, abs=0.1)
    refused = ada.patch(ADDRESS.format(kept), json={"days": 31})
    assert (refused.status_code, refused.json["error"]["field"]) == (400, "days")


def test_a_deleted_recording_is_gone_and_its_transcript_stays(ada: ApiClient, kept: str) -> None:
    assert ada.delete(ADDRESS.format(kept)).status_code == 204
    assert ada.get(ADDRESS.format(kept)).status_code == 404
    assert ada.get(f"/api/transcripts/{kept}").json["recording"] is None
    assert ada.get(f"/api/transcripts/{kept}/peaks").data == b"peaks"


def test_a_browser_checks_each_time_whether_it_may_still_show_a_waveform(
    app: OpenAPI, ada: ApiClient, kept: str
) -> None:
    address = f"/api/transcripts/{kept}/peaks"
    answer = ada.get(address)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    unchanged = {"If-None-Match": answer.headers["ETag"]}
    assert ada.get(address, headers=unchanged).status_code == 304
    assert signed_in(app).get(address, headers=unchanged).status_code == 404


def test_a_transcript_in_the_trash_cannot_be_heard(ada: ApiClient, kept: str) -> None:
    ada.delete(f"/api/transcripts/{kept}")
    assert ada.get(ADDRESS.format(kept)).status_code == 404


def test_a_link_gives_the_recording_only_if_it_includes_it(app: OpenAPI, ada: ApiClient, kept: str) -> None:
    stranger = client_of(app)
    for audio, status in ((False, 404), (True, 200)):
        link = ada.post(f"/api/transcripts/{kept}/shares", json={"audio": audio}).json
        assert link["audio"] is audio
        address = "/api" + link["path"]
        assert stranger.get(f"{address}/audio").status_code == status
        assert stranger.get(f"{address}/peaks").status_code == status
        assert bool(stranger.get(address).json["recording"]) is audio


def test_small_waveforms_are_those_of_what_one_may_read(
    app: OpenAPI, ada: ApiClient, kept: str, appliance: Appliance
) -> None:
    loud = np.ones(SAMPLE_RATE, np.float32)
    appliance.recordings.write_peaks(kept, waveform(lambda start, stop: loud[start:stop], len(loud)))
    address = f"/api/transcripts/waveforms?id={kept}&id={'0' * 32}"
    assert ada.get(address).json == {"waveforms": {kept: "9" * 48}}
    bob = signed_in(app)
    assert bob.get(address).json == {"waveforms": {}}
    ada.post(f"/api/transcripts/{kept}/shares", json={"user": bob.user.name})
    assert bob.get(address).json == {"waveforms": {kept: "9" * 48}}
    ada.delete(f"/api/transcripts/{kept}")
    assert ada.get(address).json == bob.get(address).json == {"waveforms": {}}


def test_a_user_chooses_how_long_recordings_are_kept(ada: ApiClient, appliance: Appliance) -> None:
    assert appliance.recordings.days_for(ada.user.id) != 0
    assert ada.put("/api/account/recordings", json={"days": 0}).status_code == 204
    assert appliance.recordings.days_for(ada.user.id) == 0
    assert ada.put("/api/account/recordings", json={"days": None}).status_code == 204
    assert appliance.recordings.days_for(ada.user.id) != 0
    assert ada.put("/api/account/recordings", json={"days": -1}).status_code == 400


def test_recordings_of_visitors_are_not_kept(appliance: Appliance) -> None:
    assert appliance.recordings.days_for("") == 0
    assert appliance.recordings.days_for("f" * 32) == 0


def test_kept_recordings_are_in_the_data_export(ada: ApiClient, kept: str) -> None:
    with zipfile.ZipFile(io.BytesIO(ada.get("/api/account/data").data)) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".wav"))
        assert archive.read(name) == CONTENT


@pytest.mark.parametrize(
    ("name", "codecs"),
    [
        ("film.webm", ("libvpx", "libopus")),
        ("film.mp4", ("libx264", "aac")),
        ("film.mkv", ("libx264", "aac")),  # its first packets have no decoding time
    ],
)
def test_a_film_is_saved_with_its_words_as_subtitles(
    ada: ApiClient,
    kept: str,
    appliance: Appliance,
    beckett: Path,
    tmp_path: Path,
    name: str,
    codecs: tuple[str, str],
) -> None:
    film = video(beckett, tmp_path / name, *codecs)
    appliance.recordings.file(kept).write_bytes(film.read_bytes())
    saved = ada.get(f"/api/transcripts/{kept}/video")
    blocks = list(saved.iter_encoded())
    assert len(blocks) == 1, "they are no lines"
    assert (saved.status_code, saved.headers["Content-Type"]) == (200, "video/x-matroska")
    assert "talk.mkv" in saved.headers["Content-Disposition"]
    with av.open(io.BytesIO(blocks[0]), "r") as made, av.open(str(film), "r") as original:
        assert [each.type for each in made.streams] == ["video", "audio", "subtitle"]
        pictures = [bytes(each) for each in original.demux(original.streams.video[0]) if each.size]
        assert [bytes(each) for each in made.demux(made.streams.video[0]) if each.size] == pictures
    with av.open(io.BytesIO(blocks[0]), "r") as made:
        shown = [bytes(each).decode() for each in made.demux(made.streams.subtitles[0]) if each.size]
    assert " ".join(shown).split() == ["one", "two"]


def test_a_recording_without_pictures_is_no_film(
    ada: ApiClient, kept: str, appliance: Appliance, beckett: Path
) -> None:
    appliance.recordings.file(kept).write_bytes(beckett.read_bytes())
    refused = ada.get(f"/api/transcripts/{kept}/video")
    assert (refused.status_code, refused.json["error"]["code"]) == (400, "invalid_request")
    assert "no film" in refused.json["error"]["message"]
