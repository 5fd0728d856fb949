"""Resumable uploads by TUS 1.0: what arrived stays, what is wrong is refused, the last byte makes a job."""

import base64
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from flask_openapi3 import OpenAPI

from tests.support.application import StartAppliance
from tests.support.client import ApiClient, an_account, client_of, open_page, signed_in
from whisper_appliance.accounts.usage import UserQuota
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.app.partial_uploads import PartialUploads
from whisper_appliance.core.clock import now

WORDS = b"one two three four five six"
TUS = {"Tus-Resumable": "1.0.0"}


def encoded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def begin(client: ApiClient, length: int = len(WORDS), **fields: str) -> str:
    """The address of a new upload."""
    given = {"filename": "Zoë's talk.wav", **fields}
    metadata = ",".join(f"{name} {encoded(value)}" for name, value in given.items())
    headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": metadata}
    answer = client.post("/api/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["Location"])


def append(client: ApiClient, address: str, data: bytes, offset: int, **more: str):  # type: ignore[no-untyped-def] # a test response
    headers = {**TUS, "Upload-Offset": str(offset), **{k.replace("_", "-"): v for k, v in more.items()}}
    return client.patch(address, data=data, headers=headers, content_type="application/offset+octet-stream")


def test_an_upload_in_parts_becomes_a_job(browser: ApiClient, appliance: Appliance) -> None:
    address = begin(browser, language="en", hotwords="Ødegaard")
    first = append(browser, address, WORDS[:10], 0)
    assert (first.status_code, first.headers["Upload-Offset"]) == (204, "10")
    assert "X-Job-Id" not in first.headers
    found = browser.head(address, headers=TUS)
    assert (found.headers["Upload-Offset"], found.headers["Upload-Length"]) == ("10", str(len(WORDS)))
    assert found.headers["Cache-Control"] == "no-store"
    assert "GMT" in found.headers["Upload-Expires"]
    last = append(browser, address, WORDS[10:], 10)
    job = appliance.queue.wait(last.headers["X-Job-Id"], 60)
    assert (job.status, job.title, job.options.hotwords) == ("done", "Zoë's talk", "Ødegaard")
    text = browser.get(f"/api/transcripts/{job.transcript_id}?format=txt").text
    assert text.strip() == WORDS.decode()
    again = browser.head(address, headers=TUS)
    assert again.headers["X-Job-Id"] == job.id
    assert browser.delete(address, headers=TUS).status_code == 204


@pytest.fixture
def uploads_on_another_disk(appliance: Appliance, second_disk: Path) -> Iterator[None]:
    uploads = appliance.settings.storage_folder / "uploads"
    uploads.rmdir()
    uploads.symlink_to(second_disk)
    yield
    uploads.unlink()
    uploads.mkdir()


@pytest.mark.usefixtures("uploads_on_another_disk")
def test_an_upload_becomes_a_job_on_another_disk(browser: ApiClient, appliance: Appliance) -> None:
    last = append(browser, begin(browser), WORDS, 0)
    job = appliance.queue.wait(last.headers["X-Job-Id"], 60)
    assert appliance.transcripts.get(job.transcript_id or "", job.owner).transcript.text == WORDS.decode()


def test_what_the_server_can_do_is_listed(browser: ApiClient) -> None:
    listed = browser.options("/api/uploads").headers
    assert listed["Tus-Version"] == "1.0.0"
    assert set(listed["Tus-Extension"].split(",")) == {"creation", "checksum", "expiration", "termination"}
    assert int(listed["Tus-Max-Size"]) == 100 * 2**20


def test_wrong_offsets_and_checksums_are_refused_and_nothing_is_lost(browser: ApiClient) -> None:
    address = begin(browser)
    append(browser, address, WORDS[:10], 0)
    for offset in (0, 5, 11, 10**9):
        refused = append(browser, address, b"x", offset)
        assert (refused.status_code, refused.json["error"]["code"]) == (409, "conflict")
    wrong = encoded(hashlib.sha256(b"other").digest())
    assert append(browser, address, b"xyz", 10, Upload_Checksum=f"sha256 {wrong}").status_code == 460
    for bad in ("crc32 AAAA", "sha256 ?", "sha256"):
        assert append(browser, address, b"xyz", 10, Upload_Checksum=bad).status_code == 400
    assert append(browser, address, WORDS, 10).status_code == 413
    assert browser.head(address, headers=TUS).headers["Upload-Offset"] == "10"
    right = encoded(hashlib.sha256(WORDS[10:]).digest())
    done = append(browser, address, WORDS[10:], 10, Upload_Checksum=f"sha256 {right}")
    assert (done.status_code, "X-Job-Id" in done.headers) == (204, True)


def test_what_cannot_be_an_upload_is_refused_before_it_is_sent(browser: ApiClient) -> None:
    def refused(**headers: str) -> int:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return int(browser.post("/api/uploads", headers={**TUS, **given}).status_code)

    assert refused(Upload_Length=str(101 * 2**20)) == 413
    assert refused(Upload_Length="0") == 422
    for length in ("-1", "1e3", "many", "", "9" * 30):
        assert refused(Upload_Length=length) == 400
    assert refused(Upload_Length="10", Upload_Metadata="filename ???") == 400
    assert refused(Upload_Length="10", Upload_Metadata=f"quality {encoded('best')}") == 400
    assert refused(Upload_Length="10", Tus_Resumable="0.2.2") == 412
    assert browser.post("/api/uploads", headers={"Upload-Length": "10"}).status_code == 412


def test_what_is_no_recording_is_refused_with_its_first_bytes(browser: ApiClient) -> None:
    address = begin(browser, 1000)
    assert append(browser, address, b"%PDF-1.7 " * 20, 0).status_code == 415
    assert browser.head(address, headers=TUS).status_code == 404


def test_an_upload_belongs_to_its_client_and_can_be_cancelled(app: OpenAPI, browser: ApiClient) -> None:
    address = begin(browser)
    other = open_page(app)
    assert other.head(address, headers=TUS).status_code == 404
    assert append(other, address, WORDS, 0).status_code == 404
    assert other.delete(address, headers=TUS).status_code == 404
    assert browser.patch(address, data=b"x", headers={**TUS, "Upload-Offset": "0"}).status_code == 415
    assert browser.delete(address, headers=TUS).status_code == 204
    assert browser.head(address, headers=TUS).status_code == 404


def test_two_requests_cannot_write_at_once(browser: ApiClient, appliance: Appliance) -> None:
    address = begin(browser)
    (facts,) = (appliance.settings.storage_folder / "partial").glob(f"{address.rsplit('/', 1)[1]}.json")
    client = json.loads(facts.read_text())["client"]
    with appliance.partial_uploads.locked(appliance.partial_uploads.find(facts.stem, client)):
        assert append(browser, address, b"x", 0).status_code == 423
    assert append(browser, address, b"x", 0).status_code == 204


def test_a_full_quota_is_told_at_the_beginning(app: OpenAPI, appliance: Appliance) -> None:
    ada = signed_in(app)
    appliance.usage.set_quota(ada.user.id, UserQuota(storage_bytes=1000))
    begin(ada, 800)
    headers = {**TUS, "Upload-Length": "800", "Upload-Metadata": ""}
    assert ada.post("/api/uploads", headers=headers).status_code == 507


def test_unfinished_uploads_that_begin_at_once_keep_to_the_quota(app: OpenAPI, appliance: Appliance) -> None:
    ada = an_account(appliance)
    appliance.usage.set_quota(ada.id, UserQuota(storage_bytes=1000))
    browsers = [signed_in(app, user=ada) for _ in range(32)]
    barrier = Barrier(32)

    def begun(browser: ApiClient) -> int:
        barrier.wait()
        return browser.post("/api/uploads", headers={**TUS, "Upload-Length": "300"}).status_code

    with ThreadPoolExecutor(32) as threads:
        statuses = Counter(threads.map(begun, browsers))
    assert statuses == {201: 3, 507: 29}


def test_an_abandoned_upload_is_deleted(tmp_path: Path) -> None:
    store = PartialUploads(tmp_path)
    old, fresh = (store.create("a", 10, "x.wav", {}) for _ in range(2))
    long_ago = now().timestamp() - 25 * 3600
    for path in tmp_path.glob(f"{old.id}*"):
        os.utime(path, (long_ago, long_ago))
    store.delete_expired()
    assert {path.stem for path in tmp_path.iterdir()} == {fresh.id}


def test_a_program_without_cookies_uploads_too(app: OpenAPI) -> None:
    program = client_of(app)
    address = begin(program)
    answer = append(program, address, WORDS, 0)
    assert answer.status_code == 204, answer.text


@pytest.mark.parametrize("path", ["/api/uploads/../../etc", f"/api/uploads/{'0' * 32}"])
def test_an_unknown_upload_is_not_found(browser: ApiClient, path: str) -> None:
    assert browser.head(path, headers=TUS).status_code == 404


def test_an_upload_goes_on_after_a_restart(start_appliance: StartAppliance, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    first = start_appliance(data_dir=data)
    upload = first.partial_uploads.create("a client", len(WORDS), "talk.wav", {})
    first.partial_uploads.file(upload).write_bytes(WORDS[:10])
    second = start_appliance(data_dir=data)
    second.partial_uploads.delete_expired()
    found = second.partial_uploads.find(upload.id, "a client")
    assert second.partial_uploads.offset(found) == 10
