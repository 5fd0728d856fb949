"""Live sessions over WebRTC: the recording is that of the socket, to which it returns at any time."""

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.live_client import Payload, RecordingClient, audio_of, client
from tests.support.program import Server
from tests.support.speech import packets
from tests.support.wait import wait_until
from tests.support.webrtc_client import WebRtcClient, webrtc_client

pytestmark = pytest.mark.slow  # starts the real program

BY_SOCKET = 10
"""Packets before the change to WebRTC."""


@pytest.fixture
def peer() -> Iterator[WebRtcClient]:
    with webrtc_client() as made:
        yield made


def offer(speaker: RecordingClient, opened: Payload, sdp: str) -> Payload:
    return speaker.call("live:webrtc", {"session": opened["session"], "sdp": sdp})


def test_the_recording_is_the_same_across_a_change_to_webrtc_and_back(
    server: Server, speaker: RecordingClient, peer: WebRtcClient, beckett: Path
) -> None:
    with wave.open(str(beckett)) as source:
        pcm = source.readframes(source.getframerate() * 6)
    opened = speaker.start()
    session = opened["session"]
    speaker.stream(opened, pcm[: BY_SOCKET * 3200])
    peer.accept(offer(speaker, opened, peer.offer)["sdp"])
    peer.track.speak(pcm[BY_SOCKET * 3200 :])
    assert speaker.call("live:switch", {"session": session, "seq": BY_SOCKET})["ok"]
    assert offer(speaker, opened, peer.offer)["code"] == "bad_format"  # one at a time
    wait_until(lambda: any(ack["next_seq"] >= BY_SOCKET + 15 for ack in speaker.of("live:ack")))
    peer.close()
    assert speaker.first("live:webrtc_ended", s=session)
    resumed = speaker.call("live:resume", {"session": session, "token": opened["token"], "last_eid": 0})
    first = resumed["next_seq"]
    assert first >= BY_SOCKET + 15
    speaker.stream(opened, pcm[first * 3200 :], first)
    stored = np.frombuffer(audio_of(server, session), "<i2").astype(float)
    assert speaker.call("live:cancel", {"session": session})["ok"]
    expected = np.frombuffer(pcm, "<i2").astype(float)
    assert len(stored) == len(expected)
    over_webrtc = slice(BY_SOCKET * 1600 + 800, first * 1600 - 800)
    shifts = range(-800, 801)
    likeness = [float(np.dot(np.roll(stored, shift)[over_webrtc], expected[over_webrtc])) for shift in shifts]
    assert abs(shifts[int(np.argmax(likeness))]) <= 16  # a millisecond
    assert np.corrcoef(stored[over_webrtc], expected[over_webrtc])[0, 1] > 0.8


def test_an_offer_that_cannot_be_used_is_refused_with_the_reason(
    speaker: RecordingClient, server: Server, peer: WebRtcClient
) -> None:
    opened = speaker.start()
    session = {"session": opened["session"]}
    with client(server) as thief:
        assert offer(thief, opened, peer.offer)["code"] == "gone"
        assert thief.call("live:switch", {**session, "seq": 0})["code"] == "gone"
    assert speaker.call("live:switch", {**session, "seq": 0})["code"] == "gone"  # there is no peer yet
    assert offer(speaker, opened, "v=0")["field"] == "sdp"
    assert offer(speaker, opened, peer.offer + "x" * 70_000)["code"] == "bad_format"
    assert offer(speaker, opened, peer.offer)["ok"]
    answer = speaker.call("live:switch", {**session, "seq": 3})
    assert (answer["code"], answer["next_seq"]) == ("gap", 0)
    assert speaker.call("live:switch", {**session, "seq": 0})["ok"]
    assert speaker.call("live:switch", {**session, "seq": 0})["field"] == "seq"
    assert speaker.call("live:cancel", session)["ok"]
    speaker.first("live:end", s=opened["session"])
    assert offer(speaker, opened, peer.offer)["code"] == "gone"


def test_a_session_of_a_recorders_file_stays_on_the_socket(
    speaker: RecordingClient, peer: WebRtcClient
) -> None:
    opened = speaker.start(format="webm_opus")
    assert offer(speaker, opened, peer.offer)["field"] == "session"
    assert speaker.call("live:cancel", {"session": opened["session"]})["ok"]


def test_a_peer_ends_with_its_connection_and_another_may_follow(
    server: Server, speaker: RecordingClient, beckett: Path
) -> None:
    opened = speaker.start()
    with webrtc_client() as lost, client(server) as newer:
        lost.accept(offer(speaker, opened, lost.offer)["sdp"])
        speaker.close()
        again = {"session": opened["session"], "token": opened["token"], "last_eid": 0}
        assert newer.call("live:resume", again)["next_seq"] == 0
        with webrtc_client() as peer:
            peer.accept(offer(newer, opened, peer.offer)["sdp"])
            peer.track.speak(b"".join(packets(beckett.read_bytes()[44 : 44 + 64_000])))
            assert newer.call("live:switch", {"session": opened["session"], "seq": 0})["ok"]
            assert newer.first("live:ack")["next_seq"] >= 1
            assert newer.call("live:cancel", {"session": opened["session"]})["ok"]
            newer.first("live:end", s=opened["session"])
