"""The contract of live protocols: each opens, feeds, captions, stops, resumes and refuses in its events."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.live_client import LIVE_SERVER, settings_of
from tests.support.program import Server, served
from tests.support.protocol_drivers import (
    DRIVERS,
    WYOMING_PORT,
    ProtocolDriver,
    ResumingDriver,
    WyomingDriver,
)
from tests.support.speech import silence, spoken
from tests.support.wait import wait_until
from whisper_appliance.protocols.registry import PROTOCOLS

pytestmark = pytest.mark.slow  # starts the real program

WORDS = "w1 w2 w3 w4 w5 w6 w7"
SESSIONS = 4


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("protocols")
    variables = settings_of(tiny_en, folder) | {
        "WYOMING_PORT": str(WYOMING_PORT),
        "LIVE_SESSIONS": str(SESSIONS),
        "LIVE_SESSIONS_PER_USER": str(SESSIONS + 1),
    }
    with served(folder, LIVE_SERVER, **variables) as running:
        yield running


@pytest.fixture(params=DRIVERS)
def connect(request: pytest.FixtureRequest, server: Server) -> Callable[[], ProtocolDriver]:
    return lambda: DRIVERS[request.param](server)


@pytest.fixture
def client(connect: Callable[[], ProtocolDriver]) -> Iterator[ProtocolDriver]:
    with closing(connect()) as connected:
        yield connected


def test_every_registered_protocol_is_tested_here() -> None:
    assert {name.partition(" ")[0] for name in DRIVERS} == {protocol.name for protocol in PROTOCOLS}


def test_speech_becomes_captions_and_then_a_transcript(server: Server, client: ProtocolDriver) -> None:
    assert client.open(language="en") == ""
    client.feed(spoken(1, 8) + silence(1))
    end = client.stop()
    assert client.captions() == end.text == WORDS
    if isinstance(client, WyomingDriver):
        return
    status, body = server.get(f"/api/transcripts/{end.transcript_id}")
    assert status == 200
    assert WORDS in body


def test_tentative_captions_appear_before_the_speech_ends(client: ProtocolDriver) -> None:
    assert client.open() == ""
    client.feed(spoken(1, 8))
    said = 7

    def speak_on() -> bool:
        nonlocal said
        if client.partials():
            return True
        said += 1  # words that are sent at once may be decoded once, which settles none of them
        client.feed(spoken(said, said + 1))
        return False

    wait_until(speak_on)
    assert client.stop().text == " ".join(f"w{number}" for number in range(1, said + 1))


def test_silence_gives_an_empty_transcript(client: ProtocolDriver) -> None:
    assert client.open() == ""
    client.feed(silence(2))
    end = client.stop()
    assert end.text == client.captions() == ""
    assert end.transcript_id or isinstance(client, WyomingDriver)


def test_a_session_is_resumed_on_another_connection_without_loss(client: ProtocolDriver) -> None:
    if not isinstance(client, ResumingDriver):
        pytest.skip("this protocol offers no resume")
    assert client.open() == ""
    client.feed(spoken(1, 5))
    client.resume()
    client.feed(spoken(5, 8) + silence(1))
    assert client.stop().text == client.captions() == WORDS


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"format": "audio/ogg"}, "bad_format"),
        ({"language": "klingon"}, "bad_format"),
        ({"model": "no-such-model"}, "bad_format"),
        ({"model": "small"}, "model_missing"),
    ],
)
def test_options_that_are_not_supported_are_refused_with_a_code(
    client: ProtocolDriver, options: dict[str, object], code: str
) -> None:
    assert client.open(**options) == code


def test_too_much_audio_at_once_is_refused_and_the_session_continues(client: ProtocolDriver) -> None:
    assert client.open() == ""
    assert client.feed_too_much() == "too_large"
    client.feed(spoken(1, 8) + silence(1))
    assert client.stop().text == WORDS


def test_a_session_above_the_limit_is_refused_until_another_ends(
    connect: Callable[[], ProtocolDriver],
) -> None:
    clients = [connect() for _ in range(SESSIONS)]
    wait_until(lambda: clients[0].open() == "")
    assert [each.open() for each in clients[1:]] == [""] * (SESSIONS - 1)
    with closing(connect()) as refused:
        assert refused.open() == "busy"
    clients[0].stop()

    def is_admitted() -> bool:
        with closing(connect()) as late:
            if late.open():
                return False
            late.stop()
            return True

    wait_until(is_admitted)
    for each in clients[1:]:
        each.stop()
    for each in clients:
        each.close()
