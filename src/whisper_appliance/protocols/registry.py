"""The registry of live protocols: a new protocol is a package beside this module and an entry below."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask

from whisper_appliance.protocols.deepgram import messages as deepgram_messages
from whisper_appliance.protocols.deepgram import setup as deepgram
from whisper_appliance.protocols.openai_realtime import messages as realtime_messages
from whisper_appliance.protocols.openai_realtime import setup as openai_realtime
from whisper_appliance.protocols.socketio import messages as socketio_messages
from whisper_appliance.protocols.socketio import server as socketio_server
from whisper_appliance.protocols.socketio import setup as socketio_setup
from whisper_appliance.protocols.vosk import messages as vosk_messages
from whisper_appliance.protocols.vosk import setup as vosk
from whisper_appliance.protocols.wyoming import messages as wyoming_messages
from whisper_appliance.protocols.wyoming import setup as wyoming
from whisper_appliance.web import asyncapi
from whisper_appliance.web.asyncapi import SocketChannel
from whisper_appliance.web.context import WebContext


@dataclass(frozen=True, slots=True)
class LiveProtocol:
    """A protocol for live transcription.

    `install` adds it to an application; `close_when` closes its connections once the event is set; `channels`
    are documented at `/asyncapi.json`.
    """

    name: str
    install: Callable[[Flask, WebContext], None]
    close_when: Callable[[threading.Event, Flask], None]
    channels: tuple[SocketChannel, ...] = ()


PROTOCOLS = (
    LiveProtocol(
        "socketio", socketio_setup.install, socketio_server.close_when, (socketio_messages.CHANNEL,)
    ),
    LiveProtocol(
        "openai_realtime", openai_realtime.install, openai_realtime.close_when, realtime_messages.CHANNELS
    ),
    LiveProtocol("deepgram", deepgram.install, deepgram.close_when, (deepgram_messages.CHANNEL,)),
    LiveProtocol("vosk", vosk.install, vosk.close_when, (vosk_messages.CHANNEL,)),
    LiveProtocol("wyoming", wyoming.install, wyoming.close_when, (wyoming_messages.CHANNEL,)),
)


def install(app: Flask, context: WebContext) -> None:
    """Installs all live protocols."""
    asyncapi.install(app, [channel for protocol in PROTOCOLS for channel in protocol.channels])
    for protocol in PROTOCOLS:
        protocol.install(app, context)


def start(app: Flask) -> None:
    """Starts what listens on a port of its own."""
    wyoming.start(app)


def close_when(stopping: threading.Event, app: Flask) -> None:
    """Closes the connections of all live protocols as soon as the server stops."""
    for protocol in PROTOCOLS:
        protocol.close_when(stopping, app)
