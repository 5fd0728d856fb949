"""The parts that views use: the appliance handed to `create_app`, and the doors of the web room."""

import secrets
from collections.abc import Callable
from typing import cast

from flask import current_app

from whisper_appliance.app.appliance import Appliance
from whisper_appliance.web.limits.stream_slots import StreamSlots
from whisper_appliance.web.uploads import Uploads

EXTENSION = "whisper_appliance"


class WebContext:
    """What one application was built from."""

    revoke_captions: Callable[[str, str], None]
    """Disconnects the viewers of a session (id, share token); set by the protocol that serves them."""
    restart: Callable[[], None] | None = None
    """Ends the server so that it is started again; None where these pages are served by something else."""

    def __init__(self, appliance: Appliance) -> None:
        self.appliance = appliance
        self.instance = secrets.token_hex(8)
        self.uploads = Uploads(lambda: appliance.settings, note=appliance.metrics.count_upload)
        self.streams = StreamSlots(appliance.settings.max_websockets)
        appliance.metrics.count_streams_with(lambda: self.streams.in_use)


def web_context() -> WebContext:
    """The parts of the application that answers now."""
    return cast(WebContext, current_app.extensions[EXTENSION])


def appliance() -> Appliance:
    """The appliance behind the application that answers now."""
    return web_context().appliance
