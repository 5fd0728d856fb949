"""What is refused before or while it arrives, and why."""

import io
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from tests.support.application import StartAppliance
from tests.support.client import ApiClient, Response, an_account, client_of, send, uploads
from tests.support.jobs import Script
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.api.native.job_stream import JobEventStream
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.errors import Busy
from whisper_appliance.server.application import create_app
from whisper_appliance.web.uploads import Uploads


def test_a_long_job_is_answered_with_its_address(start_appliance: StartAppliance, script: Script) -> None:
    script.window_seconds = 0.5
    api_client = client_of(create_app(start_appliance(wait_seconds=0.1)))
    answer = send(api_client)
    assert answer.status_code == 202
    assert answer.json["status"] in ("queued", "running")


def test_requests_that_wait_get_the_job_when_their_share_is_full(start_appliance: StartAppliance) -> None:
    app = create_app(start_appliance(waiting_requests_per_client=1))
    waiting = app.extensions["whisper_appliance"].waiting
    with waiting.hold("network 127.0.0.1"):
        assert send(client_of(app)).status_code == 202
    assert send(client_of(app)).status_code == 200


def test_users_of_one_address_leave_half_of_the_waiting_requests_to_others(
    start_appliance: StartAppliance,
) -> None:
    app = create_app(start_appliance(max_waiting_requests=4, waiting_requests_per_client=1))
    waiting = app.extensions["whisper_appliance"].waiting
    with waiting.hold("user 1", "127.0.0.1"), waiting.hold("user 2", "127.0.0.1"):
        assert send(client_of(app)).status_code == 202
    with waiting.hold("user 1", "192.0.2.9"), waiting.hold("user 2", "192.0.2.9"):
        assert send(client_of(app)).status_code == 200


