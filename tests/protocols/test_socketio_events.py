"""The live events over real sockets: no audio is lost, and no event comes twice."""

import random
from pathlib import Path

import pytest
import requests
import socketio

from tests.support.live_client import (
    LIVE_SERVER,
    Payload,
    RecordingClient,
    audio_of,
    client,
    committed,
    settings_of,
)
from tests.support.network import UnreliableNetwork
from tests.support.packaged import packaged
from tests.support.program import Server, served
from tests.support.speech import packets, silence, spoken
from tests.support.wait import wait_until
from whisper_appliance.client.live_client import LiveClient
from whisper_appliance.client.socketio_client import SocketIOClient

pytestmark = pytest.mark.slow  # starts the real program

WORDS = " ".join(f"w{number}" for number in range(1, 8))


def test_the_acknowledgement_of_a_start_has_the_limits(speaker: RecordingClient) -> None:
    opened = speaker.start()
    assert opened["next_seq"] == 0
    assert opened["credit_ms"] == 30_000
    assert opened["limits"] == {"max_packet": 65_536, "max_session_s": 14_400}
    assert speaker.call("live:cancel", {"session": opened["session"]}) == {"ok": True}
    assert speaker.first("live:end", s=opened["session"])["transcript_id"] is None


def test_events_are_numbered_without_a_gap(speaker: RecordingClient) -> None:
    opened = speaker.start()
    speaker.stop(opened, speaker.stream(opened, spoken(1, 12) + silence(2) + spoken(20, 24)))
    numbers = [payload["eid"] for _, payload in speaker.received if "eid" in payload]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_client_can_turn_off_partials_and_words(speaker: RecordingClient) -> None:
    opened = speaker.start(partials=False, words=False)
    speaker.stop(opened, speaker.stream(opened, spoken(1, 8) + silence(1)))
    assert speaker.of("live:partial") == []
    assert all("words" not in payload for payload in speaker.of("live:commit"))


def test_packets_out_of_order_and_duplicates_leave_the_audio_intact(
    server: Server, speaker: RecordingClient
) -> None:
    pcm = spoken(1, 8)
    opened = speaker.start()
    numbered = list(enumerate(packets(pcm)))
    chance = random.Random(7)
    have = 0
    while have < len(numbered):
        seq, packet = chance.choice(numbered[max(0, have - 3) : have + 4])
        answer = speaker.call("live:audio", {"s": opened["session"], "q": seq}, packet)
        assert answer["ok"] == (seq <= have)
        if not answer["ok"]:
            assert answer["code"] == "gap"
        have = max(have, seq + 1) if seq == have else have
        assert answer["next_seq"] == have
    assert audio_of(server, opened["session"]) == pcm
    assert speaker.call("live:stop", {"session": opened["session"], "next_seq": have + 1})["code"] == "gap"
    speaker.call("live:cancel", {"session": opened["session"]})


@pytest.mark.parametrize(
    ("head", "audio", "code"),
    [
        ({"q": 0}, b"odd", "bad_format"),
        ({"q": 0}, b"", "bad_format"),
        ({"q": 0}, bytes(65_538), "too_large"),
        ({"q": 0}, "text", "bad_format"),
        ({"q": 0}, {"no": "audio"}, "bad_format"),
        ({"q": -1}, bytes(2), "bad_format"),
        ({"q": "0"}, bytes(2), "bad_format"),
        ({"q": 0, "s": "../etc"}, bytes(2), "bad_format"),
        ({"q": 0, "s": "0" * 32}, bytes(2), "gone"),
    ],
)
def test_an_invalid_packet_is_refused_and_changes_nothing(
    speaker: RecordingClient, head: Payload, audio: object, code: str
) -> None:
    opened = speaker.start()
    answer = speaker.call("live:audio", {"s": opened["session"], **head}, audio)
    assert (answer["ok"], answer["code"]) == (False, code)
    assert speaker.stream(opened, spoken(1, 2)) == 4
    speaker.call("live:cancel", {"session": opened["session"]})


