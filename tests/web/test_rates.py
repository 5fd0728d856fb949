"""What comes too often is told so, with the time to wait; who watches over the appliance is always heard."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import g

from tests.support.application import StartAppliance
from tests.support.client import ApiClient, client_of, send
from tests.support.wait import wait_until
from whisper_appliance.accounts.identity import Actor, User
from whisper_appliance.core.errors import BadSetting
from whisper_appliance.server.application import create_app


def knock(
    api_client: ApiClient, times: int, address: str = "192.0.2.1", path: str = "/api/models"
) -> list[int]:
    """The statuses of so many requests."""
    return [api_client.get(path, environ_base={"REMOTE_ADDR": address}).status_code for _ in range(times)]


@pytest.fixture(scope="module")
def strict(start_appliance: StartAppliance) -> ApiClient:
    return client_of(create_app(start_appliance(requests_per_minute=5, uploads_per_minute=2)))


def test_too_many_requests_of_an_address_get_retry_after(strict: ApiClient) -> None:
    assert knock(strict, 5) == [200] * 5
    answer = strict.get("/api/models", environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert answer.status_code == 429
    assert answer.json["error"]["code"] == "busy"
    assert answer.json["error"]["request_id"]
    assert 1 <= int(answer.headers["Retry-After"]) <= 61


def test_another_address_has_its_own_rate_limit(strict: ApiClient) -> None:
    assert knock(strict, 6, "192.0.2.2")[-1] == 429
    assert knock(strict, 1, "192.0.2.3") == [200]


def test_the_addresses_of_an_ipv6_network_share_a_rate_limit(strict: ApiClient) -> None:
    assert [knock(strict, 1, f"2001:db8::{number:x}")[0] for number in range(6)][-1] == 429
    assert knock(strict, 1, "2001:db8:0:1::1") == [200]
    assert knock(strict, 1, "::ffff:192.0.2.9") == [200]


def test_a_forwarded_address_of_an_untrusted_client_is_ignored(strict: ApiClient) -> None:
    from_one = {"REMOTE_ADDR": "192.0.2.4"}
    statuses = [
        strict.get(
            "/api/models", headers={"X-Forwarded-For": f"10.0.0.{n}"}, environ_base=from_one
        ).status_code
        for n in range(6)
    ]
    assert statuses[-1] == 429


def test_health_and_static_files_have_no_rate_limit(strict: ApiClient) -> None:
    assert set(knock(strict, 20, path="/health")) == {200}
    assert set(knock(strict, 20, path="/static/any/css/tokens.css")) == {200}


def test_uploads_have_their_own_rate_limit(strict: ApiClient) -> None:
    answers = [send(strict, words=f"one {number}") for number in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert strict.get("/api/models").status_code == 200


def test_a_body_that_is_the_recording_itself_is_an_upload_too(strict: ApiClient) -> None:
    address = {"REMOTE_ADDR": "192.0.2.20"}
    answers = [
        strict.post("/v1/listen", data=b"one", content_type="audio/wav", environ_base=address)
        for _ in range(3)
    ]
    assert [answer.status_code == 429 for answer in answers] == [False, False, True]


def test_behind_a_trusted_proxy_each_client_has_its_own_rate_limit(
    start_appliance: StartAppliance,
) -> None:
    api_client = client_of(create_app(start_appliance(requests_per_minute=2, trusted_proxies=1)))
    statuses = [
        api_client.get("/api/models", headers={"X-Forwarded-For": f"spoofed, 10.0.0.{n // 2}"}).status_code
        for n in range(6)
    ]
    assert statuses == [200] * 6
    spoofed = {"X-Forwarded-For": "10.9.9.9, 10.0.0.0"}
    assert api_client.get("/api/models", headers=spoofed).status_code == 429


def test_users_and_keys_have_rate_limits_across_addresses(start_appliance: StartAppliance) -> None:
    app = create_app(start_appliance(requests_per_minute_per_user=3))

    def of(user: str, key: str) -> list[int]:
        found = Actor(user, User(user, user, "member", ""), key=key)
        app.before_request_funcs[None].insert(0, lambda: setattr(g, "actor", found))
        statuses = [knock(client_of(app), 1, f"192.0.2.{number}")[0] for number in range(4)]
        app.before_request_funcs[None].pop(0)
        return statuses

    assert of("ann", "") == [200, 200, 200, 429]
    assert of("ben", "first") == [200, 200, 200, 429]
    assert of("ben", "second") == [429] * 4


@pytest.fixture
def redis(tmp_path: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """A real server on a socket in the folder."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server on this machine")
    where = tmp_path / "redis.sock"
    server = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", str(where), "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )

    def listens() -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(where)) == 0

    wait_until(listens)
    yield server
    server.kill()
    server.wait()


def test_redis_shares_rate_limits_and_memory_is_the_fallback(
    redis: "subprocess.Popen[bytes]", tmp_path: Path, start_appliance: StartAppliance
) -> None:
    appliance = start_appliance(requests_per_minute=4, redis_url=f"redis+unix://{tmp_path}/redis.sock")
    first, second = (client_of(create_app(appliance)) for _ in range(2))
    assert knock(first, 2) + knock(second, 2) == [200] * 4
    assert knock(first, 1) + knock(second, 1) == [429, 429]
    redis.kill()
    redis.wait()
    assert knock(first, 5) == [200] * 4 + [429]


@pytest.mark.parametrize("url", ["http://localhost", "nonsense"])
def test_an_invalid_redis_url_stops_the_start(start_appliance: StartAppliance, url: str) -> None:
    with pytest.raises(BadSetting, match="REDIS_URL"):
        create_app(start_appliance(redis_url=url))
