"""The registry of live protocols: a new protocol is a package beside this module and an entry below."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask

from whisper_appliance.protocols.deepgram import setup as deepgram
from whisper_appliance.protocols.openai_realtime import setup as openai_realtime
from whisper_appliance.protocols.socketio import server as socketio_server
from whisper_appliance.protocols.socketio import setup as socketio_setup
from whisper_appliance.protocols.vosk import setup as vosk
from whisper_appliance.web.context import WebContext


@dataclass(frozen=True, slots=True)
class LiveProtocol:
    """A protocol for live transcription.

    `install` adds it to an application; `close_when` closes its connections once the event is set.
    """

    name: str
    install: Callable[[Flask, WebContext], None]
    close_when: Callable[[threading.Event, Flask], None]


PROTOCOLS = (
    LiveProtocol("socketio", socketio_setup.install, socketio_server.close_when),
    LiveProtocol("openai_realtime", openai_realtime.install, openai_realtime.close_when),
    LiveProtocol("deepgram", deepgram.install, deepgram.close_when),
    LiveProtocol("vosk", vosk.install, vosk.close_when),
)


def install(app: Flask, context: WebContext) -> None:
    """Installs all live protocols."""
    for protocol in PROTOCOLS:
        protocol.install(app, context)


def close_when(stopping: threading.Event, app: Flask) -> None:
    """Closes the connections of all live protocols as soon as the server stops."""
    for protocol in PROTOCOLS:
        protocol.close_when(stopping, app)
