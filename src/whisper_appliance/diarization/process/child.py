"""The diarizer's own process: takes windows from a pipe, answers each, and sends the turns at the end."""

from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from whisper_appliance.diarization.registry import load_diarizer
from whisper_appliance.engines.process.conversation import send_answer


def diarize(connection: Connection, order: Any) -> None:
    """A window is an array; what ends the recording is the number of its speakers, or None."""
    spec, load = order
    diarizer = (load or load_diarizer)(spec)
    send_answer(connection, window_seconds=diarizer.window_seconds, step_seconds=diarizer.step_seconds)
    while isinstance(received := connection.recv(), np.ndarray):
        diarizer.feed(received)
        send_answer(connection)
    send_answer(connection, **asdict(diarizer.finish(received)))
