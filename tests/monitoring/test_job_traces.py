"""A real collector gets one trace for each job, whichever process worked on it."""

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.support.application import StartAppliance
from tests.support.client import client_of, send
from tests.support.jobs import Script
from whisper_appliance.core.errors import BadSetting, NoAudio, Unavailable
from whisper_appliance.engines.contract import Priority
from whisper_appliance.jobs.events import JobFailed, JobProgressed, JobStarted
from whisper_appliance.monitoring import job_traces
from whisper_appliance.server.application import create_app


class Collector:
    """Takes spans by OTLP over HTTP."""

    def __init__(self) -> None:
        collected: list[Span] = []
        self.spans = collected

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the name is the library's
                assert self.path == "/v1/traces"
                request = ExportTraceServiceRequest.FromString(
                    self.rfile.read(int(self.headers["Content-Length"]))
                )
                collected.extend(
                    span
                    for resource in request.resource_spans
                    for scope in resource.scope_spans
                    for span in scope.spans
                )
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A running collector."""
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever)
    thread.start()
    yield collector
    collector.server.shutdown()
    collector.server.server_close()
    thread.join()


def test_a_job_is_one_trace_from_its_request_to_its_transcript(
    start_appliance: StartAppliance, collector: Collector
) -> None:
    appliance = start_appliance(otel_exporter_otlp_endpoint=collector.url)
    assert send(client_of(create_app(appliance)), "one two three").status_code == 200
    appliance.close()
    spans = {span.name: span for span in collector.spans}
    assert set(spans) == {"POST /transcribe", "queue", "transcribe", "transcription"}
    assert len({span.trace_id for span in collector.spans}) == 1
    root = spans.pop("transcription")
    assert not root.parent_span_id
    assert root.trace_id.startswith(root.span_id), "so every process knows it from the id of the job"
    assert {span.parent_span_id for span in spans.values()} == {root.span_id}
    assert spans["transcribe"].events
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in collector.spans)


def test_a_failed_job_is_a_trace_with_its_error(
    start_appliance: StartAppliance, script: Script, collector: Collector
) -> None:
    def fail(_word: str) -> None:
        raise NoAudio("No sound in it.")

    script.before_window = fail
    appliance = start_appliance(otel_exporter_otlp_endpoint=collector.url)
    assert send(client_of(create_app(appliance))).status_code >= 400
    appliance.close()
    root = next(span for span in collector.spans if span.name == "transcription")
    assert root.status.code == Status.STATUS_CODE_ERROR
    assert root.status.message


def test_a_job_goes_on_without_a_trace_where_its_row_cannot_be_read() -> None:
    sent: list[Any] = []

    class Sink:
        on_end = staticmethod(sent.append)

        def shutdown(self) -> None:
            pass

    def find(_job: str) -> Any:
        raise Unavailable("The database does not answer.")

    traces = job_traces.JobTraces(Sink(), find)
    for event in (
        JobStarted("a" * 32, Priority.BATCH, 0),
        JobProgressed("a" * 32),
        JobFailed("a" * 32, "internal"),
    ):
        traces.on_job_event(event)
    assert not sent


def test_without_the_library_the_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(BadSetting, match="tracing"):
        job_traces.exporting("http://127.0.0.1:4318")
