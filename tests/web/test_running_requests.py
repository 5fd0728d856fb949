"""Requests that run at once: one client cannot take the threads that all need."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from gunicorn.http.wsgi import FileWrapper

from tests.support.application import StartAppliance
from tests.support.client import client_of
from whisper_appliance.core import request_turn, server_threads
from whisper_appliance.server.application import create_app
from whisper_appliance.web.limits.running_requests import KEPT_PER_CLIENT, REFUSED, RunningRequests

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class Requests:
    """Requests that run until they are ended, and what was refused."""

    def __init__(self, per_client: int = 2) -> None:
        self.refused: list[str] = []
        self._middleware = RunningRequests(self._respond, per_client, self.refused.append)
        self.own_place = False

    def _respond(self, environ: "WSGIEnvironment", _start: object) -> Iterable[bytes]:
        if self.own_place:
            request_turn.leave()
        return [b"x"]

    def begin(self, address: str, path: str = "/api/jobs") -> tuple[bool, Iterable[bytes]]:
        """Whether a request is admitted, and its response."""
        environ = {"REMOTE_ADDR": address, "PATH_INFO": path}
        response = self._middleware(environ, lambda *_: lambda _data: None)
        return REFUSED not in environ, response


@pytest.fixture
def requests() -> Iterator[Requests]:
    token = server_threads.free.set(None)
    yield Requests()
    server_threads.free.reset(token)


def end(response: Iterable[bytes]) -> None:
    response.close()  # type: ignore[attr-defined] # as servers do


def test_one_address_has_so_many_requests_at_once(requests: Requests) -> None:
    begun = [requests.begin("10.0.0.1") for _ in range(3)]
    assert [admitted for admitted, _ in begun] == [True, True, False]
    assert requests.refused == ["requests"]
    assert requests.begin("10.0.0.2")[0]
    for path in ("/health", "/static/css/page.css"):
        assert requests.begin("10.0.0.1", path)[0], path
    for _, response in begun[1:]:
        end(response)
    assert requests.begin("10.0.0.1")[0]


def test_an_ipv6_network_is_one_address(requests: Requests) -> None:
    assert [requests.begin(f"2001:db8::{number}")[0] for number in range(3)] == [True, True, False]


def test_what_has_a_place_of_its_own_does_not_count(requests: Requests) -> None:
    requests.own_place = True
    held = [requests.begin("10.0.0.1") for _ in range(10)]
    assert all(admitted for admitted, _ in held)
    requests.own_place = False
    for _, response in held:
        end(response)
    assert [requests.begin("10.0.0.1")[0] for _ in range(3)] == [True, True, False]


def test_a_request_that_fails_does_not_count() -> None:
    def fail(_environ: object, _start: object) -> Iterable[bytes]:
        raise OSError

    middleware = RunningRequests(fail, 1)
    for _ in range(2):
        environ = {"REMOTE_ADDR": "10.0.0.1"}
        with suppress(OSError):
            middleware(environ, lambda *_: lambda _data: None)
        assert REFUSED not in environ


def test_a_file_counts_until_it_is_closed_and_stays_a_file(requests: Requests) -> None:
    class File:
        closed = False

        def close(self) -> None:
            self.closed = True

    file = File()
    middleware = RunningRequests(lambda _environ, _start: FileWrapper(file), 1)
    environ = {"REMOTE_ADDR": "10.0.0.1", "wsgi.file_wrapper": FileWrapper}
    response = middleware(environ, lambda *_: lambda _data: None)
    assert isinstance(response, FileWrapper)
    middleware(second := dict(environ), lambda *_: lambda _data: None)
    assert REFUSED in second
    end(response)
    assert file.closed
    middleware(third := dict(environ), lambda *_: lambda _data: None)
    assert REFUSED in third, "the refused one is still open"


@pytest.mark.usefixtures("requests")  # it resets the number of free threads
def test_the_last_threads_are_kept_for_health_status_and_sign_in() -> None:
    requests = Requests(per_client=0)
    server_threads.free.set(server_threads.RESERVED - 1)
    assert not requests.begin("10.0.0.1")[0]
    for path in ("/health", "/api/status", "/sign-in", "/api/session"):
        assert requests.begin("10.0.0.2", path)[0], path
    kept = [requests.begin("10.0.0.3", "/api/session")[0] for _ in range(KEPT_PER_CLIENT + 1)]
    assert kept == [True] * KEPT_PER_CLIENT + [False]
    server_threads.free.set(server_threads.RESERVED)
    assert requests.begin("10.0.0.1")[0]


@pytest.mark.parametrize("path", ["/api/transcripts", "/v1/models"])
def test_a_refused_request_gets_the_error_of_its_api(start_appliance: StartAppliance, path: str) -> None:
    client = client_of(create_app(start_appliance()))
    token = server_threads.free.set(0)
    try:
        refused = client.get(path)
        assert client.get("/health").status_code == 200
    finally:
        server_threads.free.reset(token)
    assert refused.status_code == 429
    assert "too many requests at once" in refused.json["error"]["message"]
    assert refused.headers["Retry-After"] == "5"
    assert client.get(path).status_code == 200
