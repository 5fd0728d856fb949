"""The addresses of this appliance, as the browser of a page reaches it."""

from urllib.parse import urlsplit

from flask import request

from whisper_appliance.web.context import appliance

USUAL_WYOMING_PORT = 10300


def origin() -> str:
    """Where the appliance is, e.g. `https://box.local:5001`, with URL_PREFIX if there is one."""
    return request.root_url.rstrip("/")


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
