"""Jobs are watched while they run, and cancelled."""

import json
import threading
from collections.abc import Generator, Iterator
from typing import Any

from tests.support.client import ApiClient, Response, client_of, open_page, send, uploads
from tests.support.jobs import Script
from whisper_appliance.api.native.job_stream import JobEventStream
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.server.application import create_app

ASYNC = {"async": "true"}


def events(answer: Response) -> Iterator[tuple[str, Any]]:
    """The events of a stream: name and data."""
    for block in answer.text.split("\n\n"):
        if block.startswith("event: "):
            name, data = block.split("\n", 1)
            yield name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def test_a_job_has_its_state(api_client: ApiClient, appliance: Appliance) -> None:
    id = send(api_client, words="a b", **ASYNC).json["id"]
    appliance.queue.wait(id, timeout_seconds=60)
    job = api_client.get(f"/api/jobs/{id}").json
    assert (job["status"], job["progress"], job["text"]) == ("done", 1, "a b")
    assert job["transcript_id"]
    assert job["error"] is None


def test_a_list_of_jobs_goes_on_where_its_page_ended(browser: ApiClient, appliance: Appliance) -> None:
    made = [send(browser, words=word, **ASYNC).json["id"] for word in ("a", "b", "c")]
    for id in made:
        appliance.queue.wait(id, timeout_seconds=60)
    first = browser.get("/api/jobs?limit=2").json
    second = browser.get("/api/jobs", query_string={"limit": 2, "cursor": first["next"]}).json
    assert [each["id"] for each in first["jobs"] + second["jobs"]] == made[::-1]
    assert second["next"] is None
    assert browser.get("/api/jobs?status=failed").json == {"jobs": [], "paused": False, "next": None}
    assert len(browser.get("/api/jobs?status=done").json["jobs"]) == 3


def test_a_cursor_of_another_users_job_lists_nothing(browser: ApiClient, appliance: Appliance) -> None:
    id = send(browser, words="a").json["id"]
    other = open_page(browser.application)
    send(other, words="b")
    assert other.get(f"/api/jobs?cursor={id}").json["jobs"] == []
    assert other.get("/api/jobs?cursor=1").json["error"]["field"] == "cursor"


def test_the_events_of_a_job_hold_every_segment_once_and_end(api_client: ApiClient, script: Script) -> None:
    script.window_seconds = 0.1
    id = send(api_client, words="a b c d", **ASYNC).json["id"]
    answer = api_client.get(f"/api/jobs/{id}/events")
    assert answer.mimetype == "text/event-stream"
    told = list(events(answer))
    segments = [segment for name, data in told if name == "segments" for segment in data["segments"]]
    assert [segment["text"] for segment in segments] == [" a", " b", " c", " d"]
    assert [segment["id"] for segment in segments] == [0, 1, 2, 3]
    assert told[-1] == ("job", told[-1][1])
    assert told[-1][1]["status"] == "done"


def test_the_events_of_an_ended_job_come_at_once(api_client: ApiClient) -> None:
    id = send(api_client, words="a b").json["id"]
    told = list(events(api_client.get(f"/api/jobs/{id}/events")))
    assert [name for name, _ in told] == ["segments", "job"]


def test_a_cancelled_job_stops_at_its_next_window_and_can_be_retried(
    api_client: ApiClient, script: Script, appliance: Appliance
) -> None:
    began, go_on = threading.Event(), threading.Event()

    def wait(word: str) -> None:
        began.set()
        go_on.wait(60)

    script.before_window = wait
    id = send(api_client, words="a b c", **ASYNC).json["id"]
    assert began.wait(60)
    assert api_client.delete(f"/api/jobs/{id}").status_code == 200
    go_on.set()
    assert appliance.queue.wait(id, timeout_seconds=60).status == "cancelled"
    cancelled = api_client.get(f"/api/jobs/{id}").json
    assert (cancelled["transcript_id"], cancelled["can_retry"]) == (None, True)
    assert api_client.post(f"/api/jobs/{id}/retry").json["status"] in ("queued", "running")
    assert appliance.queue.wait(id, timeout_seconds=60).status == "done"
    assert uploads(appliance) == []
    again = api_client.post(f"/api/jobs/{id}/retry")
    assert (again.status_code, again.json["error"]["code"]) == (404, "not_found")


