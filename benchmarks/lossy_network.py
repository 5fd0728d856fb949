"""Live speech over WebRTC beside the socket, on a network that loses packets.

WebRTC: RTP packets are dropped at the sender. Socket: a proxy delays the stream by a retransmission timeout
of TCP (RFC 6298) for each of its chunks that is lost. Captions come over a socket without loss in both.
"""

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

from tests.support.wait import wait_until
from tests.support.webrtc_client import WebRtcClient, webrtc_client

from benchmarks.competitors import Server, trusting
from benchmarks.live_real import PACKET_BYTES, PACKET_SECONDS, Seen
from benchmarks.live_speech import pcm
from whisper_appliance.client.live_client import LiveClient
from whisper_appliance.client.socketio_client import SocketIOClient
from whisper_appliance.core.samples import Samples
from whisper_appliance.protocols.sync_chirp import CHIRP_SECONDS

RETRANSMISSION_SECONDS = 0.2
TAIL_SECONDS = 0.5
KINDS = ("partial", "commit", "final")


def over_webrtc(server: Server, samples: Samples, loss: float, seed: int) -> Seen:
    """Speaks over WebRTC while a share of the packets is lost; the last of them go over the socket."""
    seen, data, ends = Seen(), pcm(samples), list[Any]()
    handlers = {f"live:{kind}": partial(seen.hear, kind) for kind in KINDS}
    client = SocketIOClient(server.url, handlers | {"live:end": ends.append}, trusting())
    with closing(client), webrtc_client() as peer:
        opened = _call(client, "live:start", {"v": 1, "language": "en"})
        session = {"session": opened["session"]}
        peer.accept(_call(client, "live:webrtc", {**session, "sdp": peer.offer})["sdp"])
        _drop(peer, loss, random.Random(seed))
        _call(client, "live:switch", {**session, "seq": 0})
        seen.began = time.monotonic() + CHIRP_SECONDS
        peer.track.speak(data)
        peer.track.finished.wait()
        time.sleep(TAIL_SECONDS)
        back = _call(client, "live:resume", {**session, "token": opened["token"], "last_eid": None})
        first = count = int(back["next_seq"])
        for at in range(first * PACKET_BYTES, len(data), PACKET_BYTES):
            header = {"s": opened["session"], "q": count}
            count = _call(client, "live:audio", header, data[at : at + PACKET_BYTES])["next_seq"]
        _call(client, "live:stop", {**session, "next_seq": count})
        wait_until(lambda: ends)
    return seen


def over_socket(server: Server, samples: Samples, loss: float, seed: int) -> Seen:
    """Speaks over the socket, through a proxy that loses the same share of its chunks."""
    seen, data = Seen(), pcm(samples)

    def packets() -> Iterator[bytes]:
        seen.began = time.monotonic()
        for number, at in enumerate(range(0, len(data), PACKET_BYTES), 1):
            time.sleep(max(0.0, seen.began + number * PACKET_SECONDS - time.monotonic()))
            yield data[at : at + PACKET_BYTES]

    with _stalling_proxy(int(server.url.rsplit(":", 1)[1]), loss, random.Random(seed)) as port:
        address = f"https://localhost:{port}"
        speaker = LiveClient(
            lambda handlers: SocketIOClient(address, handlers, trusting()),
            {"v": 1, "language": "en"},
            seen.hear,
        )
        speaker.stream(packets())
    return seen


def _call(client: SocketIOClient, event: str, *payload: Any) -> dict[str, Any]:
    acks: list[dict[str, Any]] = []
    client.send(event, *payload, on_ack=acks.append)
    ack = wait_until(lambda: acks[0] if acks else None)
    if not ack["ok"]:
        raise SystemExit(f"{event}: {ack['message']}")
    return ack


def _drop(peer: WebRtcClient, loss: float, chance: random.Random) -> None:
    """Drops a share of the RTP packets that the peer sends."""
    transport: Any = peer.connection.getSenders()[0].transport
    send = transport._send_rtp

    async def send_or_drop(data: bytes) -> None:
        if chance.random() >= loss:
            await send(data)

    transport._send_rtp = send_or_drop


@contextmanager
def _stalling_proxy(target: int, loss: float, chance: random.Random) -> Iterator[int]:
    """A TCP proxy to a local port, which holds what the client sends for a timeout now and then."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def pump(source: socket.socket, sink: socket.socket, share: float) -> None:
            while data := source.recv(4096):
                if chance.random() < share:
                    time.sleep(RETRANSMISSION_SECONDS)
                sink.sendall(data)
            sink.close()

        def accept() -> None:
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", target))
                for one, other, share in ((near, far, loss), (far, near, 0.0)):
                    threading.Thread(target=_quietly, args=(pump, one, other, share), daemon=True).start()

        threading.Thread(target=_quietly, args=(accept,), daemon=True).start()
        yield int(listener.getsockname()[1])


def _quietly(call: Any, *arguments: Any) -> None:
    """Calls a function of a thread that ends with its sockets."""
    try:
        call(*arguments)
    except OSError:
        return
