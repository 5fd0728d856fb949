"""Everybody's jobs and live sessions in the panel."""

import io
import threading
from typing import Any

import pytest
from flask_openapi3 import OpenAPI

from tests.support.client import ApiClient, client_of, signed_in
from tests.support.jobs import Script
from tests.support.statements import statements
from tests.support.wait import wait_until
from whisper_appliance.accounts.audit import AuditFilter
from whisper_appliance.app.appliance import Appliance


@pytest.fixture
def admin(app: OpenAPI) -> ApiClient:
    return signed_in(app, "admin")


def send(client: ApiClient, words: str = "alpha beta", name: str = "secret plan.wav") -> str:
    """Has the script hear these words; returns the job's id."""
    form = {"file": (io.BytesIO(words.encode()), name), "async": "true"}
    answer = client.post("/transcribe", data=form)
    assert answer.status_code == 202, answer.text
    return str(answer.json["id"])


def row(admin: ApiClient, id: str) -> dict[str, Any]:
    jobs = admin.get("/api/admin/jobs").json["jobs"]
    return next(job for job in jobs if job["handle"] == id[:16])


def test_jobs_of_everybody_are_listed_without_words_and_titles(
    app: OpenAPI, appliance: Appliance, admin: ApiClient
) -> None:
    member, nobody = signed_in(app, "member"), client_of(app)
    theirs, nobodys = send(member), send(nobody)
    for id in (theirs, nobodys):
        appliance.queue.wait(id, 60)
    answer = admin.get("/api/admin/jobs")
    first = row(admin, theirs)
    assert first["owner"] == {"kind": "user", "name": member.user.name, "id": member.user.id}
    assert (first["status"], first["source"], first["model"], first["progress"]) == (
        "done",
        "upload",
        "tiny.en",
        1,
    )
    assert row(admin, nobodys)["owner"]["kind"] == "nobody"
    assert answer.json["counts"]["done"] >= 2
    assert member.user.name in [user["name"] for user in answer.json["users"]]
    for secret in ("secret", "alpha", "beta", theirs, nobodys):
        assert secret not in answer.text


def test_live_sessions_and_workers_come_with_the_jobs_if_they_are_wanted(admin: ApiClient) -> None:
    with statements() as made:
        page = admin.get("/api/admin/jobs?with_activity=true").json
    assert sum("FROM users ORDER BY" in each for each in made) == 1
    assert page["live"] == admin.get("/api/admin/live").json
    assert page["workers"] == admin.get("/api/admin/workers").json["workers"]
    plain = admin.get("/api/admin/jobs").json
    assert (plain["live"], plain["workers"]) == (None, None)


def test_jobs_are_filtered_and_paged(app: OpenAPI, appliance: Appliance, admin: ApiClient) -> None:
    member = signed_in(app, "member")
    ids = [send(member, f"word{number}") for number in range(3)]
    for id in ids:
        appliance.queue.wait(id, 60)
    theirs = f"/api/admin/jobs?owner={member.user.id}"
    first = admin.get(f"{theirs}&limit=2").json
    second = admin.get(f"{theirs}&limit=2&before={first['next']}").json
    handles = [job["handle"] for job in first["jobs"] + second["jobs"]]
    assert handles == [id[:16] for id in reversed(ids)]
    assert second["next"] is None
    assert admin.get(f"{theirs}&state=failed").json["jobs"] == []
    assert admin.get("/api/admin/jobs?state=nonsense").status_code == 400


def test_a_running_job_of_somebody_is_cancelled_and_recorded(
    app: OpenAPI, appliance: Appliance, admin: ApiClient, script: Script
) -> None:
    begun, hold = threading.Event(), threading.Event()

    def wait(_: str) -> None:
        begun.set()
        hold.wait(60)

    script.before_window = wait
    id = send(signed_in(app, "member"), "one two three")
    assert begun.wait(60)  # what has not begun is cancelled at once
    assert admin.delete(f"/api/admin/jobs/{id[:16]}").status_code == 204
    assert row(admin, id)["stopping"]
    hold.set()
    wait_until(lambda: row(admin, id)["status"] == "cancelled")
    (record,) = appliance.audit.page(AuditFilter(action="job.cancel"))
    assert record.object == id[:16]


def test_a_waiting_job_of_somebody_is_put_first_and_recorded(
    app: OpenAPI, appliance: Appliance, admin: ApiClient
) -> None:
    member = signed_in(app, "member")
    assert member.put("/api/jobs/pause").status_code == 204
    id = send(member, "word")
    assert admin.post(f"/api/admin/jobs/{id[:16]}/first").status_code == 204
    assert row(admin, id)["first"]
    assert member.delete("/api/jobs/pause").status_code == 204
    appliance.queue.wait(id, 60)
    assert admin.post(f"/api/admin/jobs/{id[:16]}/first").status_code == 409
    (record,) = appliance.audit.page(AuditFilter(action="job.first"))
    assert record.object == id[:16]


def test_a_job_that_is_not_there_cannot_be_cancelled(admin: ApiClient) -> None:
    assert admin.delete(f"/api/admin/jobs/{'0' * 16}").status_code == 404
    assert admin.delete(f"/api/admin/live/{'0' * 16}").status_code == 404


def test_there_are_no_live_sessions_at_first(admin: ApiClient) -> None:
    answer = admin.get("/api/admin/live").json
    assert answer == {"sessions": [], "limit": 8}