def test_a_queue_is_paused_ordered_and_continued_by_its_owner_only(
    browser: ApiClient, appliance: Appliance
) -> None:
    assert browser.put("/api/jobs/pause").status_code == 204
    first, second = (send(browser, words=word, **ASYNC).json["id"] for word in ("a", "b"))
    assert browser.post(f"/api/jobs/{second}/move", json={"before": first}).json["own_place"] == 1
    listed = browser.get("/api/jobs").json
    assert listed["paused"]
    assert {job["id"]: job["own_place"] for job in listed["jobs"]} == {second: 1, first: 2}
    assert all(job["paused"] and job["position"] is None for job in listed["jobs"])
    other = open_page(browser.application)
    assert other.post(f"/api/jobs/{second}/move", json={"before": None}).status_code == 404
    assert send(other, words="c").json["text"] == "c"
    assert other.get("/api/jobs").json["paused"] is False
    assert browser.post(f"/api/jobs/{second}/move", json={"before": "x"}).status_code == 400
    assert browser.delete("/api/jobs/pause").status_code == 204
    for id in (first, second):
        assert appliance.queue.wait(id, 60).status == "done"
    assert browser.post(f"/api/jobs/{second}/move", json={"before": None}).status_code == 409
    assert client_of(browser.application).put("/api/jobs/pause").status_code == 400


def test_event_streams_are_limited_and_release_their_slots(appliance: Appliance) -> None:
    api_client = client_of(create_app(appliance))
    id = send(api_client).json["id"]
    streams = api_client.application.extensions["whisper_appliance"].streams
    for client in range(99):
        streams.acquire(f"client {client}")
    first = api_client.get(f"/api/jobs/{id}/events")
    refused = api_client.get(f"/api/jobs/{id}/events")
    assert (first.status_code, refused.status_code) == (200, 429)
    assert int(refused.headers["Retry-After"]) > 0
    first.close()
    with api_client.get(f"/api/jobs/{id}/events") as again:
        assert again.status_code == 200


def test_users_of_one_address_leave_half_of_the_event_streams_to_others(appliance: Appliance) -> None:
    api_client = client_of(create_app(appliance))
    path = f"/api/jobs/{send(api_client).json['id']}/events"
    streams = api_client.application.extensions["whisper_appliance"].streams
    for user in range(49):
        streams.acquire(f"user {user}", "127.0.0.1")
    first = api_client.get(path)
    assert (first.status_code, api_client.get(path).status_code) == (200, 429)
    first.close()
    with api_client.get(path) as again:
        assert again.status_code == 200


def test_a_closed_event_stream_unsubscribes(
    api_client: ApiClient, script: Script, appliance: Appliance
) -> None:
    script.window_seconds = 0.5
    id = send(api_client, words="a b c", **ASYNC).json["id"]
    stream = JobEventStream(appliance, appliance.queue.get(id)).events()
    assert isinstance(stream, Generator)
    next(stream)
    assert appliance.job_notifier.subscriber_count() == 1
    stream.close()
    assert appliance.job_notifier.subscriber_count() == 0
    appliance.queue.wait(id, timeout_seconds=60)


def test_an_idle_event_stream_sends_heartbeats(
    api_client: ApiClient, script: Script, appliance: Appliance
) -> None:
    go_on = threading.Event()
    script.before_window = lambda word: go_on.wait(60)
    id = send(api_client, words="a", **ASYNC).json["id"]
    clock = iter(range(0, 10_000, 20))
    stream = JobEventStream(appliance, appliance.queue.get(id), lambda: float(next(clock))).events()
    assert isinstance(stream, Generator)
    assert any(next(stream).startswith(": ") for _ in range(5))
    stream.close()
    go_on.set()
    appliance.queue.wait(id, timeout_seconds=60)