def test_other_apis_refuse_a_recording_unread_when_their_share_of_waiting_is_full(
    start_appliance: StartAppliance,
) -> None:
    app = create_app(start_appliance(max_waiting_requests=1))
    with app.extensions["whisper_appliance"].waiting.hold("network 192.0.2.9"):
        answer = client_of(app).post("/asr", data=b"", content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_uploads_of_one_address_are_limited(start_appliance: StartAppliance) -> None:
    appliance = start_appliance(uploads_at_once=3, uploads_per_user=1, uploads_per_address=2)
    receiver = create_app(appliance).extensions["whisper_appliance"].uploads
    with receiver.slot("ann", "192.0.2.1"), receiver.slot("ben", "192.0.2.1"):
        with pytest.raises(Busy), receiver.slot("cat", "192.0.2.1"):
            pass
        with receiver.slot("dan", "192.0.2.2"):
            pass
    assert appliance.metrics.refusals == {"uploads_per_address": 1}


@pytest.fixture(scope="module")
def small(start_appliance: StartAppliance) -> Appliance:
    """One that takes files of a kilobyte."""
    return start_appliance(max_upload_size="1KB", uploads_at_once=2, uploads_per_user=1)


def test_an_upload_with_a_too_large_content_length_is_refused_unread(small: Appliance) -> None:
    answer = client_of(create_app(small)).post(
        "/transcribe",
        input_stream=io.BytesIO(b"not even a form"),
        content_type="multipart/form-data; boundary=x",
        environ_overrides={"CONTENT_LENGTH": "10000000"},
    )
    assert answer.status_code == 413
    assert "1 KB" in answer.json["error"]["message"]


def test_an_upload_above_the_limit_is_refused_while_it_arrives(small: Appliance) -> None:
    answer = send(client_of(create_app(small)), words="x" * 2000)
    assert answer.status_code == 413
    assert uploads(small) == []


def send_in_chunks(client: ApiClient, sound: bytes) -> Response:
    """As a client does that does not know the length."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    return client.post(
        "/transcribe",
        input_stream=io.BytesIO(head + sound + b"\r\n--x--\r\n"),
        content_type="multipart/form-data; boundary=x",
        environ_overrides=chunked,
    )


def send_whole(client: ApiClient, sound: bytes) -> Response:
    """As a client does that says the length."""
    return send(client, sound.decode())


def test_a_chunked_body_has_the_same_size_limit(small: Appliance) -> None:
    api_client = client_of(create_app(small))
    assert send_in_chunks(api_client, b"hello").status_code == 200
    assert send_in_chunks(api_client, b"y" * 10**6).status_code == 413
    assert uploads(small) == []


def test_a_body_without_length_or_chunks_is_refused(small: Appliance) -> None:
    app = create_app(small)
    environ = EnvironBuilder(
        "/transcribe", method="POST", data=b"x", content_type="multipart/form-data; boundary=x"
    ).get_environ()
    del environ["CONTENT_LENGTH"]
    _, status, _ = run_wsgi_app(app, environ)
    assert status == "411 LENGTH REQUIRED"


def test_uploads_at_once_are_limited(small: Appliance) -> None:
    app = create_app(small)
    receiver = app.extensions["whisper_appliance"].uploads
    with receiver.slot("ann", "192.0.2.1"), receiver.slot("ben", "192.0.2.2"):
        answer = send(client_of(app))
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert send(client_of(app)).status_code == 200


def test_uploads_of_one_user_are_limited(small: Appliance) -> None:
    receiver = create_app(small).extensions["whisper_appliance"].uploads
    with receiver.slot("ann", "192.0.2.1"):
        with pytest.raises(Busy), receiver.slot("ann", "192.0.2.1"):
            pass
        with receiver.slot("ben", "192.0.2.1"):
            pass


def test_a_slow_upload_is_ended(small: Appliance) -> None:
    now = iter(range(0, 10**6, 1000))
    app = create_app(small)
    app.extensions["whisper_appliance"].uploads = Uploads(lambda: small.settings, lambda: float(next(now)))
    assert send(client_of(app)).status_code == 200
    now = iter(range(0, 10**9, 10**5))
    assert send(client_of(app)).status_code == 408
    assert uploads(small) == []


class Late(io.BytesIO):
    """A body that does not arrive in time."""

    def readinto(self, _buffer: Any) -> int:
        raise TimeoutError


@pytest.mark.parametrize("path", ["/mcp", "/api/session"])
def test_a_body_that_does_not_arrive_gets_the_reason_and_is_counted(small: Appliance, path: str) -> None:
    _, key = small.accounts.keys.create(an_account(small), "a model", ("transcribe",), days=None, by=SHELL)
    client = client_of(create_app(small))

    def hits() -> list[str]:
        return re.findall(
            r'limit_refusals_total{limit="body_idle_seconds"} (.*)', client.get("/metrics").text
        )

    before = hits()
    answer = client.post(
        path,
        input_stream=Late(),
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": "60000"},
        headers={"Authorization": f"Bearer {key}"},
    )
    assert (answer.status_code, answer.json["error"]["message"][:35]) == (
        408,
        "The body of this request arrived to",
    )
    assert hits() != before


CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}


class Dripping(io.BytesIO):
    """A body of which 20 bytes arrive in 20 seconds, while somebody asks for a place each time."""

    def __init__(self, body: bytes, now: list[float], receiver: Uploads) -> None:
        super().__init__(body)
        self._now = now
        self._receiver = receiver

    def readinto(self, buffer: Any) -> int:
        self._now[0] += 20
        with suppress(Busy), self._receiver.slot("cat", "192.0.2.3"):
            pass
        return super().readinto(memoryview(buffer)[:20])


def test_an_upload_that_drips_loses_its_slot_once_others_wait(small: Appliance) -> None:
    now = [0.0]
    app = create_app(small)
    receiver = Uploads(lambda: small.settings, lambda: now[0])
    app.extensions["whisper_appliance"].uploads = receiver

    def drip() -> Response:
        body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nhi\r\n--x--\r\n'
        return client_of(app).post(
            "/transcribe",
            input_stream=Dripping(body, now, receiver),
            content_type="multipart/form-data; boundary=x",
            environ_overrides=CHUNKED,
        )

    assert drip().status_code == 200, "a slow line is no reason while there is room"
    with receiver.slot("ann", "192.0.2.1"):
        assert drip().status_code == 408
    assert uploads(small) == []


def test_a_large_message_to_a_model_that_drips_loses_its_slot_once_others_wait(small: Appliance) -> None:
    now = [0.0]
    app = create_app(small)
    receiver = Uploads(lambda: small.settings, lambda: now[0])
    app.extensions["whisper_appliance"].uploads = receiver
    _, key = small.accounts.keys.create(an_account(small), "a model", ("transcribe",), days=None, by=SHELL)

    def drip() -> Response:
        return client_of(app).post(
            "/mcp",
            input_stream=Dripping(
                b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {}}', now, receiver
            ),
            content_type="application/json",
            headers={"Authorization": f"Bearer {key}"},
            environ_overrides=CHUNKED,
        )

    assert drip().status_code == 200
    with receiver.slot("ann", "192.0.2.1"):
        assert drip().status_code == 408


def test_a_full_disk_is_reported_before_the_upload(start_appliance: StartAppliance) -> None:
    answer = send(client_of(create_app(start_appliance(min_free_disk="900TiB"))))
    assert answer.status_code == 507
    assert answer.json["error"]["code"] == "disk_full"


@pytest.fixture
def tight(start_appliance: StartAppliance) -> tuple[Appliance, ApiClient, Callable[[int], None]]:
    """An appliance, a client, and what says how many bytes are free when an upload begins."""
    appliance = start_appliance()
    app = create_app(appliance)
    folder = appliance.settings.data_dir / "uploads"

    def leave(free: int) -> None:
        def free_bytes(_folder: Path) -> int:
            return free - sum(path.stat().st_size for path in folder.glob("*"))

        app.extensions["whisper_appliance"].uploads = Uploads(
            lambda: appliance.settings, free_bytes=free_bytes
        )

    return appliance, client_of(app), leave


@pytest.mark.parametrize("sender", [send_whole, send_in_chunks])
def test_an_upload_needs_twice_its_size_on_the_disk(
    tight: tuple[Appliance, ApiClient, Callable[[int], None]],
    sender: Callable[[ApiClient, bytes], Response],
) -> None:
    appliance, client, leave = tight
    sound = b"one " + b"y" * 1_000_000
    leave(2 * len(sound) + 4096)
    assert sender(client, sound).status_code == 200
    leave(2 * len(sound) - 4096)
    refused = sender(client, sound)
    assert refused.status_code == 507
    assert refused.json["error"]["code"] == "disk_full"
    assert uploads(appliance) == []


def test_without_a_model_the_answer_is_503_with_the_reason(
    start_appliance: StartAppliance, tmp_path: Path
) -> None:
    appliance = start_appliance(whisper_model="large-v3", model_downloads=False)
    answer = send(client_of(create_app(appliance)))
    assert answer.status_code == 503
    assert answer.json["error"]["code"] == "model_unavailable"
    assert int(answer.headers["Retry-After"]) > 0


def test_a_model_that_arrives_is_used_without_a_restart(
    start_appliance: StartAppliance, tmp_path: Path, tiny_en: Path
) -> None:
    (tmp_path / "later").mkdir()
    api_client = client_of(create_app(start_appliance(model_dir=tmp_path / "later", whisper_model="mine")))
    assert send(api_client).status_code == 503
    (tmp_path / "later" / "mine").symlink_to(tiny_en)
    assert send(api_client).status_code == 200


def test_a_stream_ends_when_the_appliance_stops(start_appliance: StartAppliance, script: Script) -> None:
    stopping, began = threading.Event(), threading.Event()

    def wait_for_the_stop(_word: str) -> None:
        began.set()
        stopping.wait(60)

    script.before_window = wait_for_the_stop
    appliance = start_appliance(stopping=stopping)
    api_client = client_of(create_app(appliance))
    id = send(api_client, **{"async": "1"}).json["id"]
    assert began.wait(60)
    stream = JobEventStream(appliance, appliance.queue.get(id)).events()
    next(stream)
    stopping.set()
    assert len(list(stream)) < 5
