"""Binds the port before anything else is loaded, so that a port in use ends the start at once."""

import errno
import socket

from whisper_appliance.core.errors import AlreadyRunning, BadSetting

BACKLOG = 256
ADVICE = "Stop the other program, or choose another port with HTTPS_PORT."


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 selects a free one. Raises `AlreadyRunning` and `BadSetting`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=host == "::")
    except PermissionError:
        raise BadSetting(
            "HTTPS_PORT: port {port} needs privileges; choose one above 1023.", port=port
        ) from None
    except socket.gaierror:
        raise BadSetting("HOST: {host} is no address of this machine.", host=host) from None
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise BadSetting("HOST: {host} is no address of this machine.", host=host) from None
        raise AlreadyRunning("Port {port} is in use. {advice}", port=port, advice=ADVICE) from None
