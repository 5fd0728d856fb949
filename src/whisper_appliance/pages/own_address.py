"""The addresses of this appliance, as the browser of a page reaches it."""

import ipaddress
from urllib.parse import urlsplit

from flask import request

from whisper_appliance.host import addresses
from whisper_appliance.host.certificates import LOOPBACK
from whisper_appliance.web.context import appliance

USUAL_WYOMING_PORT = 10300


def origin() -> str:
    """Where the appliance is, e.g. `https://box.local:5001`, with URL_PREFIX if there is one."""
    return request.root_url.rstrip("/")


def network_origin() -> str:
    """The same for other devices of the network: an address where the browser used the name localhost."""
    if host_name() not in LOOPBACK:
        return origin()
    settings = appliance().settings
    found = [
        each for each in addresses.addresses(settings.host) if not ipaddress.ip_address(each).is_loopback
    ]
    if not found:
        return origin()
    parts = urlsplit(origin())
    name = f"[{found[0]}]" if ":" in found[0] else found[0]
    return parts._replace(netloc=f"{name}:{parts.port}" if parts.port else name).geturl()


def websocket_origin() -> str:
    """The same for WebSockets."""
    return origin().replace("http", "ws", 1)


def host_name() -> str:
    """The host without the port."""
    return urlsplit(origin()).hostname or request.host


def wyoming_port() -> int:
    """The port of Wyoming; where it is off, the usual one."""
    return appliance().settings.wyoming_port or USUAL_WYOMING_PORT


def wyoming_address() -> str:
    """Host and port of Wyoming."""
    return f"{host_name()}:{wyoming_port()}"
