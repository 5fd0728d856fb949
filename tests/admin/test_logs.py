"""The log in the panel, and a support bundle that can be shown to strangers."""

import io
import json
import logging
import os
import sqlite3
import threading
import zipfile
from collections.abc import Iterator

import pytest
import structlog
from flask_openapi3 import OpenAPI

from tests.support.application import StartAppliance
from tests.support.client import ApiClient, an_account, client_of, send, signed_in
from tests.support.log_lines import written_log
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.app.support_bundle import make_support_bundle

log = structlog.get_logger("whisper_appliance.test")


@pytest.fixture(autouse=True, scope="module")
def logging_as_served() -> Iterator[None]:
    with written_log():
        yield


SECRET = "prometheus-wants-this"
WORDS = "zebra umbrella quartz"


@pytest.fixture(scope="module")
def appliance(logging_as_served: None, start_appliance: StartAppliance) -> Appliance:
    return start_appliance(metrics_token=SECRET)


@pytest.fixture
def admin(app: OpenAPI) -> ApiClient:
    return signed_in(app, "admin")


def events(admin: ApiClient, **wanted: str) -> list[str]:
    answer = admin.get("/api/admin/logs", query_string=wanted)
    assert answer.status_code == 200
    return [line["event"] for line in answer.json["lines"]]


def test_log_lines_are_listed_and_filtered(admin: ApiClient) -> None:
    log.info("first thing", request_id="abc")
    log.warning("second thing", more="Left Over")
    assert events(admin, words="thing") == ["first thing", "second thing"]
    assert events(admin, level="warning", words="left over") == ["second thing"]
    assert events(admin, id="abc") == ["first thing"]
    assert events(admin, words="thing", limit="1") == ["second thing"]


def test_a_log_line_carries_its_request_and_job(app: OpenAPI, admin: ApiClient, appliance: Appliance) -> None:
    job = send(client_of(app), "crash", name="talk.wav", **{"async": "true"}).json
    appliance.queue.wait(job["id"], 60)
    log.info("somewhere in between")
    with app.test_request_context("/"):
        app.preprocess_request()
        log.info("inside a request")
    found = admin.get("/api/admin/logs", query_string={"words": "inside a request"}).json
    (line,) = found["lines"]
    assert line["more"]["request_id"]
    assert line["more"]["path"] == "/"


def test_the_log_tail_follows_new_lines_and_resumes(admin: ApiClient) -> None:
    log.info("before the tail")
    stream = admin.get("/api/admin/logs/events?words=the+tail", buffered=False)
    assert stream.content_type.startswith("text/event-stream")
    threading.Timer(0.2, lambda: log.info("behind the tail")).start()
    told: list[str] = []
    for chunk in stream.iter_encoded():
        told += [line for line in chunk.decode().splitlines() if line.startswith(("id:", "data:"))]
        if "behind the tail" in "".join(told):
            break
    stream.close()
    assert [json.loads(line[5:])["event"] for line in told if line.startswith("data:")] == [
        "before the tail", "behind the tail",
    ]  # fmt: skip
    headers = {"Last-Event-ID": told[0].removeprefix("id: ")}
    again = admin.get("/api/admin/logs/events?words=the+tail", headers=headers, buffered=False)
    first = "".join(chunk.decode() for _, chunk in zip(range(2), again.iter_encoded(), strict=False))
    again.close()
    assert "behind the tail" in first
    assert "before the tail" not in first


def test_the_whole_log_file_is_downloaded(admin: ApiClient) -> None:
    log.info("for the file")
    answer = admin.get("/api/admin/logs/file")
    assert "attachment" in answer.headers["Content-Disposition"]
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert "for the file" in [line["event"] for line in lines]


def test_a_name_full_of_markup_and_breaks_stays_one_line(admin: ApiClient) -> None:
    log.info("upload", name='<script>alert(1)</script>\n{"event": "forged"}')
    assert "forged" not in events(admin)
    assert admin.get("/api/admin/logs/file").text.count('"event": "forged"') == 0


@pytest.mark.parametrize(
    "path", ["", "/events", "/file"],
)  # fmt: skip
def test_only_admins_read_logs(app: OpenAPI, path: str) -> None:
    assert client_of(app).get(f"/api/admin/logs{path}").status_code == 401
    assert signed_in(app, "member").get(f"/api/admin/logs{path}").status_code == 403
    assert signed_in(app, "member").get("/api/admin/support-bundle").status_code == 403


def test_the_support_bundle_has_no_personal_data(
    app: OpenAPI, admin: ApiClient, appliance: Appliance
) -> None:
    os.environ["SOME_API_KEY"] = "key-in-the-environment"
    try:
        told = everywhere(app, appliance)
        packed = zipfile.ZipFile(io.BytesIO(admin.get("/api/admin/support-bundle").data))
    finally:
        del os.environ["SOME_API_KEY"]
    texts = {name: packed.read(name).decode() for name in packed.namelist()}
    assert {"status.json", "settings.txt", "doctor.txt", "log.jsonl", "versions.txt", "certificate.json"} <= {
        name.removeprefix("support/") for name in texts
    }
    assert "WHISPER_MODEL=tiny.en" in texts["support/settings.txt"]
    assert "METRICS_TOKEN=********" in texts["support/settings.txt"]
    lines = [json.loads(line) for line in texts["support/log.jsonl"].splitlines()]
    assert {"something failed", "Error handling request %s"} <= {line["event"] for line in lines}
    assert next(line for line in lines if line["event"] == "something failed")["error"] == "ValueError"
    for name, text in texts.items():
        for secret in told:
            assert secret.casefold() not in text.casefold(), (name, secret)


def everywhere(app: OpenAPI, appliance: Appliance) -> list[str]:
    """Puts words, names and secrets wherever they could come into a log; returns all of them."""
    title, file, user = "Divorce of the Mustermanns", "Kontoauszug 2025.wav", "Erika Musterfrau"
    client = signed_in(app, user=an_account(appliance, "owner", user))
    job = send(client, WORDS, name=file).json
    assert client.patch(f"/api/transcripts/{job['id']}", json={"title": title}).status_code == 200
    token, words = "S3cret-t0ken_that-opens-captions-0123456789", "zebra umbrella quartz"
    foreign = logging.getLogger("gunicorn.error")
    try:
        int(f"{file}: {words}")
    except ValueError:
        log.exception("something failed", title=title, text=words, token=token)
        foreign.exception("Error handling request %s", f"/captions/{token}")
    log.warning(
        "refused",
        reason=f"There is no model named '{words}' for {title} at https://u:pass-in-an-address@h/p?q={token}",
    )
    log.warning("refused", reason=f"{title.upper()} by {user} <erika@example.org>", code=words, error=words)
    foreign.warning(f"{SECRET} {appliance.secret_key} {token}")
    log.info("for a path", path=f"/x/{title}/{token}", session=token, model=f"{words} {title}")
    return [
        title, file, user, "erika@example.org", token, words, SECRET, appliance.secret_key,
        "key-in-the-environment", "pass-in-an-address", job["id"],
    ]  # fmt: skip


def test_the_support_bundle_works_with_a_damaged_database(appliance: Appliance) -> None:
    with sqlite3.connect(appliance.settings.data_dir / "appliance.sqlite") as database:
        database.execute("ALTER TABLE transcripts RENAME TO gone")
    try:
        packed = zipfile.ZipFile(io.BytesIO(make_support_bundle(appliance, "today")))
    finally:
        database.execute("ALTER TABLE gone RENAME TO transcripts")
        database.commit()
        database.close()
    assert "support/log.jsonl" in packed.namelist()
