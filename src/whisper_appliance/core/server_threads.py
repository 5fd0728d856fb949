"""The threads of the server: how many there are, and how many are free."""

from contextvars import ContextVar

SPARE = 64
"""Threads for requests that take a moment, besides those of streams, sockets and waiting requests."""
RESERVED = 16
"""Of the spare threads, those that are kept for health checks, the status and the sign-in."""

free: ContextVar[int | None] = ContextVar("free_server_threads", default=None)
"""How many were free when the request of this thread began; None: the server does not count them."""
