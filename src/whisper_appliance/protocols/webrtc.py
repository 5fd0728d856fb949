"""Audio over WebRTC (RFC 8834): answers SDP offers, decodes the audio of each peer, and carries its messages.

Only host candidates are gathered, so that no outside server (STUN, TURN) is needed or contacted: the browser
must reach the appliance's addresses by UDP. The library aiortc is the extra `webrtc`; it is imported with the
first offer. All peers share one thread with an event loop; each has a thread of its own that serves it,
because what takes the audio may wait.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import ModuleType
from typing import Any, cast

import structlog
from flask import Flask

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import Busy, InvalidRequest, WebRtcMissing
from whisper_appliance.core.log_errors import log_errors

EXTENSION = "whisper_appliance.webrtc_peers"
MAX_OFFER_BYTES = 64 * 1024
REQUIRED_ATTRIBUTES = ("a=fingerprint:", "a=ice-ufrag:", "a=ice-pwd:")
"""Without them, no connection can follow."""
MAX_CANDIDATES = 50
"""Each one is an address to which the appliance sends packets."""
MAX_WAITING = 500
"""Audio frames of 20 ms and messages that wait to be served: 10 s."""
MAX_UNSENT = 100
CONNECT_SECONDS = 30.0
ANSWER_SECONDS = 15.0
JITTER_PACKETS = 8
"""160 ms: a power of 2."""
MAX_GAP_SECONDS = 1.0
FAREWELL_SECONDS = 0.5
log = structlog.get_logger()


class Peer:
    """One peer. One thread reads `messages`; any thread may `send` and `end`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, channel: str, *, gap_ends: bool) -> None:
        """`channel` is the label of the data channel whose messages count; `gap_ends`: a long gap ends it."""
        self._loop = loop
        self._label = channel
        self._gap_ends = gap_ends
        self._connection: Any = None
        self._channel: Any = None
        self._waiting: queue.Queue[str | bytes | None] = queue.Queue(MAX_WAITING)
        self._unsent: list[str] = []
        self._audio: asyncio.Future[None] | None = None
        self.ended = False

    def messages(self) -> Iterator[str | bytes]:
        """Messages of the data channel (text) and audio (16 kHz PCM16), until the peer has ended."""
        while (message := self._waiting.get()) is not None:
            yield message

    def send(self, text: str) -> None:
        """Sends a message over the data channel, once it is open."""
        self._loop.call_soon_threadsafe(self._send, text)

    def end(self) -> None:
        """Ends the peer, after what was sent before; may be called again and again."""
        if self.ended:
            return
        self.ended = True
        while True:
            try:
                self._waiting.put_nowait(None)
                break
            except queue.Full:
                with suppress(queue.Empty):
                    self._waiting.get_nowait()
        if self._connection is not None:
            asyncio.run_coroutine_threadsafe(_close_soon(self._connection), self._loop)

    async def connect(self, aiortc: ModuleType, offer: str) -> str:
        """The answer to an offer; to be called in the event loop."""
        self._connection = connection = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        connection.on("datachannel", self._on_channel)
        connection.on("track", self._on_track)
        connection.on("connectionstatechange", self._on_state)
        await connection.setRemoteDescription(aiortc.RTCSessionDescription(offer, "offer"))
        for receiver in connection.getReceivers():
            _use_small_jitter_buffer(receiver)
        await connection.setLocalDescription(await connection.createAnswer())
        asyncio.get_running_loop().call_later(CONNECT_SECONDS, self._end_unconnected)
        return str(connection.localDescription.sdp)

    def _on_channel(self, channel: Any) -> None:
        if channel.label != self._label or self._channel is not None:
            return
        self._channel = channel
        channel.on("message", self._receive)
        for text in self._unsent:
            channel.send(text)
        self._unsent.clear()

    def _on_track(self, track: Any) -> None:
        if track.kind == "audio":
            self._audio = asyncio.ensure_future(self._read_audio(track))

    async def _read_audio(self, track: Any) -> None:
        from aiortc.mediastreams import MediaStreamError
        from av.error import FFmpegError

        try:
            await self._decode(track)
        except (MediaStreamError, FFmpegError, ValueError) as error:  # it ended, or its format changed
            log.debug("the audio of a WebRTC peer ended", reason=str(error))
        self.end()

    async def _decode(self, track: Any) -> None:
        from av.audio.resampler import AudioResampler

        resampler = AudioResampler("s16", "mono", SAMPLE_RATE)
        expected, last = None, b""
        while not self.ended:
            frame = await track.recv()
            lost_seconds = (frame.pts - (frame.pts if expected is None else expected)) / frame.sample_rate
            expected, frame.pts = frame.pts + frame.samples, None
            if lost_seconds > MAX_GAP_SECONDS and self._gap_ends:
                return
            if 0 < lost_seconds <= MAX_GAP_SECONDS:
                self._receive(concealed(last, lost_seconds))
            for ready in resampler.resample(frame):
                last = bytes(ready.planes[0])[: ready.samples * 2]
                self._receive(last)

    def _receive(self, message: str | bytes) -> None:
        try:
            self._waiting.put_nowait(message)
        except queue.Full:
            log.info("a WebRTC peer is closed, because it sends faster than real time")
            self.end()

    def _on_state(self) -> None:
        if self._connection.connectionState in ("failed", "closed"):
            self.end()

    def _end_unconnected(self) -> None:
        if self._connection.connectionState != "connected":
            self.end()

    def _send(self, text: str) -> None:
        if self._channel is None:
            del self._unsent[MAX_UNSENT:]
            self._unsent.append(text)
        elif self._channel.readyState == "open":
            self._channel.send(text)


