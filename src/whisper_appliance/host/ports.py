"""Ports of this machine: listens on one, and checks whether it is free."""

import errno
import os
import socket

from whisper_appliance.core.errors import InvalidRequest

BACKLOG = 64


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, on IPv4 too if `host` is `::`. Raises `OSError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=host == "::")


def check_free(host: str, port: int) -> None:
    """Raises `InvalidRequest`, for the value of a setting, if no server can listen there."""
    try:
        listen(host, port).close()
    except OSError as error:
        reason = os.strerror(error.errno or errno.EIO)
        raise InvalidRequest(
            "Port {port} cannot be used: {reason}. Choose another one.",
            port=port,
            reason=reason,
            field="value",
        ) from None
