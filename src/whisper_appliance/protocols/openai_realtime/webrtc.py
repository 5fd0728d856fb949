"""Realtime sessions over WebRTC (RFC 8834): Opus in, events over the data channel `oai-events`.

Only host candidates are gathered, so that no outside server (STUN, TURN) is needed or contacted: the browser
must reach the appliance's addresses by UDP. The library aiortc is the extra `webrtc`; it is imported with the
first offer. All peers share one thread with an event loop; each has a thread of its own for its session,
because the handlers of a session may wait.
"""

import asyncio
import json
import queue
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import structlog

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import ApplianceError, Busy, InvalidRequest, NotFound
from whisper_appliance.protocols.openai_realtime.server_events import JsonObject, error_event
from whisper_appliance.protocols.openai_realtime.transport import AnySession, MakeAudioSession, handle_safely

CHANNEL = "oai-events"
MAX_OFFER_BYTES = 64 * 1024
MAX_WAITING = 500
"""Audio frames of 20 ms and events that wait for the session: 10 s."""
CONNECT_SECONDS = 30.0
ANSWER_SECONDS = 15.0
JITTER_PACKETS = 8
"""160 ms: a power of 2."""
MAX_GAP_SECONDS = 1.0
FAREWELL_SECONDS = 0.5
Watched = Callable[[Callable[[ApplianceError], object]], AbstractContextManager[None]]
log = structlog.get_logger()


@dataclass
class Peer:
    """One peer: its connection, its session, and what waits for the session (None ends it)."""

    connection: Any
    channel: Any = None
    waiting: "queue.Queue[str | bytes | None]" = field(default_factory=lambda: queue.Queue(MAX_WAITING))
    unsent: list[str] = field(default_factory=list)
    audio: "asyncio.Future[None] | None" = None
    closed: bool = False


