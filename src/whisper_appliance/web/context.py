"""The web context: what the views of one application use, stored as a Flask extension."""

import secrets
from collections.abc import Callable
from typing import cast

from flask import current_app

from whisper_appliance.app.appliance import Appliance
from whisper_appliance.web.allowed_hosts import AllowedHosts
from whisper_appliance.web.limits.client_slots import ClientSlots
from whisper_appliance.web.rights_watch import RightsWatch
from whisper_appliance.web.uploads import Uploads

EXTENSION = "whisper_appliance"


class WebContext:
    """The appliance behind an application, and the limits on what may be open at once."""

    revoke_captions: Callable[[str, str], None]
    """Disconnects the viewers of a session (id, share token); set by the protocol that serves them."""
    restart: Callable[[], None] | None = None
    """Restarts the server; None if another program serves the application."""

    def __init__(self, appliance: Appliance) -> None:
        self.appliance = appliance
        self.instance = secrets.token_hex(8)  # another one after a restart
        settings, metrics = appliance.settings, appliance.metrics
        self.hosts = AllowedHosts(lambda: appliance.settings, appliance.certificates)
        self.rights = RightsWatch()
        self.uploads = Uploads(
            lambda: appliance.settings,
            on_received=metrics.count_upload,
            on_refused=metrics.count_refused,
            is_mounted=appliance.job_folders.are_mounted,
        )

        def slots(name: str, limit: int, per_client: int) -> ClientSlots:
            found = ClientSlots(name, limit, per_client, on_refused=metrics.count_refused)
            metrics.count_open(name, lambda: found.in_use)
            return found

        self.sockets = slots("sockets", settings.max_websockets, settings.max_websockets_per_address)
        self.streams = slots("event_streams", settings.max_event_streams, settings.event_streams_per_client)
        self.waiting = slots(
            "waiting_requests", settings.max_waiting_requests, settings.waiting_requests_per_client
        )


def web_context() -> WebContext:
    """The context of the current application."""
    return cast(WebContext, current_app.extensions[EXTENSION])


def appliance() -> Appliance:
    """The appliance behind the current application."""
    return web_context().appliance
