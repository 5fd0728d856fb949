"""Socket.IO packets with a limit on their attachments, of which a client may claim any number otherwise."""

from socketio.packet import Packet

ATTACHMENTS = 4


class LimitedPacket(Packet):  # type: ignore[misc] # socketio publishes no types
    """A packet of at most four binary parts; each is as long as a message may be."""

    def decode(self, encoded_packet: str) -> int:
        """Reads the packet's text and says how many binary parts follow. Raises ValueError."""
        count: int = super().decode(encoded_packet)
        if count > ATTACHMENTS:
            raise ValueError(f"{count} attachments, and {ATTACHMENTS} are the most")
        return count