class WebRtcPeers:
    """All peers of one application."""

    def __init__(
        self, open_session: Callable[[AnySession], None], close_session: Callable[[AnySession], None]
    ) -> None:
        """`open_session` starts a session, `close_session` ends it."""
        self._open_session = open_session
        self._close_session = close_session
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._peers: set[int] = set()
        self._open: list[Peer] = []
        self._stopping = False

    def answer(self, offer: str, make: MakeAudioSession, watched: Watched, leave: Callable[[], None]) -> str:
        """The SDP answer to an offer. `leave` is called once the peer has gone, unless this raises.

        `watched` calls a function once the rights of the peer have ended.
        Raises `InvalidRequest` for an offer that cannot be used, `NotFound` without aiortc.
        """
        aiortc = _aiortc()
        if len(offer) > MAX_OFFER_BYTES or "m=audio" not in offer:
            raise InvalidRequest("Send an SDP offer with audio, as a browser makes it.", field="sdp")
        peer = Peer(None)
        future = asyncio.run_coroutine_threadsafe(self._connect(aiortc, peer, offer), self._running_loop())
        try:
            answer = future.result(ANSWER_SECONDS)
        except TimeoutError:
            future.cancel()
            self._end(peer)
            raise Busy("The connection could not be prepared in time.", retry_after_seconds=5) from None
        except Exception as error:  # noqa: BLE001 - aiortc raises anything for a hostile offer
            self._end(peer)
            log.info("an SDP offer cannot be used", reason=f"{type(error).__name__}: {error}"[:200])
            raise InvalidRequest("This SDP offer cannot be used.", field="sdp") from None
        self._open.append(peer)
        arguments = (peer, make, watched, leave)
        threading.Thread(target=self._serve, args=arguments, name="webrtc-peer", daemon=True).start()
        return answer

    def close(self) -> None:
        """Closes all peers, because the server stops."""
        self._stopping = True
        for peer in list(self._open):
            self._end(peer)

    async def _connect(self, aiortc: ModuleType, peer: Peer, offer: str) -> str:
        peer.connection = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        peer.connection.on("datachannel", lambda channel: self._on_channel(peer, channel))
        peer.connection.on("track", lambda track: self._on_track(peer, track))
        peer.connection.on("connectionstatechange", lambda: self._on_state(peer))
        await peer.connection.setRemoteDescription(aiortc.RTCSessionDescription(offer, "offer"))
        for receiver in peer.connection.getReceivers():
            _use_small_jitter_buffer(receiver)
        await peer.connection.setLocalDescription(await peer.connection.createAnswer())
        asyncio.get_running_loop().call_later(CONNECT_SECONDS, self._end_unconnected, peer)
        return str(peer.connection.localDescription.sdp)

    def _on_channel(self, peer: Peer, channel: Any) -> None:
        if channel.label != CHANNEL:
            return
        peer.channel = channel
        channel.on("message", lambda message: self._receive(peer, message))
        for text in peer.unsent:
            channel.send(text)
        peer.unsent.clear()

    def _on_track(self, peer: Peer, track: Any) -> None:
        if track.kind == "audio":
            peer.audio = asyncio.ensure_future(self._read_audio(peer, track))

    async def _read_audio(self, peer: Peer, track: Any) -> None:
        from aiortc.mediastreams import MediaStreamError
        from av.audio.resampler import AudioResampler

        resampler = AudioResampler("s16", "mono", SAMPLE_RATE)
        expected, last = None, b""
        try:
            while not peer.closed:
                frame = await track.recv()
                lost_seconds = (frame.pts - (frame.pts if expected is None else expected)) / frame.sample_rate
                expected, frame.pts = frame.pts + frame.samples, None
                if 0 < lost_seconds <= MAX_GAP_SECONDS:
                    self._receive(peer, concealed(last, lost_seconds))
                for ready in resampler.resample(frame):
                    last = bytes(ready.planes[0])[: ready.samples * 2]
                    self._receive(peer, last)
        except MediaStreamError:
            self._end(peer)

    def _receive(self, peer: Peer, message: str | bytes) -> None:
        """Queues an event (text) or audio (bytes) for the session."""
        try:
            peer.waiting.put_nowait(message)
        except queue.Full:
            log.info("a WebRTC peer is closed, because it sends faster than real time")
            self._end(peer)

    def _on_state(self, peer: Peer) -> None:
        if peer.connection.connectionState in ("failed", "closed"):
            self._end(peer)

    def _end_unconnected(self, peer: Peer) -> None:
        if peer.connection.connectionState != "connected":
            self._end(peer)

    def _end(self, peer: Peer) -> None:
        """Ends a peer; any thread may call it, again and again."""
        if peer.closed:
            return
        peer.closed = True
        while True:
            try:
                peer.waiting.put_nowait(None)
                break
            except queue.Full:
                with suppress(queue.Empty):
                    peer.waiting.get_nowait()
        if peer.connection is not None:
            asyncio.run_coroutine_threadsafe(_close_soon(peer.connection), self._running_loop())

    def _serve(self, peer: Peer, make: MakeAudioSession, watched: Watched, leave: Callable[[], None]) -> None:
        """Runs the session of a peer, in a thread of its own."""

        def send(event: JsonObject) -> None:
            text = json.dumps(event, ensure_ascii=False)
            self._running_loop().call_soon_threadsafe(self._send, peer, text)

        def end(error: ApplianceError) -> None:
            send(error_event(error))
            self._end(peer)

        session = make(send, lambda _size: None, lambda: self._end(peer))
        try:
            with watched(end):
                self._open_session(session)
                while (message := peer.waiting.get()) is not None:
                    if isinstance(message, str):
                        handle_safely(session, message, send)
                    else:
                        session.feed_pcm(message)
        except ApplianceError as error:  # no live session is free
            send(error_event(error))
        finally:
            self._close_session(session)
            self._end(peer)
            self._open.remove(peer)
            leave()

    def _send(self, peer: Peer, text: str) -> None:
        if peer.channel is None:
            peer.unsent.append(text)
        elif peer.channel.readyState == "open":
            peer.channel.send(text)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="webrtc", daemon=True).start()
            return self._loop


async def _close_soon(connection: Any) -> None:
    """Closes after the last event was sent."""
    await asyncio.sleep(FAREWELL_SECONDS)
    await connection.close()


def concealed(last: bytes, seconds: float) -> bytes:
    """PCM in the place of lost packets, so that times stay right: the last packet again, then silence."""
    size = round(seconds * SAMPLE_RATE) * 2
    return last[:size].ljust(size, b"\0")


def _use_small_jitter_buffer(receiver: Any) -> None:
    """Makes a lost packet cost that packet only.

    aiortc waits for four packets in a row before it passes one on, and drops those before a gap: 5 % of loss
    became 23 %. It has no option for this.
    """
    from aiortc.jitterbuffer import JitterBuffer

    if receiver.track.kind == "audio":
        receiver._RTCRtpReceiver__jitter_buffer = JitterBuffer(capacity=JITTER_PACKETS)


def _aiortc() -> ModuleType:
    try:
        import aiortc
    except ImportError:
        raise NotFound(
            "WebRTC is not installed here. An administrator can install it: "
            "pip install 'whisper-appliance[webrtc]'"
        ) from None
    module: ModuleType = aiortc
    return module
