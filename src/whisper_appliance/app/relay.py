"""Between the live room, which is built first, and the application that passes its words on."""

from whisper_appliance.live.live_session import Announce
from whisper_appliance.live.manager import Announcement


def _nobody(told: Announcement) -> None:
    """Sessions keep what matters; whoever comes later asks for it."""


class Relay:
    """Passes on what live sessions say."""

    def __init__(self, witness: Announce = _nobody) -> None:
        """`witness` is told too, before the listener."""
        self._witness = witness
        self._listener: Announce = _nobody

    def announce(self, told: Announcement) -> None:
        """Called by the live room's threads, in order for each session."""
        self._witness(told)
        self._listener(told)

    def tell(self, listener: Announce) -> None:
        """From now on `listener` is told; there is one."""
        self._listener = listener
