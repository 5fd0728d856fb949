"""The connection port: what a live protocol needs of a message-based connection, such as a WebSocket."""

from typing import Protocol


class Connection(Protocol):
    """One connection. One thread receives; any thread may send and close."""

    def recv(self) -> bytes | str | None:
        """Waits for the next message; None once the connection has ended."""

    def send(self, message: bytes | str) -> None:
        """Sends one message. Raises `OSError` if the connection has ended."""

    def close(self) -> None:
        """Closes the connection, if it is still open."""
