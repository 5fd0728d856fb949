"""The `live:webrtc` events: a session's audio over WebRTC, in the place of packets over the socket.

Its audio is cut into packets with the numbers that the client's own packets have, so that either side can go
back to the socket at any time with `live:resume`: what was stored is not sent again, what was lost is.
"""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import request

from whisper_appliance.core.errors import ApplianceError, InvalidRequest, NotFound
from whisper_appliance.live.manager import Ack, LiveManager
from whisper_appliance.protocols.socketio.emit import Emit, Handler, JsonObject, current_connection
from whisper_appliance.protocols.socketio.payloads import Switch, WebRtcOffer, parse
from whisper_appliance.protocols.sync_chirp import ChirpDetector
from whisper_appliance.protocols.webrtc import Peer, WebRtcPeers
from whisper_appliance.web.limits.socket_gate import SocketGate

PACKET_BYTES = 3200
MESSAGES_A_PACKET = 2.0
"""Over the socket, a packet is a header and an attachment."""
PACKETS_AN_ACK = 3
MAX_UNNUMBERED_SECONDS = 5.0
"""How long audio may wait for `live:switch`, and `live:switch` for the chirp."""
BYTES_A_SECOND = 32_000


class PeerAudio:
    """The audio of one peer: from its chirp on, in numbered packets."""

    def __init__(self, feed: Callable[[int, bytes], Ack]) -> None:
        """`feed` takes a packet by its number."""
        self._feed = feed
        self._lock = threading.Lock()
        self._detector = ChirpDetector()
        self._found = self._closed = False
        self._pcm = b""
        self._seq: int | None = None
        self._unnumbered_bytes = 0

    def begin(self, seq: int) -> None:
        """The packet behind the chirp has this number. Raises `InvalidRequest` the second time."""
        with self._lock:
            if self._seq is not None:
                raise InvalidRequest("This WebRTC connection has begun already.", field="seq")
            self._seq = seq
            self._unnumbered_bytes = 0

    def add(self, pcm: bytes) -> Ack | None:
        """Feeds the packets that are complete; the acknowledgement of the last one.

        Raises `InvalidRequest` if there is no chirp or no number for too long, and what the feed raises.
        """
        with self._lock:
            if self._closed:
                return None
            received_bytes = len(pcm)
            if not self._found:
                rest = self._detector.feed(pcm)
                self._found, pcm = rest is not None, rest or b""
            self._pcm += pcm
            if self._found and self._seq is not None:
                return self._feed_packets(self._seq)
            self._check_waiting(received_bytes)
            return None

    def close(self) -> None:
        """Feeds nothing from now on."""
        with self._lock:
            self._closed = True

    def _check_waiting(self, received_bytes: int) -> None:
        """Limits what waits for a number or a chirp; before both, silence may come for any time."""
        if self._found or self._seq is not None:
            self._unnumbered_bytes += received_bytes
        if self._unnumbered_bytes > MAX_UNNUMBERED_SECONDS * BYTES_A_SECOND:
            raise InvalidRequest("No packets can be made of this audio: it has no chirp, or no number.")

    def _feed_packets(self, seq: int) -> Ack | None:
        ack = None
        while len(self._pcm) >= PACKET_BYTES:
            ack = self._feed(seq, self._pcm[:PACKET_BYTES])
            if not ack.ok:
                raise InvalidRequest("Packets before those of WebRTC are missing.")
            self._pcm = self._pcm[PACKET_BYTES:]
            seq += 1
        self._seq = seq
        return ack


@dataclass
class _Link:
    """The peer of one session, and the connection whose session it is."""

    connection: str
    audio: PeerAudio
    peer: Peer | None = field(default=None)