@pytest.mark.parametrize("event", ["live:start", "live:audio", "live:resume", "live:stop", "live:cancel"])
@pytest.mark.parametrize("payload", [None, 5, "text", [], {"v": 2, "q": {}}, b"\x00"])
def test_payloads_of_the_wrong_type_are_refused(
    speaker: RecordingClient, event: str, payload: object
) -> None:
    answer = speaker.call(event, payload)
    assert (answer["ok"], answer["code"]) == (False, "bad_format")


@pytest.mark.parametrize(
    ("wishes", "code"),
    [
        ({"format": "mp3"}, "bad_format"),
        ({"rate": 44_100}, "bad_format"),
        ({"language": "klingon"}, "bad_format"),
        ({"language": "de"}, "bad_format"),
        ({"model": "no-such-model"}, "bad_format"),
        ({"model": "small"}, "model_missing"),
    ],
)
def test_unsupported_options_are_refused_with_a_message(
    speaker: RecordingClient, wishes: Payload, code: str
) -> None:
    answer = speaker.call("live:start", {"v": 1, **wishes})
    assert (answer["ok"], answer["code"]) == (False, code)
    assert answer["message"]


def test_a_session_above_the_limit_is_refused_with_a_time_to_retry(speaker: RecordingClient) -> None:
    opened = [speaker.start() for _ in range(4)]
    refused = speaker.call("live:start", {"v": 1})
    assert (refused["ok"], refused["code"]) == (False, "busy")
    assert refused["retry_after"] > 0
    for one in opened:
        speaker.call("live:cancel", {"session": one["session"]})
    freed = wait_until(lambda: speaker.call("live:start", {"v": 1}).get("session"))
    speaker.call("live:cancel", {"session": freed})


def test_the_status_counts_sessions(server: Server, speaker: RecordingClient) -> None:
    opened = speaker.start()
    assert '"live":{"sessions":' in server.get("/api/status")[1].replace(" ", "")
    speaker.call("live:cancel", {"session": opened["session"]})


def test_a_session_belongs_to_the_newest_connection(server: Server, speaker: RecordingClient) -> None:
    opened = speaker.start()
    have = speaker.stream(opened, spoken(1, 8) + silence(1))
    wait_until(lambda: committed(speaker.of("live:commit")).strip() == WORDS)
    known = {"session": opened["session"], "token": opened["token"], "last_eid": None}
    with client(server) as newer:
        assert newer.call("live:resume", {**known, "token": "wrong"})["code"] == "gone"
        resumed = newer.call("live:resume", known)
        assert resumed["next_seq"] == have
        assert resumed["snapshot"]["text"] == WORDS
        assert speaker.call("live:audio", {"s": opened["session"], "q": have}, bytes(2))["code"] == "gone"
        assert newer.stop(opened, newer.stream(opened, silence(1), have))["text"] == WORDS


def test_a_paused_session_can_be_resumed(speaker: RecordingClient) -> None:
    opened = speaker.start()
    have = speaker.stream(opened, spoken(1, 4))
    assert speaker.call("live:pause", {"session": opened["session"]}) == {"ok": True}
    assert speaker.call("live:audio", {"s": opened["session"], "q": have}, bytes(2))["code"] == "gone"
    known = {"session": opened["session"], "token": opened["token"], "last_eid": 0}
    resumed = speaker.call("live:resume", known)
    assert [event["eid"] for event in resumed["events"]] == list(range(1, len(resumed["events"]) + 1))
    end = speaker.stop(opened, speaker.stream(opened, spoken(4, 8) + silence(1), have))
    assert end["text"] == WORDS


def test_a_session_works_over_long_polling(server: Server) -> None:
    """As behind a proxy without WebSocket support."""
    with requests.Session() as http:
        http.verify, http.trust_env = str(authority(server)), False
        poller = socketio.Client(http_session=http, reconnection=False, handle_sigint=False)
        ends: list[Payload] = []
        poller.on("live:end", ends.append)
        poller.connect(f"https://localhost:{server.port}", transports=["polling"])
        opened = poller.call("live:start", {"v": 1})
        for seq, packet in enumerate(packets(spoken(1, 8) + silence(1))):
            answer = poller.call("live:audio", ({"s": opened["session"], "q": seq}, packet))
            assert answer["next_seq"] == seq + 1
        poller.call("live:stop", {"session": opened["session"], "next_seq": seq + 1})
        assert wait_until(lambda: ends)[0]["text"] == WORDS
        poller.disconnect()


