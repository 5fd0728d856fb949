"""The diarizer's own process: takes windows from a pipe, answers each, and sends the turns at the end."""

import json
import os
import signal
from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.diarization.contract import Diarizer
from whisper_appliance.diarization.registry import load_diarizer

NICENESS = 15  # transcription goes first


def serve(pipe: int) -> None:
    """Serves the pipe with this descriptor, which brings the specification first, for one recording."""
    # A service manager's signals reach every process of the service; the parent decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(NICENESS)
    connection = Connection(pipe)
    try:
        spec, load = connection.recv()
        _diarize(connection, (load or load_diarizer)(spec))
    except ApplianceError as error:
        _send(connection, failed=error.message)
    except (EOFError, BrokenPipeError):
        return


def _diarize(connection: Connection, diarizer: Diarizer) -> None:
    """A window is an array; what ends the recording is the number of its speakers, or None."""
    _send(connection, window_seconds=diarizer.window_seconds, step_seconds=diarizer.step_seconds)
    while isinstance(received := connection.recv(), np.ndarray):
        diarizer.feed(received)
        _send(connection)
    _send(connection, **asdict(diarizer.finish(received)))


def _send(connection: Connection, **message: Any) -> None:
    connection.send_bytes(json.dumps(message).encode())