class WebRtcEvents:
    """Handlers of the events; a session has one peer at a time, which ends with its connection."""

    def __init__(self, live: LiveManager, emit: Emit, gate: SocketGate, peers: WebRtcPeers) -> None:
        self._live = live
        self._emit = emit
        self._gate = gate
        self._peers = peers
        self._lock = threading.Lock()
        self._links: dict[str, _Link] = {}

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by event."""
        return {"live:webrtc": self.offer, "live:switch": self.switch}

    def offer(self, *arguments: Any) -> JsonObject:
        """Answers an offer for a session of this connection."""
        wanted, connection = parse(WebRtcOffer, arguments), current_connection()
        session = self._live.attached(wanted.session, connection=connection)
        if session.stopping:
            raise NotFound("This recording has ended.")
        if session.info.request.format != "pcm_s16le":
            raise InvalidRequest("Only a session of pcm_s16le can change to WebRTC.", field="session")
        audio = PeerAudio(lambda seq, pcm: self._live.feed(wanted.session, seq, pcm, connection=connection))
        link = _Link(connection, audio)
        with self._lock:
            if wanted.session in self._links:
                raise InvalidRequest("This session has a WebRTC connection already.", field="session")
            self._links[wanted.session] = link
        peer_id = f"webrtc-{secrets.token_hex(8)}"
        try:
            self._live.attached(wanted.session, connection=connection)  # else it ended before the link
            self._gate.enter(peer_id, request.environ)
            sdp = self._peers.answer(
                wanted.sdp, lambda peer: self._serve(peer, link, wanted.session, peer_id), gap_ends=True
            )
        except ApplianceError:
            self._forget(wanted.session, link)
            self._gate.leave(peer_id)
            raise
        return {"ok": True, "sdp": sdp}

    def switch(self, *arguments: Any) -> JsonObject:
        """From packet `seq` on, the audio comes over WebRTC."""
        wanted, connection = parse(Switch, arguments), current_connection()
        link = self._links.get(wanted.session)
        if link is None or link.connection != connection:
            raise NotFound("This session has no WebRTC connection.")
        next_seq = self._live.attached(wanted.session, connection=connection).recording.next_seq
        if next_seq != wanted.seq:
            return {"ok": False, "code": "gap", "message": "Packets are missing.", "next_seq": next_seq}
        link.audio.begin(wanted.seq)
        return {"ok": True, "next_seq": next_seq}

    def end(self, session: str, *, connection: str = "") -> None:
        """Ends the peer of a session, that of one connection or of any; nothing of it is fed from now on."""
        link = self._links.get(session)
        if link is None or (connection and link.connection != connection):
            return
        self._forget(session, link)
        link.audio.close()
        if link.peer:
            link.peer.end()

    def on_disconnect(self, connection: str) -> None:
        """Ends the peers of a connection that has ended."""
        for session in list(self._links):
            self.end(session, connection=connection)

    def _serve(self, peer: Peer, link: _Link, session: str, peer_id: str) -> None:
        link.peer = peer
        problem: ApplianceError | None = None
        try:
            if self._links.get(session) is link:  # else it was ended meanwhile
                self._receive(peer, link, session, peer_id)
        except ApplianceError as error:
            problem = error
        finally:
            self._gate.leave(peer_id)
            if self._forget(session, link):
                payload = {"s": session, "code": problem.code if problem else "ended"}
                self._emit("live:webrtc_ended", payload, link.connection)

    def _receive(self, peer: Peer, link: _Link, session: str, peer_id: str) -> None:
        acked = -1
        for pcm in peer.messages():
            if isinstance(pcm, str):
                continue
            self._gate.throttle(peer_id, len(pcm), messages=MESSAGES_A_PACKET * len(pcm) / PACKET_BYTES)
            ack = link.audio.add(pcm)
            if ack and ack.next_seq >= acked + PACKETS_AN_ACK:
                acked = ack.next_seq
                self._emit("live:ack", _ack_payload(session, ack), link.connection)

    def _forget(self, session: str, link: _Link) -> bool:
        """Removes a link; False if it was removed before."""
        with self._lock:
            if self._links.get(session) is not link:
                return False
            del self._links[session]
            return True


def _ack_payload(session: str, ack: Ack) -> JsonObject:
    return {"s": session, "next_seq": ack.next_seq, "lag_ms": ack.lag_ms, "credit_ms": ack.credit_ms}
