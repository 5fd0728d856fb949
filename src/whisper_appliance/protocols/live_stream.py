"""The live session behind a connection: opened within all limits, fed in packets, flushed and stopped."""

from collections.abc import Callable

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.errors import NotFound
from whisper_appliance.engines.vad import FRAME
from whisper_appliance.live.manager import SessionRequest
from whisper_appliance.protocols.audio_input import packets

BYTES_A_SAMPLE = 2
MAX_PACKET_BYTES = 32 * 1024


class LiveStream:
    """One live session of a connection: feeds it 16 kHz PCM16 or a recorder's file, in numbered packets."""

    def __init__(self, appliance: Appliance, connection: str, actor: Actor, request: SessionRequest) -> None:
        """Opens the live session. Raises what `LiveManager.open` and the admission raise."""
        self._live = appliance.live
        self._connection = connection
        self.request = request
        appliance.admission.check_live(actor.owner)
        opened = self._live.open(
            request, owner=actor.owner, key_id=actor.key, connection=connection, network=actor.visitor_network
        )
        self.id = opened.session
        self._packet_bytes = min(opened.max_packet_bytes, MAX_PACKET_BYTES)
        self._seq = 0
        self.samples = 0

    def feed(self, pcm: bytes, before_packet: Callable[[int], None] = lambda _size: None) -> None:
        """Feeds audio; `before_packet` is called with the size of each packet, and may wait."""
        for packet in packets(pcm, self._packet_bytes):
            before_packet(len(packet))
            self._live.feed(self.id, self._seq, packet, connection=self._connection)
            self._seq += 1
            self.samples += len(packet) // BYTES_A_SAMPLE

    def flush(self) -> None:
        """Commits all words so far; the last VAD frame is filled with silence, so that nothing is left."""
        if self.request.format == "pcm_s16le":
            self.feed(bytes(-self.samples % FRAME * BYTES_A_SAMPLE))
        self._live.flush(self.id, connection=self._connection)

    def discard(self) -> None:
        """Ends the live session; nothing of it is kept."""
        try:
            self._live.cancel(self.id, connection=self._connection)
        except NotFound:
            return  # it has ended by itself

    def stop(self) -> None:
        """Ends the live session; its last words and its end follow. Without audio, nothing of it is kept."""
        if not self._seq:
            self.discard()
            return
        try:
            self._live.stop(self.id, self._seq, connection=self._connection)
        except NotFound:
            return  # it has ended by itself