def authority(server: Server) -> Path:
    """The certificate of the server's local CA, as a file."""
    file = server.folder / "authority.pem"
    file.write_text(server.get("/ca.crt")[1])
    return file


@pytest.mark.parametrize("seed", [1, 2])
def test_twenty_broken_connections_lose_no_audio_and_repeat_no_event(server: Server, seed: int) -> None:
    pcm = spoken(1, 61)
    proxy = UnreliableNetwork(server.port, cuts=20, seed=seed)
    told: list[tuple[str, Payload]] = []
    url = f"https://localhost:{proxy.port}"
    speaker = LiveClient(
        lambda handlers: SocketIOClient(url, handlers, server.trusting),
        {"v": 1},
        lambda kind, payload: told.append((kind, payload)),
    )
    end = speaker.stream(packets(pcm))
    proxy.close()
    assert proxy.cuts == 20
    assert audio_of(server, end["s"]) == pcm
    numbers = [payload["eid"] for _, payload in told if "eid" in payload]
    assert numbers == list(range(1, len(numbers) + 1))
    assert committed([payload for kind, payload in told if kind == "commit"]).split() == [
        f"w{number}" for number in range(1, 61)
    ]


def test_a_session_survives_a_killed_server(tmp_path: Path, tiny_en: Path) -> None:
    settings = settings_of(tiny_en, tmp_path)
    with served(tmp_path, LIVE_SERVER, **settings) as first, client(first) as speaker:
        opened = speaker.start()
        have = speaker.stream(opened, spoken(1, 6))
        first.kill()
        assert speaker.disconnected.wait(60)
        heard = [payload["eid"] for _, payload in speaker.received if "eid" in payload]
    with served(tmp_path, LIVE_SERVER, **settings) as second, client(second) as speaker:
        known = {"session": opened["session"], "token": opened["token"], "last_eid": max(heard, default=0)}
        assert speaker.call("live:resume", known)["next_seq"] == have
        assert speaker.stop(opened, speaker.stream(opened, spoken(6, 8) + silence(1), have))["text"] == WORDS


def test_a_server_stop_notifies_clients_and_keeps_their_sessions(tmp_path: Path, tiny_en: Path) -> None:
    settings = settings_of(tiny_en, tmp_path)
    with served(tmp_path, LIVE_SERVER, **settings) as first, client(first) as speaker:
        opened = speaker.start()
        have = speaker.stream(opened, spoken(1, 6))
        assert first.stop() == 0
        assert speaker.disconnected.wait(60)
        assert speaker.first("connection_status", status="stopping")
    with served(tmp_path, LIVE_SERVER, **settings) as second, client(second) as speaker:
        known = {"session": opened["session"], "token": opened["token"], "last_eid": None}
        assert speaker.call("live:resume", known)["next_seq"] == have
        assert speaker.stop(opened, speaker.stream(opened, spoken(6, 8) + silence(1), have))["text"] == WORDS


def test_real_speech_is_transcribed(tmp_path: Path, tiny_en: Path) -> None:
    from whisper_appliance.cli.audio_sources import from_file

    with served(tmp_path, ("-m", "whisper_appliance", "serve"), **settings_of(tiny_en, tmp_path)) as server:
        speaker = LiveClient(
            lambda handlers: SocketIOClient(f"https://localhost:{server.port}", handlers, server.trusting),
            {"v": 1, "language": "en"},
            lambda kind, payload: None,
        )
        end = speaker.stream(from_file(packaged("moonshine-voice", "assets/beckett.wav")))
    text = end["text"].lower()
    assert "ever tried" in text
    assert "fail better" in text
