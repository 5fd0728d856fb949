"""A WebRTC client of aiortc that speaks as the live page does: silence, the chirp, and then the audio."""

import asyncio
import fractions
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from aiortc import AudioStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame

from whisper_appliance.protocols.sync_chirp import chirp

RATE = 16_000
FRAME_SAMPLES = 320
ATTEMPT_SECONDS = 30.0


class SpeakingTrack(AudioStreamTrack):
    """Silence until `speak`; then the chirp and 16 kHz PCM16, in real time. `finished` is set behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.finished = threading.Event()
        self._pcm = b""
        self._position = 0

    def speak(self, pcm: bytes, *, marked: bool = True) -> None:
        """Sends the chirp, unless `marked` is false, and then this audio; silence follows."""
        marker = np.rint(chirp() * 32_767).astype("<i2").tobytes() if marked else b""
        self._pcm += marker + pcm

    async def recv(self) -> AudioFrame:
        """The next 20 ms."""
        loop = asyncio.get_running_loop()
        self._began = getattr(self, "_began", loop.time())
        await asyncio.sleep(self._began + self._position / RATE - loop.time())
        data, self._pcm = self._pcm[: 2 * FRAME_SAMPLES], self._pcm[2 * FRAME_SAMPLES :]
        if data and not self._pcm:
            self.finished.set()
        samples = np.frombuffer(data.ljust(2 * FRAME_SAMPLES, b"\0"), "<i2")
        frame = AudioFrame.from_ndarray(samples[None], "s16", "mono")
        frame.sample_rate, frame.pts = RATE, self._position
        frame.time_base = fractions.Fraction(1, RATE)
        self._position += FRAME_SAMPLES
        return frame


class WebRtcClient:
    """One peer connection with a speaking track; its event loop runs in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.track = SpeakingTrack()
        self.connection: Any = None
        self.offer = str(self._run(self._offer()))

    def accept(self, sdp: str) -> None:
        """Takes the answer, and waits until it is connected."""
        self._run(self._accept(sdp))

    def close(self) -> None:
        """Closes the connection; a second call does nothing."""
        if not self._loop.is_running():
            return
        self._run(self.connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(ATTEMPT_SECONDS)

    async def _offer(self) -> str:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connection.addTrack(self.track)
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return str(self.connection.localDescription.sdp)

    async def _accept(self, sdp: str) -> None:
        connected = asyncio.Event()
        self.connection.on(
            "connectionstatechange",
            lambda: connected.set() if self.connection.connectionState == "connected" else None,
        )
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        await asyncio.wait_for(connected.wait(), ATTEMPT_SECONDS)


@contextmanager
def webrtc_client() -> Iterator[WebRtcClient]:
    """A client that is closed at the end."""
    client = WebRtcClient()
    try:
        yield client
    finally:
        client.close()