class WebRtcPeers:
    """All peers of one application."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: set[Peer] = set()
        self._stopping = False

    def answer(
        self, offer: str, serve: Callable[[Peer], None], *, channel: str = "", gap_ends: bool = False
    ) -> str:
        """The SDP answer to an offer. `serve` is then called in a thread; the peer ends when it returns.

        `channel` is the label of its data channel. With `gap_ends`, audio that is missing for longer than
        `MAX_GAP_SECONDS` ends the peer; otherwise such a gap is left out. Shorter ones are concealed.
        Raises `InvalidRequest` for an offer that cannot be used, `Busy`, `WebRtcMissing` without aiortc.
        """
        aiortc = _aiortc()
        _check_offer(offer)
        if self._stopping:
            raise Busy("The appliance is stopping.", retry_after_seconds=5)
        peer = Peer(self._running_loop(), channel, gap_ends=gap_ends)
        future = asyncio.run_coroutine_threadsafe(peer.connect(aiortc, offer), self._running_loop())
        try:
            error = future.exception(ANSWER_SECONDS)  # any, for a hostile offer
        except TimeoutError:
            future.cancel()
            peer.end()
            raise Busy("The connection could not be prepared in time.", retry_after_seconds=5) from None
        if error is not None:
            peer.end()
            log.info("an SDP offer cannot be used", reason=f"{type(error).__name__}: {error}"[:200])
            raise InvalidRequest("This SDP offer cannot be used.", field="sdp")
        self._open.add(peer)
        threading.Thread(target=self._serve, args=(peer, serve), name="webrtc-peer", daemon=True).start()
        return future.result()

    def close(self) -> None:
        """Closes all peers, because the server stops."""
        self._stopping = True
        for peer in list(self._open):
            peer.end()

    def close_when(self, stopping: threading.Event) -> None:
        """Closes all peers as soon as the server stops."""

        def close_peers() -> None:
            stopping.wait()
            self.close()

        threading.Thread(target=close_peers, name="webrtc-closer", daemon=True).start()

    def _serve(self, peer: Peer, serve: Callable[[Peer], None]) -> None:
        log_errors(lambda: serve(peer), "a WebRTC peer failed")
        peer.end()
        self._open.discard(peer)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="webrtc", daemon=True).start()
            return self._loop


def webrtc_peers(app: Flask) -> WebRtcPeers:
    """The peers that all protocols of an application share."""
    return cast(WebRtcPeers, app.extensions.setdefault(EXTENSION, WebRtcPeers()))


def concealed(last: bytes, seconds: float) -> bytes:
    """PCM in the place of lost packets, so that times stay right: the last packet again, then silence."""
    size = round(seconds * SAMPLE_RATE) * 2
    return last[:size].ljust(size, b"\0")


def _check_offer(offer: str) -> None:
    """Raises `InvalidRequest` for all but one section of audio, and one data channel at most.

    Each further section would open sockets; video would be decoded for nothing.
    """
    media = [line[2:].split(" ")[0] for line in offer.splitlines() if line.startswith("m=")]
    is_audio = media.count("audio") == 1 and media.count("application") == len(media) - 1 <= 1
    is_complete = all(attribute in offer for attribute in REQUIRED_ATTRIBUTES)
    if len(offer) > MAX_OFFER_BYTES or not is_audio or not is_complete:
        raise InvalidRequest("Send an SDP offer with audio, as a browser makes it.", field="sdp")
    if offer.count("a=candidate:") > MAX_CANDIDATES:
        raise InvalidRequest("This SDP offer has too many candidates.", field="sdp")


async def _close_soon(connection: Any) -> None:
    """Closes after the last message was sent."""
    await asyncio.sleep(FAREWELL_SECONDS)
    await connection.close()


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
        raise WebRtcMissing(
            "WebRTC is not installed here. An administrator can install it: "
            "pip install 'whisper-appliance[webrtc]'"
        ) from None
    module: ModuleType = aiortc
    return module
