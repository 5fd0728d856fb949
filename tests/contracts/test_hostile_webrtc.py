"""Hostile WebRTC peers, of live sessions and of OpenAI's calls: clear errors; no thread or port is left."""

import re
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from tests.support.live_client import LIVE_SERVER, RecordingClient, client, settings_of
from tests.support.program import Server, served
from tests.support.protocol_drivers import DRIVERS
from tests.support.speech import silence, spoken
from tests.support.wait import wait_until
from tests.support.webrtc_client import WebRtcClient, webrtc_client

pytestmark = pytest.mark.slow  # starts the real program

WORDS = "w1 w2 w3 w4 w5 w6 w7"
CANDIDATE = "a=candidate:1 1 udp 2130706431 192.0.2.1 {} typ host\r\n"
Offer = Callable[[str], str]
"""Sends an offer; the message of its refusal, "" for an answer."""
HOSTILE: dict[str, Callable[[str], str]] = {
    "empty": lambda _sdp: "",
    "bytes": lambda _sdp: "\x00\ufffd" * 1000,
    "many sections": lambda sdp: sdp + sdp[sdp.index("m=audio") :] * 100,
    "video": lambda sdp: sdp + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n",
    "many candidates": lambda sdp: sdp + "".join(map(CANDIDATE.format, range(1000, 1100))),
    "too long": lambda sdp: sdp + "a=x:" + "y" * 70_000,
    "no fingerprint": lambda sdp: re.sub("a=fingerprint.*\r\n", "", sdp),
    "no password": lambda sdp: re.sub("a=ice-.*\r\n", "", sdp),
    "no codec": lambda sdp: re.sub("a=rtpmap.*\r\n", "", sdp).replace("SAVPF 96", "SAVPF 127"),
    "cut off": lambda sdp: sdp[: len(sdp) // 2],
}
"""Offers that are refused, made from a good one."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("hostile-webrtc")
    with served(folder, LIVE_SERVER, **settings_of(tiny_en, folder)) as running:
        yield running


@pytest.fixture(params=["live:webrtc", "/v1/realtime/calls"])
def offer(request: pytest.FixtureRequest, server: Server) -> Iterator[Offer]:
    """Offers to each user of WebRTC; those to live sessions have one of their own each."""
    with client(server) as live, httpx2.Client(base_url=server.url, verify=server.trusting) as http:

        def as_call(sdp: str) -> str:
            headers = {"Content-Type": "application/sdp"}
            answer = http.post("/v1/realtime/calls", content=sdp.encode(), headers=headers)
            assert answer.status_code in (201, 400, 413, 429), answer.text
            return "" if answer.status_code == 201 else str(answer.json()["error"]["message"])

        yield (lambda sdp: in_session(live, sdp)) if request.param == "live:webrtc" else as_call


def in_session(live: RecordingClient, sdp: str) -> str:
    session = live.start()["session"]
    ack = live.call("live:webrtc", {"session": session, "sdp": sdp})
    live.call("live:cancel", {"session": session})
    live.first("live:end", s=session)
    return "" if ack["ok"] else str(ack["message"])


def sockets_and_threads(server: Server) -> tuple[int, int]:
    """How many UDP sockets and threads the program has."""
    process = Path(f"/proc/{server.process.pid}")
    inodes = set()
    for descriptor in (process / "fd").iterdir():
        try:
            inodes.add(descriptor.readlink().name)
        except OSError:  # closed meanwhile
            continue
    rows = [
        line.split()
        for name in ("udp", "udp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()
    ]
    udp = sum(f"socket:[{row[9]}]" in inodes for row in rows)
    return udp, len(list((process / "task").iterdir()))


def nothing_is_left(server: Server, before: tuple[int, int]) -> None:
    """Waits until the peers are gone."""
    wait_until(lambda: all(now <= was for now, was in zip(sockets_and_threads(server), before, strict=True)))


def test_offers_that_cannot_be_used_are_refused_and_leave_nothing(server: Server, offer: Offer) -> None:
    with webrtc_client() as good:
        sdp = good.offer
    offer("v=0")  # the library is loaded
    before = sockets_and_threads(server)
    for name, make in HOSTILE.items():
        message = offer(make(sdp))
        assert message.endswith("."), name
        assert "Error" not in message
    nothing_is_left(server, (before[0], before[1] + 2))


def test_peers_that_break_off_cost_nobody_anything(server: Server, offer: Offer) -> None:
    """Offers that nothing follows, while somebody speaks over the socket."""
    assert offer("v=0")
    before = sockets_and_threads(server)
    with closing(DRIVERS["socketio live events"](server)) as speaker:
        assert speaker.open(language="en") == ""
        speaker.feed(spoken(1, 5))
        for _ in range(5):
            with webrtc_client() as peer:
                assert offer(peer.offer) in ("", "All live sessions are taken. Try again later.")
        speaker.feed(spoken(5, 8) + silence(1))
        assert speaker.stop().text == WORDS
    nothing_is_left(server, (before[0], before[1] + 2))


def test_garbage_after_the_handshake_ends_its_session_only(server: Server) -> None:
    with client(server) as live, webrtc_client() as peer:
        opened = live.start()
        session = opened["session"]
        answer = live.call("live:webrtc", {"session": session, "sdp": peer.offer})["sdp"]
        for port in set(re.findall(r"a=candidate:.* udp \d+ \S+ (\d+) typ host", answer)):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                for size in (0, 1, 20, 1200):
                    for first in (0x00, 0x14, 0x80, 0xFF):
                        sender.sendto(bytes([first]) + secrets.token_bytes(size), ("127.0.0.1", int(port)))
        peer.accept(answer)
        speak_without_chirp(peer)
        assert live.call("live:switch", {"session": session, "seq": 0})["ok"]
        assert live.first("live:webrtc_ended", s=session)["code"] == "invalid_request"
        resumed = live.call("live:resume", {"session": session, "token": opened["token"], "last_eid": 0})
        assert resumed["next_seq"] == 0
        assert live.stop(opened, live.stream(opened, spoken(1, 8) + silence(1)))["text"] == WORDS


def speak_without_chirp(peer: WebRtcClient) -> None:
    peer.track.speak(silence(20), marked=False)


def test_the_log_has_no_exception_of_all_this(server: Server) -> None:
    assert "Traceback" not in server.log.read_text()
