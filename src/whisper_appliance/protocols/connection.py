"""The connection port: what a live protocol needs of a message-based connection, such as a WebSocket."""

from typing import Protocol


class Sender(Protocol):
    """The way to a client. Any thread may send and close."""

    def send(self, message: bytes | str) -> None:
        """Sends one message. Raises `OSError` if the connection has ended."""

    def close(self) -> None:
        """Closes the connection, if it is still open."""


class Connection(Sender, Protocol):
    """One connection, of which one thread receives."""

    def recv(self) -> bytes | str | None:
        """Waits for the next message; None once the connection has ended."""
