"""Wyoming's events, with the client of its package: recordings, formats, limits, and input that is wrong."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from flask_openapi3 import OpenAPI
from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from zeroconf import ServiceBrowser, ServiceListener, Zeroconf

from tests.support.accounts import GOOD_PASSWORD
from tests.support.application import StartAppliance
from tests.support.live_client import LIVE_SERVER, settings_of
from tests.support.program import Server, free_port, served
from tests.support.speech import BROKEN_WORD, silence, spoken
from tests.support.wait import wait_until
from tests.support.wyoming_client import WyomingClient
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.protocols import registry
from whisper_appliance.protocols.wyoming.announcement import SERVICE_TYPE
from whisper_appliance.protocols.wyoming.event_stream import EventStream
from whisper_appliance.protocols.wyoming.pcm import PcmConverter, PcmFormat
from whisper_appliance.web.context import EXTENSION
from whisper_appliance.web.rights_watch import RightsWatch

AppOf = Callable[[Appliance], OpenAPI]
WORDS = "w1 w2 w3 w4 w5 w6 w7"
SPEECH = spoken(1, 8) + silence(1)
PER_ADDRESS = 6


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path, port: int) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("wyoming")
    settings = settings_of(tiny_en, folder) | {
        "WYOMING_PORT": str(port),
        "MAX_WEBSOCKETS_PER_ADDRESS": str(PER_ADDRESS),
    }
    with served(folder, LIVE_SERVER, **settings) as running:
        yield running


@pytest.fixture
def client(server: Server, port: int) -> Iterator[WyomingClient]:
    with WyomingClient(port) as connected:
        yield connected


@contextmanager
def raw_socket(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connected:
        yield connected


@contextmanager
def listening(app: OpenAPI) -> Iterator[None]:
    """The server of an application in this process, until the end of a test."""
    stopping = threading.Event()
    registry.start(app)
    registry.close_when(stopping, app)
    yield
    stopping.set()


def error_of(connected: socket.socket) -> dict[str, str]:
    """The error with which the server ends the connection."""
    received = b""
    while piece := connected.recv(65_536):
        received += piece
    last = json.loads(received.splitlines()[-1])
    assert last["type"] == "error"
    error: dict[str, str] = last["data"]
    return error


def assert_serves(port: int) -> None:
    with WyomingClient(port) as another:
        assert another.transcribe(SPEECH).text == WORDS


@pytest.mark.slow
def test_speech_becomes_a_transcript_whose_chunks_join_to_it(client: WyomingClient) -> None:
    transcript = client.transcribe(SPEECH, Transcribe(language="en-US"))
    assert transcript.text == client.streamed == WORDS
    assert transcript.language == "en"
    kinds = [event.type for event in client.received]
    assert kinds[0] == "transcript-start"
    assert kinds[-2:] == ["transcript", "transcript-stop"]
    assert set(kinds[1:-2]) == {"transcript-chunk"}


@pytest.mark.slow
def test_a_connection_is_shown_to_its_address_with_its_error(server: Server, port: int) -> None:
    with WyomingClient(port) as client:
        client.transcribe(SPEECH)
    with raw_socket(port) as connected:
        connected.sendall(b"no event at all\n")
        error_of(connected)

    def arrived() -> list[dict[str, object]]:
        return [
            each
            for each in server.get_json("/api/programs/requests")["requests"]
            if each["protocol"] == "wyoming"
        ]

    refused, *others = wait_until(lambda: arrived() if arrived()[0]["code"] else None)
    assert refused["code"] == "invalid_request"
    assert refused["message"]
    assert (others[0]["status"], others[0]["code"]) == (101, None)


@pytest.mark.slow
def test_chunks_come_while_somebody_speaks(client: WyomingClient) -> None:
    client.send(AudioStart(16_000, 2, 1), AudioChunk(16_000, 2, 1, spoken(1, 8) + silence(3)))
    client.until("transcript-chunk")
    client.send(AudioStop())
    client.until("transcript-stop")
    assert client.streamed == WORDS


@pytest.mark.slow
def test_one_connection_takes_one_recording_after_the_other(client: WyomingClient) -> None:
    assert [client.transcribe(SPEECH).text for _ in range(3)] == [WORDS] * 3


@pytest.mark.slow
def test_audio_without_its_start_is_transcribed(client: WyomingClient) -> None:
    client.send(AudioChunk(16_000, 2, 1, SPEECH), AudioStop())
    assert client.until("transcript").data["text"] == WORDS


@pytest.mark.slow
def test_silence_and_no_audio_give_an_empty_transcript(client: WyomingClient) -> None:
    assert client.transcribe(silence(1)).text == ""
    client.send(AudioStart(16_000, 2, 1), AudioStop())
    assert client.until("transcript").data["text"] == ""
    client.send(AudioStop())
    assert client.until("transcript").data["text"] == ""


@pytest.mark.slow
def test_a_recording_whose_engine_fails_is_an_error_and_not_silence(client: WyomingClient) -> None:
    client.send(AudioStart(16_000, 2, 1), AudioChunk(16_000, 2, 1, spoken(BROKEN_WORD, BROKEN_WORD + 1)))
    client.send(AudioStop())
    assert client.refusal().code == "engine_failed"


@pytest.mark.slow
@pytest.mark.parametrize(("width", "channels"), [(2, 2), (3, 1), (4, 2)])
def test_other_widths_and_channels_are_converted(client: WyomingClient, width: int, channels: int) -> None:
    samples = np.frombuffer(SPEECH, "<i2").astype("<i4") << 16
    as_bytes = samples.view(np.uint8).reshape(-1, 4)[:, 4 - width :]
    pcm = np.repeat(as_bytes, channels, axis=0).tobytes()
    assert client.transcribe(pcm, width=width, channels=channels).text == WORDS


@pytest.mark.slow
def test_describe_names_models_and_languages_and_ping_is_answered(client: WyomingClient) -> None:
    client.send(Describe())
    (program,) = Info.from_event(client.until("info")).asr
    assert program.supports_transcript_streaming
    assert (program.models[0].name, program.models[0].languages) == ("tiny.en", ["en"])
    client.send(Ping("still there?"))
    assert Pong.from_event(client.until("pong")).text == "still there?"


@pytest.mark.slow
def test_nothing_is_kept_of_what_belongs_to_nobody(server: Server, client: WyomingClient) -> None:
    client.transcribe(SPEECH)
    live = server.data_dir / "live"
    wait_until(lambda: not any(live.iterdir()))
    assert not any((server.data_dir / "uploads").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (Transcribe(language="klingon"), "invalid_request"),
        (Transcribe(language="de"), "invalid_request"),  # of a model for English
        (Transcribe(name="no-such-model"), "invalid_request"),
        (Transcribe(name="small"), "model_unavailable"),
        (Transcribe(transcript_names=["x"] * 5000), "invalid_request"),
        (AudioStart(0, 2, 1), "invalid_request"),
        (AudioStart(16_000, 2, 1000), "invalid_request"),
        (AudioStart(16_000, True, 1), "invalid_request"),
    ],
)
def test_a_request_that_cannot_be_met_is_answered_by_an_error(
    client: WyomingClient, request_: Transcribe | AudioStart, code: str
) -> None:
    client.send(request_)
    assert client.refusal().code == code


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"{\n", "invalid_request"),
        (b"[]\n", "invalid_request"),
        (b"\xff\xfe\n", "invalid_request"),
        (b"[" * 60_000 + b"\n", "invalid_request"),
        (b"GET / HTTP/1.1\r\n\r\n", "invalid_request"),
        (b'{"type": 5}\n', "invalid_request"),
        (b'{"type": "ping", "data": [1]}\n', "invalid_request"),
        (b'{"type": "audio-chunk"}\n', "invalid_request"),
        (b'{"type": "ping", "data_length": 3}\n{}}', "invalid_request"),
        (b'{"type": "ping", "data_length": -1}\n', "invalid_request"),
        (b'{"type": "ping", "data_length": 1e9}\n', "invalid_request"),
        (b'{"type": "ping", "payload_length": true}\n', "invalid_request"),
        (b'{"type": "audio-chunk", "payload_length": 1000000000000}\n', "too_large"),
        (b'{"type": "' + b"x" * 200_000, "too_large"),
    ],
)
def test_bytes_that_are_no_event_end_their_connection_with_a_reason(
    server: Server, port: int, sent: bytes, code: str
) -> None:
    with raw_socket(port) as connected:
        connected.sendall(sent)
        error = error_of(connected)
    assert error["code"] == code
    assert error["text"].endswith(".")


@pytest.mark.slow
def test_broken_clients_cost_only_their_own_connections(server: Server, port: int) -> None:
    data = {"rate": 16_000, "width": 2, "channels": 1}
    chunk = json.dumps({"type": "audio-chunk", "data": data, "payload_length": 9000}).encode()
    for half_sent in (b'{"ty', chunk + b"\n" + bytes(100)):
        with raw_socket(port) as connected:
            connected.sendall(half_sent)
    with WyomingClient(port) as leaves:
        leaves.send(AudioStart(16_000, 2, 1), AudioChunk(16_000, 2, 1, SPEECH))
    assert_serves(port)


@pytest.mark.slow
def test_unknown_events_have_no_effect(server: Server, port: int) -> None:
    with raw_socket(port) as connected:
        connected.sendall(b'{"type": "select-program", "data": {"name": "x"}}\n{"type": "ping"}\n')
        assert json.loads(connected.makefile().readline()) == {"type": "pong", "data": {"text": None}}


@pytest.mark.slow
def test_an_address_has_a_limited_number_of_connections(server: Server, port: int) -> None:
    opened = [WyomingClient(port) for _ in range(PER_ADDRESS)]
    opened[-1].send(Ping())
    opened[-1].until("pong")
    with raw_socket(port) as refused:
        assert error_of(refused)["code"] == "busy"
    for each in opened:
        each.close()

    def is_free() -> bool:
        with suppress(ConnectionError), WyomingClient(port) as again:
            again.send(Ping())
            answer = again.next()
            return answer is not None and answer.type == "pong"
        return False

    wait_until(is_free)


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 47_999, 48_000, 96_000])
def test_any_rate_is_resampled_without_loss_of_time_or_pitch(rate: int) -> None:
    times = np.arange(rate) / rate
    pcm = (np.sin(2 * np.pi * 440 * times) * 10_000).astype("<i2").tobytes()
    converter = PcmConverter(PcmFormat(rate=rate, width=2, channels=1))
    converted = b"".join(converter.feed(pcm[at : at + 999]) for at in range(0, len(pcm), 999))
    samples = np.frombuffer(converted + converter.finish(), "<i2")
    assert abs(len(samples) - 16_000) <= 64
    spectrum = np.abs(np.fft.rfft(samples))
    assert abs(int(spectrum.argmax()) - 440) <= 2


def test_samples_of_one_byte_are_unsigned() -> None:
    converter = PcmConverter(PcmFormat(rate=16_000, width=1, channels=1))
    assert np.frombuffer(converter.feed(bytes([0, 128, 255])), "<i2").tolist() == [-32768, 0, 32512]


def test_an_event_that_does_not_arrive_completely_is_given_up() -> None:
    ours, theirs = socket.socketpair()
    stream = EventStream(ours, idle_seconds=20, event_seconds=0.05)
    theirs.sendall(b'{"type": "ping", "payload_length": 5}\n12')
    with theirs, pytest.raises(InvalidRequest, match="in time"):
        stream.read()


def test_an_idle_connection_ends() -> None:
    ours, theirs = socket.socketpair()
    stream = EventStream(ours, idle_seconds=0.05, event_seconds=20)
    with theirs:
        assert stream.read() is None


@pytest.mark.slow
def test_the_server_is_found_on_the_network_under_its_port(server: Server, port: int) -> None:
    found = threading.Event()

    class Listener(ServiceListener):
        def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
            info = zc.get_service_info(type_, name, timeout=60_000)
            if info is not None and info.port == port:
                found.set()

        def update_service(self, zc: Zeroconf, type_: str, name: str) -> None: ...
        def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None: ...

    with Zeroconf(interfaces=["127.0.0.1"]) as zeroconf:
        ServiceBrowser(zeroconf, SERVICE_TYPE, listener=Listener())
        assert found.wait(60)


@pytest.mark.slow
def test_an_admin_turns_the_server_on_and_off_without_a_restart(
    start_appliance: StartAppliance, app_of: AppOf
) -> None:
    appliance, port = start_appliance(host="127.0.0.1"), free_port()
    with listening(app_of(appliance)):
        appliance.overrides.set("WYOMING_PORT", str(port), "admin")
        with WyomingClient(port) as client:
            client.send(Describe())
            client.until("info")
            appliance.overrides.set("WYOMING_PORT", "", "admin")
            assert client.next() is None
        with pytest.raises(ConnectionRefusedError):
            WyomingClient(port)


@pytest.mark.slow
def test_a_port_in_use_is_refused_as_a_setting(start_appliance: StartAppliance) -> None:
    appliance = start_appliance(host="127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        used = taken.getsockname()[1]
        with pytest.raises(InvalidRequest, match="in use"):
            appliance.overrides.set("WYOMING_PORT", str(used), "admin")


@pytest.mark.slow
@pytest.mark.parametrize("end", ["disabled", "another user", "accounts only"])
def test_a_recording_ends_with_the_right_to_it(
    start_appliance: StartAppliance, app_of: AppOf, end: str
) -> None:
    port = free_port()
    appliance = start_appliance(host="127.0.0.1", wyoming_port=port)
    ann, _ = (
        appliance.accounts.users.create(name, GOOD_PASSWORD, "member", by=SHELL) for name in ("ann", "ben")
    )
    if end != "accounts only":
        appliance.overrides.set("WYOMING_USER", "ann", "admin")
    app = app_of(appliance)
    rights: RightsWatch = app.extensions[EXTENSION].rights
    with listening(app), WyomingClient(port) as client:
        client.send(AudioStart(16_000, 2, 1), Ping())
        client.until("pong")
        rights.check_all()
        match end:
            case "disabled":
                appliance.accounts.users.disable(ann.id, by=SHELL)
            case "another user":
                appliance.overrides.set("WYOMING_USER", "ben", "admin")
            case _:
                appliance.accounts.access_mode.set("accounts", by=SHELL)
        rights.check_all()
        assert client.refusal().code == "not_allowed"


@pytest.mark.slow
def test_where_accounts_are_needed_a_named_user_owns_what_is_said(
    start_appliance: StartAppliance, app_of: AppOf
) -> None:
    port = free_port()
    appliance = start_appliance(host="127.0.0.1", wyoming_port=port)
    ann = appliance.accounts.users.create("ann", GOOD_PASSWORD, "owner", by=SHELL)
    appliance.accounts.access_mode.set("accounts", by=SHELL)
    with listening(app_of(appliance)):
        for name in ("", "nobody known"):
            appliance.overrides.set("WYOMING_USER", name, "admin")
            with WyomingClient(port) as client:
                client.send(AudioStart(16_000, 2, 1))
                assert client.refusal().code == "not_allowed"
        appliance.overrides.set("WYOMING_USER", "Ann", "admin")
        with WyomingClient(port) as client:
            assert client.transcribe(silence(1)).text == ""
    wait_until(lambda: appliance.transcripts.page(ann.id).summaries)
