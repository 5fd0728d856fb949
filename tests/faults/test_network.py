"""The network is down for five seconds during a live session."""

import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.faults import Serve
from tests.support.https_client import Visitor
from tests.support.live_client import Payload, audio_of, committed
from tests.support.network import network_to
from tests.support.speech import packets, silence, spoken
from tests.support.wait import wait_until
from whisper_appliance.client.live_client import LiveClient
from whisper_appliance.client.socketio_client import SocketIOClient

pytestmark = pytest.mark.slow  # starts the real program

CUT_SECONDS = 5.0
PCM = spoken(1, 9) + silence(1) + spoken(9, 17) + silence(1)
TEXT = " ".join(f"w{number}" for number in range(1, 17))


def test_five_seconds_without_network_lose_no_word(serve: Serve) -> None:
    told: list[tuple[str, Payload]] = []
    half = threading.Event()

    def microphone() -> Iterator[bytes]:
        """Audio goes on while the network is down."""
        for number, packet in enumerate(packets(PCM, 6400)):
            if number == 20:
                half.set()
            time.sleep(0.05)
            yield packet

    with serve() as server, network_to(server.port) as network:
        url = f"https://localhost:{network.port}"
        speaker = LiveClient(
            lambda handlers: SocketIOClient(url, handlers, server.trusting),
            {"v": 1},
            lambda kind, payload: told.append((kind, payload)),
            sleep=lambda seconds: time.sleep(min(seconds, 0.25)),
        )
        ends: list[Payload] = []
        thread = threading.Thread(target=lambda: ends.append(speaker.stream(microphone())))
        thread.start()
        assert half.wait(60)
        network.cut()
        time.sleep(CUT_SECONDS)
        assert network.refused > 2
        network.mend()
        thread.join(30)
        [end] = ends
        assert end["text"] == TEXT
        assert audio_of(server, end["s"]) == PCM, "each packet is there once"
        visitor = Visitor(server)
        # the recording is enqueued once the end is published
        wait_until(lambda: visitor.request(f"/api/jobs/{end['transcript_id']}").status == 200)
        wait_until(lambda: visitor.ended(end["transcript_id"])["status"] == "done")
        assert visitor.text(end["transcript_id"]) == TEXT
    numbers = [payload["eid"] for _, payload in told if "eid" in payload]
    assert numbers == list(range(1, len(numbers) + 1)), "nothing is told twice, and nothing left out"
    assert committed([payload for kind, payload in told if kind == "commit"]).split() == TEXT.split()
