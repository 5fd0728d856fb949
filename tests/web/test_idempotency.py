"""A file that is sent again because an answer was lost is one job; one that is meant anew is a new one."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask_openapi3 import OpenAPI

from tests.support.application import StartAppliance
from tests.support.client import ApiClient, Response, client_of, open_page, send, signed_in, uploads
from tests.support.jobs import Script
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.errors import EngineFailed
from whisper_appliance.core.ids import new_id
from whisper_appliance.server.application import create_app


@pytest.fixture(scope="module")
def appliance(start_appliance: StartAppliance) -> Appliance:
    return start_appliance(repeat_seconds=60)


def keyed(app: OpenAPI, key: str, words: str = "one", address: str = "192.0.2.1") -> Response:
    client = client_of(app)
    client.environ_base |= {"REMOTE_ADDR": address, "HTTP_IDEMPOTENCY_KEY": key}
    return send(client, words)


def test_a_repeated_upload_replays_the_first_transcript(app: OpenAPI, appliance: Appliance) -> None:
    first, again = send(client_of(app), "same"), send(client_of(app), "same")
    assert again.json["id"] == first.json["id"]
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert uploads(appliance) == []


def test_another_file_name_or_option_is_another_request(app: OpenAPI) -> None:
    ways = [{}, {"name": "other.wav"}, {"prompt": "x"}, {"words": "different"}, {"word_timestamps": "true"}]
    ids = {send(client_of(app), **{"words": "variants", **way}).json["id"] for way in ways}
    assert len(ids) == len(ways)


def test_a_replay_may_have_another_format(app: OpenAPI) -> None:
    first = send(client_of(app), "formats").json["id"]
    assert send(client_of(app), "formats", format="vtt").headers["X-Transcript-Id"] == first
    job = send(client_of(app), "formats", **{"async": "1"})
    assert (job.status_code, job.json["id"]) == (202, first)


def test_another_browser_or_address_gets_no_replay(app: OpenAPI) -> None:
    ann, ben = open_page(app), open_page(app)
    assert send(ann, "whose").json["id"] != send(ben, "whose").json["id"]
    here, there = keyed(app, "k1"), keyed(app, "k1", address="192.0.2.2")
    assert here.json["id"] != there.json["id"]


def test_two_equal_uploads_at_once_are_one_job(app: OpenAPI, script: Script) -> None:
    arrived = threading.Barrier(2)
    script.window_seconds = 0.3

    def go(_: int) -> str:
        arrived.wait(60)
        return str(send(client_of(app), "at once").json["id"])

    with ThreadPoolExecutor(2) as both:
        assert len(set(both.map(go, range(2)))) == 1


def test_an_idempotency_key_separates_equal_uploads(app: OpenAPI) -> None:
    first = keyed(app, "first")
    assert keyed(app, "first").json["id"] == first.json["id"]
    assert keyed(app, '"first"').json["id"] == first.json["id"]
    assert keyed(app, "second").json["id"] != first.json["id"]


def test_an_idempotency_key_with_another_file_is_refused(app: OpenAPI, appliance: Appliance) -> None:
    keyed(app, "reused")
    answer = keyed(app, "reused", words="another")
    assert answer.status_code == 422
    assert answer.json["error"]["code"] == "idempotency_key_reused"
    assert answer.json["error"]["field"] == "Idempotency-Key"
    assert uploads(appliance) == []


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "sch\u00f6n"])
def test_a_malformed_idempotency_key_is_refused(app: OpenAPI, key: str) -> None:
    answer = keyed(app, key)
    assert answer.status_code == 400
    assert answer.json["error"]["field"] == "Idempotency-Key"


def test_a_failed_job_is_not_replayed(app: OpenAPI, script: Script) -> None:
    def fail(_word: str) -> None:
        raise EngineFailed("It stopped.")

    script.before_window = fail
    assert keyed(app, "fails", "fails").status_code == 503
    script.before_window = lambda word: None
    assert keyed(app, "fails", "fails").status_code == 200


def test_a_deleted_transcript_is_not_replayed(app: OpenAPI) -> None:
    browser = open_page(app)
    first = send(browser, "deleted").json["id"]
    assert browser.delete(f"/api/transcripts/{first}").status_code == 204
    assert send(browser, "deleted").json["id"] != first


def reusing(client: ApiClient, **fields: str) -> Response:
    """Sends a recording with `Reuse-Transcript`, and a new key, as the page does."""
    client.environ_base |= {"HTTP_REUSE_TRANSCRIPT": "true", "HTTP_IDEMPOTENCY_KEY": new_id()}
    return send(client, **fields)


def test_a_recording_sent_again_later_gets_the_transcript_that_is_there(
    app: OpenAPI, appliance: Appliance
) -> None:
    ann = signed_in(app)
    first = reusing(ann, words="an old talk", prompt="x")
    assert "Idempotent-Replayed" not in first.headers
    again = reusing(ann, words="an old talk", prompt="x", name="renamed.wav")
    assert (again.json["id"], again.headers["Idempotent-Replayed"]) == (first.json["id"], "true")
    job = reusing(ann, words="an old talk", prompt="x", **{"async": "true"})
    assert (job.status_code, job.json["status"], job.json["reused"]) == (202, "done", True)
    assert job.json["transcript_id"] == first.json["id"]
    assert ann.get(f"/api/jobs/{job.json['id']}").json["text"] == "an old talk"
    assert not (appliance.settings.data_dir / "uploads" / job.json["id"]).exists()


def test_only_ones_own_transcript_of_the_same_request_is_reused(app: OpenAPI) -> None:
    ann, ben = signed_in(app), signed_in(app)
    id = reusing(ann, words="a private talk").json["id"]
    assert reusing(ben, words="a private talk").json["id"] != id
    assert reusing(ann, words="a private talk", prompt="other").json["id"] != id
    nobody = [reusing(client_of(app), words="of nobody").json["id"] for _ in range(2)]
    assert len(set(nobody)) == 2
    ann.delete(f"/api/transcripts/{id}")
    assert reusing(ann, words="a private talk").json["id"] != id


def test_a_large_upload_that_was_sent_before_gets_its_transcript_too(app: OpenAPI) -> None:
    ann = signed_in(app)
    id = reusing(ann, words="a long talk").json["id"]
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "11", "Upload-Metadata": "filename dGFsay53YXY="}
    address = ann.post("/api/uploads", headers=tus).headers["Location"]
    sent = ann.patch(
        address,
        data=b"a long talk",
        headers={"Tus-Resumable": "1.0.0", "Upload-Offset": "0"},
        content_type="application/offset+octet-stream",
    )
    assert ann.get(f"/api/jobs/{sent.headers['X-Job-Id']}").json["transcript_id"] == id


def test_without_repeat_seconds_only_an_idempotency_key_replays(start_appliance: StartAppliance) -> None:
    app = create_app(start_appliance(repeat_seconds=0))
    assert send(client_of(app)).json["id"] != send(client_of(app)).json["id"]
    assert keyed(app, "k").json["id"] == keyed(app, "k").json["id"]
