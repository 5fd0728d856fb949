"""Notifications to systemd (sd_notify(3)): the appliance is ready, still runs, or stops."""

import os
import socket
from collections.abc import MutableMapping
from contextlib import suppress


class ServiceManager:
    """Sends to the socket that systemd named. Does nothing where there is none."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        """Takes NOTIFY_SOCKET out of the environment, so that engines and decoders do not inherit it."""
        address = environment.pop("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._is_ready = False

    def ready(self) -> None:
        """Once: the pages answer."""
        if not self._is_ready:
            self._is_ready = True
            self._send("READY=1\nSTATUS=The pages answer.")

    def alive(self) -> None:
        """Resets the watchdog (WatchdogSec= of the unit)."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The appliance begins to stop."""
        self._send("STOPPING=1\nSTATUS=Running jobs stop at their next window.")

    def _send(self, state: str) -> None:
        if self._address:
            with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.setblocking(False)
                channel.sendto(state.encode(), self._address)
