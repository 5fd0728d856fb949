"""Socket.IO packets with a limit on attachments, because a client could announce any number of them."""

from socketio.packet import Packet

MAX_ATTACHMENTS = 4


class LimitedPacket(Packet):  # type: ignore[misc] # socketio publishes no types
    """A packet of at most `MAX_ATTACHMENTS` binary parts; each is limited like a message."""

    def decode(self, encoded_packet: str) -> int:
        """Decodes the text part and returns the number of binary parts that follow. Raises `ValueError`."""
        count: int = super().decode(encoded_packet)
        if count > MAX_ATTACHMENTS:
            raise ValueError(f"{count} attachments; the limit is {MAX_ATTACHMENTS}")
        return count
