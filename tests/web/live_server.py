"""The real server with the whole appliance, and an engine for live speech that follows a script."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.live.scripted import ScriptedModels
from whisper_appliance import settings
from whisper_appliance.appliance import Appliance
from whisper_appliance.errors import ApplianceError
from whisper_appliance.host.listener import listen
from whisper_appliance.settings import Settings
from whisper_appliance.web import server, sockets
from whisper_appliance.web.application import create_app

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@contextmanager
def scripted(loaded: Settings, stopping: threading.Event) -> Iterator["WSGIApplication"]:
    """What `server.appliance_app` does, with scripted models."""
    with Appliance(loaded, stopping=stopping, live_models=ScriptedModels()) as appliance:
        app = create_app(appliance)
        sockets.close_when(stopping, app)
        yield app


if __name__ == "__main__":
    try:
        loaded = settings.load()
        sys.exit(server.serve(loaded, listen(loaded.host, loaded.https_port), scripted))
    except ApplianceError as error:
        sys.exit(error.message)
