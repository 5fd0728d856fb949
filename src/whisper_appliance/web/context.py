"""The web context: what the views of one application use, stored as a Flask extension."""

import secrets
from collections.abc import Callable
from typing import cast

from flask import current_app

from whisper_appliance.app.appliance import Appliance
from whisper_appliance.web.limits.stream_slots import StreamSlots
from whisper_appliance.web.uploads import Uploads

EXTENSION = "whisper_appliance"


class WebContext:
    """The appliance behind an application, and the limits of uploads and streams."""

    revoke_captions: Callable[[str, str], None]
    """Disconnects the viewers of a session (id, share token); set by the protocol that serves them."""
    restart: Callable[[], None] | None = None
    """Restarts the server; None if another program serves the application."""

    def __init__(self, appliance: Appliance) -> None:
        self.appliance = appliance
        self.instance = secrets.token_hex(8)  # another one after a restart
        self.uploads = Uploads(lambda: appliance.settings, on_received=appliance.metrics.count_upload)
        self.streams = StreamSlots(appliance.settings.max_websockets)
        appliance.metrics.count_streams_with(lambda: self.streams.in_use)


def web_context() -> WebContext:
    """The context of the current application."""
    return cast(WebContext, current_app.extensions[EXTENSION])


def appliance() -> Appliance:
    """The appliance behind the current application."""
    return web_context().appliance
