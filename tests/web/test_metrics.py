"""/metrics: what happened is counted, in a format that Prometheus reads, for those who may read it."""

import io
import re
import threading
from pathlib import Path

import pytest
from flask_openapi3 import OpenAPI
from prometheus_client.parser import text_string_to_metric_families

from tests.support.application import StartAppliance
from tests.support.client import ApiClient, client_of, send
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.server.application import create_app

ROOT = Path(__file__).parents[2]
Values = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(text: str) -> Values:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def metrics(api_client: ApiClient) -> Values:
    answer = api_client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain")
    return read(answer.text)


def value(found: Values, name: str, **labels: str) -> float:
    return sum(
        number
        for (its, with_), number in found.items()
        if its == name and labels.items() <= dict(with_).items()
    )


def test_metrics_count_jobs_and_their_audio(api_client: ApiClient) -> None:
    before = metrics(api_client)
    assert send(api_client, "one two three").status_code == 200
    after = metrics(api_client)

    def grown(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert grown("whisper_uploads_total") == 1
    assert grown("whisper_upload_bytes_total") > 0
    assert grown("whisper_jobs_total", status="done") == 1
    assert grown("whisper_job_wait_seconds_count", priority="interactive") == 1
    assert grown("whisper_audio_seconds_total", model="tiny.en") > 0
    assert grown("whisper_http_request_seconds_count", route="/transcribe", method="POST", status="200") == 1


def test_metrics_count_requests_by_route_pattern(api_client: ApiClient) -> None:
    api_client.get(f"/api/jobs/{'0' * 32}")
    api_client.get("/nowhere/secret-name")
    api_client.open("/", method="BREW")
    found = metrics(api_client)
    routes = {dict(labels).get("route") for _, labels in found}
    assert "/api/jobs/<hex32:id>" in routes
    assert value(found, "whisper_http_request_seconds_count", route="none", status="404") == 1
    assert value(found, "whisper_errors_total", where="http", code="not_found") == 2
    text = api_client.get("/metrics").text
    assert "secret-name" not in text
    assert "0" * 32 not in text
    assert "BREW" not in text


def test_metrics_contain_the_current_state(api_client: ApiClient, appliance: Appliance) -> None:
    api_client.get("/api/status")
    found = metrics(api_client)
    assert value(found, "whisper_healthy") == 1
    assert value(found, "whisper_live_sessions") == 0
    assert value(found, "whisper_streams") == 0
    assert value(found, "whisper_jobs_waiting") == 0
    assert value(found, "process_resident_memory_bytes") > 10_000_000
    assert value(found, "whisper_build_info") == 1


def test_two_appliances_have_separate_metrics(start_appliance: StartAppliance) -> None:
    first = client_of(create_app(start_appliance()))
    first.get("/health")
    second = client_of(create_app(start_appliance()))
    found = metrics(second)
    assert value(found, "whisper_http_request_seconds_count", route="/health") == 0


@pytest.fixture
def guarded(start_appliance: StartAppliance) -> OpenAPI:
    return create_app(start_appliance(metrics_token="wanted-by-prometheus"))


ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}


def test_remote_clients_need_the_metrics_token(guarded: OpenAPI) -> None:
    api_client = client_of(guarded)
    assert api_client.get("/metrics", environ_overrides=ELSEWHERE).status_code == 403
    for token, status in (("wanted-by-prometheus", 200), ("wrong", 403), ("", 403), ("ü", 403)):
        headers = {"Authorization": f"Bearer {token}".encode().decode("latin-1")}
        answer = api_client.get("/metrics", headers=headers, environ_overrides=ELSEWHERE)
        assert answer.status_code == status, token


def test_a_proxied_request_is_not_local(api_client: ApiClient) -> None:
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
        assert api_client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 403


def test_without_a_metrics_token_remote_clients_are_refused(api_client: ApiClient) -> None:
    headers = {"Authorization": "Bearer None"}
    assert api_client.get("/metrics", headers=headers, environ_overrides=ELSEWHERE).status_code == 403


def test_metrics_can_be_read_during_many_requests(api_client: ApiClient, app: OpenAPI) -> None:
    texts: list[str] = []
    threads = [
        threading.Thread(target=lambda: texts.append(client_of(app).get("/metrics").text)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(read(text) for text in texts)
    assert len(texts) == 8


def test_a_refused_file_is_an_error_and_no_upload(api_client: ApiClient) -> None:
    before = metrics(api_client)
    data = {"file": (io.BytesIO(b"%PDF"), "notes.pdf")}
    assert api_client.post("/transcribe", data=data).status_code == 415
    after = metrics(api_client)
    name = "whisper_errors_total"
    assert value(after, name, code="unsupported_media") == value(before, name, code="unsupported_media") + 1
    assert value(after, "whisper_uploads_total") == value(before, "whisper_uploads_total")


def test_dashboard_alerts_and_documentation_name_metrics_that_exist(api_client: ApiClient) -> None:
    text = api_client.get("/metrics").text
    there = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
    for name in (
        "deploy/grafana/dashboard.json",
        "deploy/prometheus/alerts.yaml",
        "deploy/prometheus/alerts.test.yaml",
        "docs/deploying.md",
    ):
        for metric in set(re.findall(r"\bwhisper_(?!appliance)[a-z_]+", (ROOT / name).read_text())):
            assert re.sub(r"_(bucket|count|sum)$", "", metric) in there, (name, metric)
